"""The page of a finished study: it answers, with the study's own numbers and nobody's names."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

import aehpo_assets as aehpo
from aehpo_assets.cli.main import app
from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home

RUNNER = CliRunner()


@pytest.fixture(scope="module")
def home(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    own = tmp_path_factory.mktemp("report") / "home"
    shutil.copytree(finished_tiny / "home", own)
    return Home(own)


@pytest.fixture(scope="module")
def page(home: Home) -> Path:
    outcome = RUNNER.invoke(app, ["report", "--home", str(home.root)])
    assert outcome.exit_code == 0, outcome.output
    assert "index.html" in outcome.output
    return home.root / "report"


def test_it_says_what_to_train(home: Home, page: Path) -> None:
    recommended = pd.read_csv(page / "tables" / "recommended.csv")
    study = home.study()
    assert set(recommended["architecture"]) == set(study.architectures)
    for row in recommended.to_dict("records"):
        partition = (row["architecture"], row["task"])
        validated = home.store.read_table("validated_recommendations", partition)
        own = validated[validated["origin"] == "recommended"]
        assert row["lr_fixed"] in own["lr_fixed"].tolist()
    text = (page / "index.html").read_text(encoding="utf-8")
    for word in ("What to train", "for new patients", "reliability", "aehpo reproduce"):
        assert word in text


def test_nobody_is_named_in_it(home: Home, page: Path) -> None:
    (task, *_) = [task for (task,) in home.store.partitions("sample_labels")]
    ids = home.store.read_table("sample_labels", (task,)).index.astype(str)
    files = [page / "index.html", *(page / "tables").iterdir(), *(page / "figures").glob("*.svg")]
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert not [name for name in ids if name in text]
        # Nor where somebody's files lie.
        assert str(home.root) not in text


@pytest.mark.slow
def test_it_is_written_again_in_its_place(home: Home, page: Path) -> None:
    before = (page / "index.html").read_bytes()
    assert RUNNER.invoke(app, ["report", "--home", str(home.root)]).exit_code == 0
    assert (page / "index.html").read_bytes() == before


def test_a_folder_of_something_else_is_left_alone(home: Home, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    outcome = RUNNER.invoke(app, ["report", "--home", str(home.root), "--out", str(tmp_path)])
    assert isinstance(outcome.exception, InputError)
    assert (tmp_path / "mine.txt").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_home_without_a_study_says_what_to_do(tmp_path: Path) -> None:
    outcome = RUNNER.invoke(app, ["report", "--home", str(tmp_path / "none")])
    assert isinstance(outcome.exception, InputError)
    assert not (tmp_path / "none" / "report").exists()


@pytest.mark.slow
def test_the_study_is_read_in_python(home: Home, page: Path) -> None:
    opened = aehpo.open(home.root)
    study = home.study()
    assert study.name in repr(opened)
    runs = opened.runs()
    assert len(runs) == sum(
        len(home.store.read_table("run_results", partition))
        for partition in home.store.partitions("run_results")
    )
    (first, *_) = study.architectures
    assert set(opened.runs(first)["architecture"]) == {first}
    task = str(runs["task"].iloc[0])
    answer = opened.answer()
    recommended = pd.read_csv(page / "tables" / "recommended.csv")
    own = answer[answer["origin"] == "recommended"]
    assert own["lr_fixed"].tolist() == pytest.approx(recommended["lr_fixed"].tolist())
    assert {"architecture", "task", "outcome", "new_patients"} <= {*opened.verdicts()}
    assert {"task", "method"} <= {*opened.baselines(task)}
    assert (opened.noise(first, task)["architecture"] == first).all()
    latents = opened.latents(first, task)
    assert latents.n_obs == len(home.store.read_table("sample_labels", (task,)))
    assert list(opened.blackbox(first)) == [task]
    names = [name for name, svg in opened.figures() if svg.startswith(b"<?xml")]
    assert sorted(names) == sorted(file.stem for file in (page / "figures").glob("*.svg"))
    with pytest.raises(InputError, match="holds no run_results"):
        opened.runs("disentanglix")


def test_opening_a_study_imports_no_dagster() -> None:
    said = subprocess.run(
        [
            sys.executable,
            "-c",
            "import aehpo_assets as a, sys; print(len(sys.modules), 'pandas' in "
            "sys.modules); import aehpo_assets.report.opened; print('dagster' in sys.modules)",
        ],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.split()
    assert said[1:] == ["False", "False"]
