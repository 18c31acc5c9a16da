"""What is left by a UI that was killed: it is ended, its runs fail, and are asked for again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import psutil
import pytest
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.types import DaemonHeartbeat

from aehpo_assets.defs.resource import HEADLESS_TAG, INTERRUPTED_TAG, study_on
from aehpo_assets.defs.sensors import interrupted
from aehpo_assets.errors import HomeBusyError
from aehpo_assets.running.interrupted import (
    UI_OF,
    clear_killed_runs,
    start_after_killed_ui,
    stopping_runs,
)
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_gpu.definitions import defs

STARTED, FAILED = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.FAILURE
CANCELING, QUEUED = dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.QUEUED


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    study: dict[str, Any] = {
        "name": "tiny",
        "tasks": ["a"],
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
    home.adopt(Study.model_validate(study), Path("tiny.yaml"))
    return home


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def left(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = STARTED,
    assets: tuple[str, ...] = ("run_results", "learning_curves"),
    **tags: str,
) -> str:
    """Leave an unfinished run behind, and return its id."""
    return create_run_for_test(
        instance,
        status=status,
        tags={"dagster/partition": "varix|a", "dagster/partition/task": "a"} | tags,
        asset_selection=frozenset(dg.AssetKey(asset) for asset in assets),
        remote_job_origin=RemoteJobOrigin(
            RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("aehpo_gpu"), "__repository__"),
            "__ASSET_JOB",
        ),
    ).run_id


def state(instance: dg.DagsterInstance, run_id: str) -> tuple[dg.DagsterRunStatus, bool]:
    """Status of a run, and whether it is asked for again."""
    run = instance.get_run_by_id(run_id)
    assert run is not None
    return run.status, INTERRUPTED_TAG in run.tags


def was_killed(home: Home) -> None:
    """Leave the lock of a UI as a killed one leaves it."""
    (home.root / "ui.lock").write_text("4711")


def beat(instance: dg.DagsterInstance) -> None:
    instance.add_daemon_heartbeat(DaemonHeartbeat(time.time(), "SENSOR", "1", None))


def test_a_headless_run_goes_to_work_at_once_after_a_ui_was_killed(
    home: Home, instance: dg.DagsterInstance
) -> None:
    run_ids = [left(instance), left(instance, QUEUED), left(instance, **{HEADLESS_TAG: "true"})]
    beat(instance)
    with home.locked(), pytest.raises(HomeBusyError, match="2 runs of its UI"):
        clear_killed_runs(instance, home)
    was_killed(home)
    with home.locked():
        clear_killed_runs(instance, home)
    assert {state(instance, run_id) for run_id in run_ids} == {(FAILED, True)}
    with home.served() as killed:
        assert not killed, "it is taken over once"


def test_a_ui_takes_over_from_the_one_that_was_killed(
    home: Home, instance: dg.DagsterInstance
) -> None:
    started, headless = left(instance), left(instance, **{HEADLESS_TAG: "true"})
    queued, canceling = left(instance, QUEUED), left(instance, CANCELING)
    beat(instance)
    with home.locked():
        start_after_killed_ui(instance, home, was_killed=True)
    assert state(instance, started) == (FAILED, True)
    assert state(instance, headless) == (STARTED, False), "`aehpo run` is at work"
    assert state(instance, queued) == (QUEUED, False), "the new daemon starts it"
    assert state(instance, canceling) == (dg.DagsterRunStatus.CANCELED, False)
    start_after_killed_ui(instance, home, was_killed=False)
    assert state(instance, headless) == (FAILED, True)


def test_a_ui_leaves_the_runs_of_a_daemon_that_somebody_else_started(
    home: Home, instance: dg.DagsterInstance
) -> None:
    run_id = left(instance)
    beat(instance)
    start_after_killed_ui(instance, home, was_killed=False)
    with home.worked_on():
        start_after_killed_ui(instance, home, was_killed=True)
    assert state(instance, run_id) == (STARTED, False)


def test_runs_that_end_with_the_ui_are_asked_for_again(instance: dg.DagsterInstance) -> None:
    gone, headless = left(instance), left(instance, **{HEADLESS_TAG: "true"})
    told, done, before = left(instance), left(instance), left(instance, FAILED)
    beat(instance)
    with stopping_runs(instance):
        instance.report_run_failed(instance.get_run_by_id(told))  # type: ignore[arg-type]
        instance.report_run_canceled(instance.get_run_by_id(done))  # type: ignore[arg-type]
    assert state(instance, gone) == state(instance, told) == (FAILED, True)
    assert state(instance, done) == (dg.DagsterRunStatus.CANCELED, False)
    assert state(instance, headless) == (STARTED, False)
    assert state(instance, before) == (FAILED, False)
    assert not instance.get_daemon_heartbeats()


def test_a_place_in_a_pool_is_given_back(home: Home, instance: dg.DagsterInstance) -> None:
    storage = instance.event_log_storage
    storage.set_concurrency_slots("device", 1)
    run_id = left(instance)
    assert storage.claim_concurrency_slot("device", run_id, "train").is_claimed
    start_after_killed_ui(instance, home, was_killed=True)
    assert storage.claim_concurrency_slot("device", "another", "train").is_claimed


def test_what_a_killed_ui_left_running_is_ended(home: Home, instance: dg.DagsterInstance) -> None:
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    own, other = (
        subprocess.Popen(sleep, env=os.environ | {UI_OF: str(folder)})
        for folder in (home.root, home.root / "other")
    )
    try:
        with home.served():
            clear_killed_runs(instance, home)
            assert own.poll() is None, "the UI is alive"
        clear_killed_runs(instance, home)
        assert own.wait(5) == -signal.SIGKILL
        assert other.poll() is None
    finally:
        for process in (own, other):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_what_a_ui_started_ends_with_it(tmp_path: Path) -> None:
    (tmp_path / "sleeper.py").write_text(
        "import pathlib, subprocess, time\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        "pathlib.Path('pid').write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    parent = "\n".join(
        [
            "import pathlib, sys, time",
            "from aehpo_assets.store.home import Home",
            "from aehpo_assets.running.ui import start_process",
            "child = start_process(['sleeper'], Home('home'), pathlib.Path.cwd())",
            "print(child.pid, flush=True)",
            "time.sleep(60)",
        ]
    )
    path = os.pathsep.join([str(Path(__file__).parents[3]), str(tmp_path)])
    process = subprocess.Popen(
        [sys.executable, "-c", parent],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    child = psutil.Process(int(process.stdout.readline()))
    deadline = time.monotonic() + 30
    while not ((tmp_path / "pid").exists() and (tmp_path / "pid").read_text()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    started = [child, psutil.Process(int((tmp_path / "pid").read_text()))]
    assert all(one.is_running() for one in started)
    process.kill()
    process.wait()
    while any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in started):
        assert time.monotonic() < deadline, "it outlived the UI"
        time.sleep(0.05)


def asked_again(
    instance: dg.DagsterInstance, home: Home, cursor: str | None = None
) -> tuple[list[dg.RunRequest], str | None]:
    with dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        repository_def=defs.get_repository_def(),
        resources={"study": study_on(home)},
    ) as context:
        data = interrupted().evaluate_tick(context)
    return list(data.run_requests or []), data.cursor


def test_what_was_interrupted_is_asked_for_again_once(
    home: Home, instance: dg.DagsterInstance
) -> None:
    left(instance, FAILED)
    assert asked_again(instance, home) == ([], None), "it failed by itself"
    run_id = left(instance)
    left(instance, assets=("surrogate",))
    start_after_killed_ui(instance, home, was_killed=True)
    (request,), cursor = asked_again(instance, home)
    assert request.run_key == run_id
    assert {k.to_user_string() for k in request.asset_selection or []} == {
        "run_results",
        "learning_curves",
    }
    expected = {"dagster/partition": "varix|a", "dagster/partition/task": "a"}
    assert request.tags.items() >= expected.items()
    assert asked_again(instance, home, cursor)[0] == []


def test_what_was_made_since_is_not_asked_for_again(
    home: Home, instance: dg.DagsterInstance
) -> None:
    left(instance)
    start_after_killed_ui(instance, home, was_killed=True)
    for asset in ("run_results", "learning_curves"):
        instance.report_runless_asset_event(dg.AssetMaterialization(asset, partition="varix|b"))
    instance.report_runless_asset_event(
        dg.AssetMaterialization("learning_curves", partition="varix|a")
    )
    assert len(asked_again(instance, home)[0]) == 1, "the two are made together"
    instance.report_runless_asset_event(dg.AssetMaterialization("run_results", partition="varix|a"))
    assert asked_again(instance, home)[0] == []


def test_nothing_is_asked_for_beside_a_headless_run(
    home: Home, instance: dg.DagsterInstance
) -> None:
    left(instance)
    start_after_killed_ui(instance, home, was_killed=True)
    with home.locked():
        requests, cursor = asked_again(instance, home)
    assert (requests, cursor) == ([], None)
    assert len(asked_again(instance, home, cursor)[0]) == 1
