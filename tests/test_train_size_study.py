"""A finished study that asks for scores against train samples as well."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import yaml

from aehpo_assets.analysis.plots.style import drawn_as
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.report.train_sizes import train_size_blocks
from aehpo_assets.running.runner import StudyRun, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study

pytestmark = pytest.mark.slow


def test_a_finished_study_learns_what_more_samples_would_bring(
    finished_tiny: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    home, file = Home(tmp_path / "home"), tmp_path / "tiny.yaml"
    content = yaml.safe_load((finished_tiny / "tiny.yaml").read_text())
    file.write_text(yaml.safe_dump(content | {"train_sizes": {"sizes": [20, 30]}}))
    tasks = available_tasks(home.data_roots())
    instance = prepare(read_study(file), home, tasks, file=file)
    made = list(StudyRun(home, instance, tasks).run())
    instance.dispose()
    # Nothing that was there depends on it.
    assert [(one.work.assets, one.error) for one in made] == [(("train_size_curve",), None)]
    table = home.store.read_table("train_size_curve", ("vanillix", "toy_rna"))
    assert sorted(table["train_size"].unique()) == [20, 30, 56]
    assert table.groupby(["origin", "train_size"])["seed"].nunique().eq(2).all()
    sentence, picture, compared = train_size_blocks(home.store, "vanillix", "toy_rna", "x")
    assert "Against PCA, the recommended vanillix is" in sentence.words  # type: ignore[union-attr]
    with drawn_as("png"):
        assert picture.draw().startswith(b"\x89PNG")  # type: ignore[union-attr]
    assert compared.frame["train_size"].tolist() == [20, 30, 56]  # type: ignore[union-attr]
