"""What a UI or a run that was killed or stopped leaves behind, and how it is taken over.

Who is alive is told by locks, which the kernel gives back however a process ends: a UI holds
``ui.lock``, a headless run ``lock``, and every step of a run of the UI shares ``work.lock``. What
is left of a UI that is gone is ended before anybody else writes. Its runs are said to have failed,
and marked: ``defs.sensors.interrupted`` asks for them again.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator

import dagster as dg
import psutil

from aehpo_assets.defs.instance import UNFINISHED, daemon_is_alive, open_instance
from aehpo_assets.defs.resource import INTERRUPTED_TAG, is_headless
from aehpo_assets.errors import HomeBusyError
from aehpo_assets.store.files import remove_unfinished
from aehpo_assets.store.home import Home

UI_OF = "AEHPO_UI_OF"
"""Variable in the environment of every process that a UI started: the home that it serves."""

_SECONDS_TO_DIE = 10.0


def _take_over_from_killed_ui(
    instance: dg.DagsterInstance, home: Home, *, was_killed: bool
) -> None:
    """End what a UI that is gone left running, and forget the signs of life of its daemon.

    Parameters
    ----------
    instance
        The home's instance.
    home
        The home, whose ``served`` the caller holds: no other UI is alive.
    was_killed
        Whether the last UI did not end by itself.

    Raises
    ------
    HomeBusyError
        If a process cannot be ended.
    """
    deadline = time.monotonic() + _SECONDS_TO_DIE
    while left := _processes_of_ui(home):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        if time.monotonic() > deadline:
            raise HomeBusyError(
                f"{home.root} is in use: the process {left[0].pid} of a UI that is gone does not "
                "end. End it, or choose another --home."
            )
        time.sleep(0.05)
    if was_killed:
        instance.wipe_daemon_heartbeats()


def _processes_of_ui(home: Home) -> list[psutil.Process]:
    return [
        process
        for process in psutil.process_iter(["environ"])
        if (process.info["environ"] or {}).get(UI_OF) == str(home.root)
        and process.pid != os.getpid()
    ]


def clear_killed_runs(instance: dg.DagsterInstance, home: Home) -> None:
    """Before a headless run, take over what killed processes left; the caller holds ``locked``.

    A killed process takes its place in the pool with it; nobody else gives it back, and the next
    training would wait for it forever.

    Raises
    ------
    HomeBusyError
        If runs of the UI or its daemon are under way.
    """
    with contextlib.ExitStack() as stack:
        try:
            was_killed = stack.enter_context(home.served())
        except HomeBusyError:
            pass  # A UI is up.
        else:
            _take_over_from_killed_ui(instance, home, was_killed=was_killed)
    unfinished = instance.get_runs(dg.RunsFilter(statuses=list(UNFINISHED)))
    living = [run for run in unfinished if not is_headless(run)]
    if home.is_worked_on or (living and (home.is_served or daemon_is_alive(instance))):
        raise HomeBusyError(
            f"{home.root} is in use: {max(1, len(living))} runs of its UI or daemon are under way. "
            "Wait for them, stop `aehpo ui`, or choose another --home."
        )
    _report_interrupted(instance, unfinished, "The process was killed before the run ended.")
    home.store.recover()
    # Data sets are added by others, at any time.
    remove_unfinished(home.root, without=home.data)


@contextlib.contextmanager
def working_alone(home: Home) -> Iterator[dg.DagsterInstance]:
    """Hold a home as the only one who writes into it, and yield its instance.

    Raises
    ------
    HomeBusyError
        If a headless run, or a run of the UI or its daemon, is under way.
    """
    with home.locked():
        instance = open_instance(home)
        clear_killed_runs(instance, home)
        yield instance


def start_after_killed_ui(instance: dg.DagsterInstance, home: Home, *, was_killed: bool) -> None:
    """Before a UI starts, take over what killed processes left; the caller holds ``served``.

    What was queued is left for the new daemon to start.
    """
    _take_over_from_killed_ui(instance, home, was_killed=was_killed)
    if home.is_worked_on or daemon_is_alive(instance):
        # Somebody runs a daemon of Dagster's own on this home.
        return
    _report_interrupted(
        instance,
        [run for run in _begun(instance) if not is_headless(run) or not home.is_locked],
        "The process was killed before the run ended.",
    )


@contextlib.contextmanager
def stopping_runs(instance: dg.DagsterInstance) -> Iterator[None]:
    """Stop a UI and all that it started inside the block, and say of its runs that they failed.

    A run that is asked to end says so by itself, but not that it is to be asked for again.
    """
    stopped = [run.run_id for run in _begun(instance) if not is_headless(run)]
    yield
    ended = (dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.CANCELED)
    runs = [run for run_id in stopped if (run := instance.get_run_by_id(run_id))]
    left = [run for run in runs if run.status not in ended]
    _report_interrupted(instance, left, "It was stopped together with the UI.")
    instance.wipe_daemon_heartbeats()


def _begun(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    begun = [status for status in UNFINISHED if status != dg.DagsterRunStatus.QUEUED]
    return list(instance.get_runs(dg.RunsFilter(statuses=begun)))


def _report_interrupted(
    instance: dg.DagsterInstance, runs: Iterable[dg.DagsterRun], message: str
) -> None:
    """Say of runs without a process how they ended, and give back their places in pools."""
    for run in runs:
        if run.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(run, message=message)
            continue
        instance.add_run_tags(run.run_id, {INTERRUPTED_TAG: "true"})
        if not run.is_finished:
            instance.report_run_failed(run, message=message)
    for run_id in instance.event_log_storage.get_concurrency_run_ids():
        holder = instance.get_run_by_id(run_id)
        if holder is None or holder.is_finished:
            instance.event_log_storage.free_concurrency_slots_for_run(run_id)
