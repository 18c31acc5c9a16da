"""The Dagster instance of a home: where it lies and how it is configured."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterator

import dagster as dg
import yaml
from sqlalchemy.exc import DBAPIError

from aehpo_assets.errors import InstanceError
from aehpo_assets.store.files import write_text
from aehpo_assets.store.home import Home

DAGSTER_YAML = """\
telemetry:
  enabled: false
nux:
  enabled: false
# One training at a time on the device, across all runs; each run is a process of its own.
concurrency:
  pools:
    default_limit: 1
    granularity: op
  runs:
    max_concurrent_runs: 4
# A run whose process was killed is said to have failed, and gives its place in a pool back.
run_monitoring:
  enabled: true
  free_slots_after_run_end_seconds: 60
# Dagster's files, with connections that stay open.
event_log_storage:
  module: aehpo_assets.defs.event_log
  class: HomeEventLogStorage
run_storage:
  module: aehpo_assets.defs.run_storage
  class: HomeRunStorage
compute_logs:
  module: aehpo_assets.defs.compute_logs
  class: HomeComputeLogs
# A sensor that reads a large data set does not hold up the others.
sensors:
  use_threads: true
  num_workers: 4
"""

UNFINISHED = (
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
"""What a run is that still has something to do."""


def open_instance(home: Home) -> dg.DagsterInstance:
    """Open the home's instance, and make it on first use; ``DAGSTER_HOME`` points to it after."""
    file = home.dagster / "dagster.yaml"
    if not file.exists():
        home.dagster.mkdir(parents=True, exist_ok=True)
        write_text(file, DAGSTER_YAML)
    os.environ["DAGSTER_HOME"] = str(home.dagster)
    return dg.DagsterInstance.get()


def readable_instance(home: Home) -> dg.DagsterInstance | None:
    """Open the home's instance to look into it; None where there is none, or it is not ours.

    Its databases are written to by whoever opens them, a reader included.
    """
    if not (home.dagster / "dagster.yaml").exists():
        return None
    files = [home.dagster, *home.dagster.rglob("*.db")]
    return open_instance(home) if all(os.access(file, os.W_OK) for file in files) else None


_SIGN_OF_LIFE_SECONDS = 60.0


def daemon_is_alive(instance: dg.DagsterInstance) -> bool:
    """Whether some daemon showed a sign of life lately, whoever started it; it does every 30 s."""
    latest = max((b.timestamp for b in instance.get_daemon_heartbeats().values()), default=0.0)
    return time.time() - latest < _SIGN_OF_LIFE_SECONDS


@contextlib.contextmanager
def explained(home: Home) -> Iterator[None]:
    """Turn what the instance's databases complain about inside the block into one message.

    Raises
    ------
    InstanceError
        If they are locked, damaged, or cannot be written to; it says what to do.
    """
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        raise InstanceError(_explanation(home, reason)) from error
    except (dg.DagsterInvalidConfigError, yaml.YAMLError) as error:
        reason = "its dagster.yaml is not valid"
        raise InstanceError(_explanation(home, reason)) from error


_LOCKED = ("locked", "busy")
_NO_ROOM = ("disk is full", "disk I/O error", "unable to open", "readonly", "read-only")


def _explanation(home: Home, reason: str) -> str:
    if any(word in reason for word in _LOCKED):
        problem, remedy = "is held by another process", "Wait for it, or stop it"
    elif any(word in reason for word in _NO_ROOM):
        problem, remedy = "cannot be written to", "Make room, or correct its permissions"
    else:
        problem, remedy = "is damaged", f"Move {home.dagster} away"
    return (
        f"{home.dagster}: the history of runs {problem} ({reason}). It holds no results: every "
        f"finished artefact and training is kept. {remedy}, then call the same command again."
    )
