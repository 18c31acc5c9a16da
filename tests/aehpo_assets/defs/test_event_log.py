"""The event log of a home: Dagster's own files, few of them open, and none tied to a place."""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
from pathlib import Path

import dagster as dg
import psutil
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage

from aehpo_assets.defs.event_log import OPEN_RUNS, HomeEventLogStorage
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.store.home import Home


@dg.asset
def trivial() -> int:
    return 1


def materialize(home: Home, times: int) -> dg.DagsterInstance:
    instance = open_instance(home)
    console = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    for _ in range(times):
        assert dg.materialize([trivial], instance=instance, run_config=console).success
    return instance


def materializations(storage: SqliteEventLogStorage) -> int:
    return len(storage.fetch_materializations(trivial.key, limit=100).records)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_dagsters_own_storage_reads_what_is_written(home: Home) -> None:
    instance = materialize(home, 2)
    stock = SqliteEventLogStorage(str(home.dagster / "history" / "runs"))
    assert materializations(stock) == 2
    for run in instance.get_runs():
        ours = [str(entry) for entry in instance.all_logs(run.run_id)]
        assert ours
        read = stock.get_records_for_run(run.run_id).records
        assert [str(record.event_log_entry) for record in read] == ours


def test_a_new_database_is_as_dagster_begins_one(home: Home, tmp_path: Path) -> None:
    instance = materialize(home, 1)
    (run,) = instance.get_runs()
    stock = SqliteEventLogStorage(str(tmp_path / "stock"))
    with stock.run_connection(run.run_id):
        pass

    def begun(folder: Path, shard: str) -> list[object]:
        questions = (
            "SELECT name, sql FROM sqlite_master ORDER BY name",
            "SELECT version_num FROM alembic_version",
            "PRAGMA journal_mode",
        )
        file = folder / f"{shard}.db"
        with contextlib.closing(sqlite3.connect(file)) as database:
            answers = [database.execute(question).fetchall() for question in questions]
        return [*answers, file.stat().st_mode]

    for shard in (run.run_id, "index"):
        assert begun(home.dagster / "history" / "runs", shard) == begun(tmp_path / "stock", shard)


def test_few_databases_stay_open(home: Home) -> None:
    instance = materialize(home, OPEN_RUNS + 3)
    files = [Path(file.path) for file in psutil.Process().open_files()]
    opened = {file for file in files if file.suffix == ".db" and home.dagster in file.parents}
    assert 0 < len([file for file in opened if file.parent.name == "runs"]) <= OPEN_RUNS + 1
    assert materializations(instance.event_log_storage) == OPEN_RUNS + 3


def test_a_moved_home_keeps_its_history(home: Home, tmp_path: Path) -> None:
    materialize(home, 1).dispose()
    shutil.move(home.root, tmp_path / "elsewhere")
    instance = materialize(Home(tmp_path / "elsewhere"), 1)
    assert isinstance(instance.event_log_storage, HomeEventLogStorage)
    assert materializations(instance.event_log_storage) == 2
    assert not home.root.exists()


def test_a_history_that_is_wiped_or_lost_begins_again(home: Home) -> None:
    instance = materialize(home, 2)
    instance.event_log_storage.wipe()
    assert materializations(instance.event_log_storage) == 0
    materialize(home, 1)
    assert materializations(instance.event_log_storage) == 1
    shutil.rmtree(home.dagster)
    os.environ.pop("DAGSTER_HOME")
    assert materializations(materialize(home, 1).event_log_storage) == 1


def test_a_check_has_many_outcomes_of_one_partition_outside_runs(tmp_path: Path) -> None:
    """Dagster's own storage refuses the second."""
    key = dg.AssetCheckKey(dg.AssetKey("table"), "whole")
    with open_instance(Home(tmp_path)) as instance:
        for task, passed in (("a", True), ("b", True), ("a", False), ("b", True)):
            instance.report_runless_asset_event(
                dg.AssetCheckEvaluation(key.asset_key, key.name, passed=passed, partition=task)
            )
        records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    told = {record.partition: record.status.value for record in reversed(records)}
    assert told == {"a": "FAILED", "b": "SUCCEEDED"}
