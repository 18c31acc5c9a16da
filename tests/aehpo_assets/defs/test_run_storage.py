"""The runs of a home: Dagster's own file, open once, and not tied to a place."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import psutil
from dagster._core.storage.runs import SqliteRunStorage

from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.run_storage import HomeRunStorage
from aehpo_assets.store.home import Home


def add_run(instance: dg.DagsterInstance) -> str:
    return instance.add_run(dg.DagsterRun(job_name="some")).run_id


def is_open(home: Home) -> bool:
    files = [Path(file.path) for file in psutil.Process().open_files()]
    return home.dagster / "history" / "runs.db" in files


def test_dagsters_own_storage_reads_what_is_written(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    instance = open_instance(home)
    runs = {add_run(instance) for _ in range(3)}
    stock = SqliteRunStorage.from_local(str(home.dagster / "history"))
    assert {run.run_id for run in stock.get_runs()} == runs
    assert isinstance(instance.run_storage, HomeRunStorage)
    assert is_open(home)
    instance.dispose()
    assert not is_open(home)


def test_a_home_that_is_moved_has_its_runs_and_the_old_place_stays_empty(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    instance = open_instance(home)
    run = add_run(instance)
    instance.dispose()
    shutil.move(home.root, tmp_path / "moved")
    moved = open_instance(Home(tmp_path / "moved"))
    assert [one.run_id for one in moved.get_runs()] == [run]
    add_run(moved)
    assert not home.root.exists()
