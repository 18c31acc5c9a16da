"""What can be known to be wrong before a study starts is refused before it starts."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.errors import InputError
from aehpo_assets.running.preflight import check_study
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

FILE = Path("study.yaml")


TWO_POINTS = {
    "k_filter": [64],
    "n_layers": [2],
    "enc_factor": [2.0],
    "latent_dim_fixed": [2],
    "lr_fixed": [0.001, 0.01],
    "batch_size": [16],
    "drop_p": [0.1],
}
"""For vanillix: beta is left, which only varix has."""

HALVING = ["random_search", "asha"]


def study(**changes: Any) -> Study:
    content: dict[str, Any] = {
        "name": "s",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 2},
        "epochs": 1,
    }
    return Study.model_validate(content | changes)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"hpo": {"searchers": ["cqrr"]}}, "hpo.searchers"),
        ({"benchmark": {"searchers": ["random_search", "cqrr"]}}, "benchmark.searchers"),
        ({"benchmark": {"searchers": ["random_search", "asha"]}}, "benchmark.searchers"),
        (
            {"tasks": ["a_rna"], "benchmark": {"searchers": ["random_search", "cqr+box"]}},
            "benchmark.searchers",
        ),
        ({"transfer_benchmark": {"searchers": ["cqrr"]}}, "transfer_benchmark.searchers"),
        ({"transfer_benchmark": {"searchers": ["asha"]}}, "transfer_benchmark.searchers"),
        ({"transfer_benchmark": {"probe": 50}}, "transfer_benchmark.probe"),
        ({"tasks": ["a_rna"], "transfer_benchmark": {}}, "transfer_benchmark"),
        ({"live": {"searchers": ["cqrr"]}}, "live.searchers"),
        ({"live": {"searchers": ["cqr", "asha"]}}, "live.searchers"),
        ({"space": {"k_filtre": [64]}}, "space.k_filtre"),
        # Two architectures: one space is large enough, the other is not.
        (
            {"space": TWO_POINTS, "architectures": ["varix", "vanillix"]}
            | {"configurations": {"count": 3}},
            "configurations.count",
        ),
        ({"hpo": {"searcher_settings": {"nosuch": {"a": 1}}}}, "hpo.searcher_settings"),
        (
            {"hpo": {"searcher_settings": {"regularized_evolution": {"populaton": 3}}}},
            "hpo.searcher_settings",
        ),
        (
            # Stops nothing: its only fidelity is the whole training.
            {"fidelities": [1], "score_fidelities": True, "benchmark": {"searchers": HALVING}},
            "benchmark.searchers",
        ),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(changes: dict[str, Any], key: str) -> None:
    settings = study(**changes)
    tasks = ["a_rna", "b_rna"] if settings.tasks == "all" else settings.tasks
    with pytest.raises(InputError) as caught:
        check_study(settings, FILE, tasks)
    assert caught.value.key == key
    assert caught.value.file == FILE


def test_a_good_study_passes() -> None:
    curves = {"epochs": 3, "fidelities": [1], "score_fidelities": True}
    for changes in (
        {"benchmark": {"searchers": ["random_search", "cqr+box"]}},
        {"transfer_benchmark": {"ground": "table"}},
        {"benchmark": {"searchers": HALVING}} | curves,
        {"live": {"searchers": ["cqr", "asha"]}} | curves,
        {"hpo": {"searcher_settings": {"regularized_evolution": {"population_size": 3}}}},
        {"hpo": {"searcher_settings": {"moasha": {"reduction_factor": 2}}}} | curves,
    ):
        check_study(study(**changes), FILE, ["a_rna", "b_rna"])


@pytest.mark.parametrize(
    ("searcher", "says"),
    [
        ("cqr+bxo", "Did you mean cqr+box?"),
        ("ASHA", "Did you mean asha?"),
        ("moasha+box", "Did you mean moasha?"),
    ],
)
def test_what_was_meant_is_guessed(searcher: str, says: str) -> None:
    with pytest.raises(InputError, match="unknown searcher") as caught:
        check_study(study(benchmark={"searchers": ["kde", searcher]}), FILE, ["a_rna", "b_rna"])
    assert caught.value.remedy == says


def test_a_searcher_that_works_elsewhere_is_not_called_unknown() -> None:
    with pytest.raises(InputError, match="'asha' does not work here"):
        check_study(study(hpo={"searchers": ["asha"]}), FILE, ["a_rna"])


@pytest.mark.slow
@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_split_that_names_a_data_set_there_is_not_is_refused_before_a_write(
    command: str, tiny_root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "study.yaml"
    text = (tiny_root / "tiny.yaml").read_text()
    file.write_text(text + "split: {group: {toyy: patient}}\n")
    home = tmp_path / "home"
    arguments = [str(file), "--data", str(tiny_root / "data"), "--home", str(home)]
    done = subprocess.run(
        [sys.executable, "-m", "aehpo_assets.cli.main", command, *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "split.group: there is no data set 'toyy'. Did you mean toy?" in done.stderr
    assert not home.exists()


@pytest.mark.parametrize("way", ["group", "stratify", "column"])
def test_a_misspelt_data_set_in_the_split_is_refused_before_anything_is_written(
    tiny_root: Path, tmp_path: Path, way: str
) -> None:
    """Its patients would be spread over train, valid and test unnoticed."""
    content = yaml.safe_load((tiny_root / "tiny.yaml").read_text())
    file = tmp_path / "study.yaml"
    file.write_text(yaml.safe_dump(content | {"split": {way: {"tooy": "sex"}}}))
    home = Home(tmp_path / "home")
    with pytest.raises(InputError, match=rf"split\.{way}: there is no data set 'tooy'.*toy\?"):
        run_headless(file, home, [tiny_root / "data"], Console(file=io.StringIO()))
    assert not home.root.exists()
