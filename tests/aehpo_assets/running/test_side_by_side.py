"""A headless run and the runs of the UI or its daemon do not work side by side."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path

import dagster as dg
import pytest
from dagster._daemon.types import DaemonHeartbeat

from aehpo_assets.defs.resource import HEADLESS_TAG, StudyResource, study_on
from aehpo_assets.errors import HomeBusyError
from aehpo_assets.running.interrupted import clear_killed_runs
from aehpo_assets.store.home import Home


@dg.asset
def something(study: StudyResource) -> None:
    """Whatever needs the study."""


def materialize(study: StudyResource, **tags: str) -> bool:
    return dg.materialize(
        [something],
        resources={"study": study},
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags=tags,
        raise_on_error=False,
    ).success


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


def test_a_run_of_the_ui_is_refused_beside_a_headless_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEHPO_HOME", str(tmp_path))
    of_ui, home = StudyResource(), Home(tmp_path)
    assert materialize(of_ui)
    with home.locked():
        assert not materialize(of_ui)
        assert not materialize(of_ui, **{HEADLESS_TAG: "true"}), "a tag that anybody can give"
        assert materialize(study_on(home))


def test_runs_of_the_ui_work_side_by_side_and_data_sets_are_added_meanwhile(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with home.worked_on(), home.worked_on(), home.locked():
        assert home.is_worked_on
    assert not home.is_worked_on


def test_a_step_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    home = Home(tmp_path)
    step = contextlib.ExitStack()
    step.enter_context(home.worked_on())
    timer = threading.Timer(0.3, step.close)
    timer.start()
    assert not home.is_worked_on
    timer.join()


def test_a_headless_run_is_refused_beside_a_step_that_nobody_knows_of(tmp_path: Path) -> None:
    """Of a daemon on another machine, or one that shows no sign of life."""
    home, instance = Home(tmp_path), dg.DagsterInstance.ephemeral()
    with home.worked_on(), home.locked(), pytest.raises(HomeBusyError, match="in use"):
        clear_killed_runs(instance, home)


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
