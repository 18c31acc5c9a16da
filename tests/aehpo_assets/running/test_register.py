"""The tasks of an added data set become those of the study, if it is to have them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aehpo_assets.cli.main import app
from aehpo_assets.datasets.simulate import write_demo_data
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.running.register import register_tasks
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study

TASKS = ["cohort_dna", "cohort_meth", "cohort_rna"]


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The simulated cohort."""
    return write_demo_data(tmp_path_factory.mktemp("data"))[0]


def adopted(folder: Path, tasks: Any) -> Home:
    home = Home(folder)
    study = {
        "name": "tiny",
        "tasks": tasks,
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
    home.adopt(Study.model_validate(study), Path("tiny.yaml"))
    return home


@pytest.fixture(autouse=True)
def own_instance(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opening an instance and calling a command set these for the whole process."""
    monkeypatch.setenv("DAGSTER_HOME", "")
    monkeypatch.setenv("AEHPO_HOME", "")


@pytest.mark.parametrize(
    ("tasks", "registered"), [("all", TASKS), (["cohort_rna", "other_rna"], ["cohort_rna"])]
)
def test_the_study_gets_the_tasks_that_it_is_to_have(
    tmp_path: Path, cohort: Path, tasks: Any, registered: list[str]
) -> None:
    home = adopted(tmp_path, tasks)
    found, note = register_tasks(cohort, home)
    assert found == TASKS
    assert "aehpo run" in note
    assert sorted(open_instance(home).get_dynamic_partitions("task")) == registered


def test_nothing_is_registered_without_a_study_or_for_another(tmp_path: Path, cohort: Path) -> None:
    assert "no study yet" in register_tasks(cohort, Home(tmp_path / "empty"))[1]
    home = adopted(tmp_path / "home", ["other_rna"])
    assert "does not list them" in register_tasks(cohort, home)[1]
    assert not home.dagster.exists()


def test_beside_a_headless_run_the_tasks_wait(tmp_path: Path, cohort: Path) -> None:
    home = adopted(tmp_path, "all")
    with home.locked():
        assert "is at work" in register_tasks(cohort, home)[1]


def test_the_command_adds_registers_and_says_so(
    tmp_path: Path, cohort: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    home = adopted(tmp_path / "home", "all")
    called = CliRunner().invoke(app, ["dataset", "add", str(cohort), "--home", str(home.root)])
    assert called.exit_code == 0, called.output
    for task in TASKS:
        assert task in called.output
    assert (home.data / "cohort" / "dataset.yaml").exists()
