"""A headless run and the runs of the UI or its daemon do not work side by side."""

from __future__ import annotations

import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from aehpo_assets.defs.study_resource import HEADLESS_TAG, StudyResource
from aehpo_assets.errors import HomeBusyError
from aehpo_assets.home import Home
from aehpo_assets.runner import clear_killed_runs, report_stopped_runs


@dg.asset
def something(study: StudyResource) -> None:
    """Whatever needs the study."""


def materialize(home: Home, **tags: str) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [something],
        resources={"study": StudyResource(home_folder=str(home.root))},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags=tags,
        raise_on_error=False,
    )


def started(instance: dg.DagsterInstance, status: dg.DagsterRunStatus, **tags: str) -> str:
    """Leave an unfinished run behind, and return its id."""

    @dg.job
    def job() -> None:
        """Nothing."""

    run = instance.create_run_for_job(job, status=status, tags=tags)
    return run.run_id


def status(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRunStatus:
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_a_run_of_the_ui_is_refused_beside_a_headless_run(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert materialize(home).success
    with home.locked():
        assert not materialize(home).success
        assert materialize(home, **{HEADLESS_TAG: "true"}).success


def test_a_headless_run_is_refused_beside_runs_of_the_ui(tmp_path: Path) -> None:
    home, instance = Home(tmp_path), dg.DagsterInstance.ephemeral()
    run_id = started(instance, dg.DagsterRunStatus.STARTED)
    with home.served(), pytest.raises(HomeBusyError, match="1 runs of its UI"):
        clear_killed_runs(instance, home)
    assert status(instance, run_id) == dg.DagsterRunStatus.STARTED


def test_a_daemon_that_somebody_else_started_counts_too(tmp_path: Path) -> None:
    instance = dg.DagsterInstance.ephemeral()
    started(instance, dg.DagsterRunStatus.STARTING)
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "1", None))
    with pytest.raises(HomeBusyError, match="daemon"):
        clear_killed_runs(instance, Home(tmp_path))


def test_runs_that_nobody_carries_any_more_are_cleared(tmp_path: Path) -> None:
    home, instance = Home(tmp_path), dg.DagsterInstance.ephemeral()
    of_ui = started(instance, dg.DagsterRunStatus.STARTED)
    headless = started(instance, dg.DagsterRunStatus.STARTED, **{HEADLESS_TAG: "true"})
    clear_killed_runs(instance, home)
    assert {status(instance, run) for run in (of_ui, headless)} == {dg.DagsterRunStatus.FAILURE}


def test_runs_that_end_with_the_ui_are_said_to_have_failed(tmp_path: Path) -> None:
    instance = dg.DagsterInstance.ephemeral()
    of_ui = started(instance, dg.DagsterRunStatus.STARTED)
    headless = started(instance, dg.DagsterRunStatus.STARTED, **{HEADLESS_TAG: "true"})
    report_stopped_runs(instance)
    assert status(instance, of_ui) == dg.DagsterRunStatus.FAILURE
    assert status(instance, headless) == dg.DagsterRunStatus.STARTED
