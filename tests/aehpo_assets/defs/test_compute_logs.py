"""What steps print: kept where Dagster keeps it, and nothing is left running for it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import dagster as dg
import psutil

from aehpo_assets.defs import compute_logs
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.store.home import Home


def test_what_a_step_prints_is_in_dagsters_files(tmp_path: Path) -> None:
    @dg.asset
    def talks() -> None:
        sys.stdout.write("to stdout\n")
        sys.stderr.write("to stderr\n")

    before = psutil.Process().children(recursive=True)
    home = Home(tmp_path / "home")
    instance = open_instance(home)
    assert isinstance(instance.compute_log_manager, compute_logs.HomeComputeLogs)
    run = dg.materialize([talks], instance=instance)
    (event,) = [one for one in run.all_events if one.event_type_value == "LOGS_CAPTURED"]
    folder = home.dagster / "storage" / run.run_id / "compute_logs"
    key = event.logs_captured_data.file_key
    assert "to stdout" in (folder / f"{key}.out").read_text()
    assert "to stderr" in (folder / f"{key}.err").read_text()
    assert instance.compute_log_manager.is_capture_complete([run.run_id, "compute_logs", key])
    left = [one for one in psutil.Process().children(recursive=True) if one not in before]
    # Its `sleep` may outlive the shell by a second, with nothing open.
    assert {one.name() for one in left} <= {"sleep"}


def test_what_shows_them_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    for name in ("out", "err"):
        (tmp_path / name).touch()
    child = os.fork()
    if child == 0:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123
            shown = {str(tmp_path / name): nowhere for name in ("out", "err")}
            with compute_logs._seen(shown):
                time.sleep(1000)
        os._exit(1)
    process, deadline = psutil.Process(child), time.monotonic() + 60
    while len([one for one in process.children() if one.name() in ("tail", "sh")]) < 3:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    started = process.children(recursive=True)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    _, left = psutil.wait_procs(started, timeout=60)
    assert left == []
