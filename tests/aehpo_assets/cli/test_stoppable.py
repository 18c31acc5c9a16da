"""A command that is asked to stop does, wherever it is, and the next one goes on from there."""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import dagster as dg
import psutil
import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.resource import INTERRUPTED_TAG
from aehpo_assets.store.home import Home
from tests.conftest import TINY_STUDY

PATIENCE = 120
"""Seconds after which what does not stop by itself counts as never stopping."""

BOTH = [
    (signal.SIGINT, 130),
    pytest.param(signal.SIGTERM, 143, marks=pytest.mark.slow),
]

WORK = """
import sys
from aehpo_assets.cli.stoppable import run_stoppable

def work():
    {body}
    return 0

sys.exit(run_stoppable(work))
"""

DEAF = """
    import ctypes, itertools
    lock, mutex = ctypes.PyDLL(None).pthread_mutex_lock, ctypes.create_string_buffer(64)
    print("ready", flush=True)
    lock(mutex), lock(mutex)
    sum(itertools.repeat(1))
"""
"""Work without end that never looks at signals, and lets no other thread do so.

It waits for a lock that it holds itself, which no signal ends; where that is no such lock, it adds
up without end.
"""


def start(*arguments: str, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-u", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "160", "OMP_NUM_THREADS": "1"} | environment,
    )


def aehpo(*arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
    return start("-m", "aehpo_assets.cli.main", *map(str, arguments), **environment)


def until(process: subprocess.Popen[str], is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def read_until(process: subprocess.Popen[str], beginning: str) -> list[str]:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith(beginning):
            return lines
    raise AssertionError((lines, process.communicate()))


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def stop(process: subprocess.Popen[str], number: int) -> str:
    """Ask a process to stop, and return what it says about that."""
    started = descendants(process)
    assert started
    process.send_signal(number)
    _, said = process.communicate(timeout=PATIENCE)
    psutil.wait_procs(started, timeout=PATIENCE)
    assert [left for left in started if left.is_running()] == []
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(("number", "code"), BOTH)
def test_work_that_never_looks_at_signals_is_ended(number: int, code: int) -> None:
    process = start("-c", WORK.format(body=DEAF))
    read_until(process, "ready")
    stop(process, number)
    assert process.returncode == code


def test_what_the_work_has_started_ends_with_it() -> None:
    body = "import subprocess as s; s.Popen(['sleep', '1000']); print('ready', flush=True); "
    process = start("-c", WORK.format(body=body + "__import__('time').sleep(1000)"))
    read_until(process, "ready")
    assert len(descendants(process)) == 2
    stop(process, signal.SIGTERM)


def test_the_work_ends_with_a_watcher_that_is_killed() -> None:
    process = start(
        "-c", WORK.format(body="print('ready', flush=True); __import__('time').sleep(1000)")
    )
    read_until(process, "ready")
    stop(process, signal.SIGKILL)


def test_the_exit_code_of_the_work_is_told_and_so_is_its_death() -> None:
    assert start("-c", WORK.format(body="return 7")).wait(PATIENCE) == 7
    killed = start("-c", WORK.format(body="import os; os.kill(os.getpid(), 9)"))
    assert killed.wait(PATIENCE) == 137


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), BOTH)
def test_a_run_stops_inside_a_training_and_its_run_is_to_be_asked_for_again(
    finished_tiny: Path, tmp_path: Path, number: int, code: int
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(finished_tiny / "home", home.root)
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY_STUDY | {"replicates": 2, "epochs": 1_000_000}))
    process = aehpo("run", file, "--home", home.root, "--data", finished_tiny / "data")
    instance = open_instance(home)

    def is_training() -> bool:
        under_way = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])
        return any(
            dg.AssetKey("run_results") in (run.asset_selection or ())
            for run in instance.get_runs(under_way)
        )

    until(process, is_training)
    said = stop(process, number)
    assert process.returncode == code
    assert said.count("Stopped.") == 1
    (run,) = instance.get_runs(dg.RunsFilter(tags={INTERRUPTED_TAG: "true"}))
    assert run.status == dg.DagsterRunStatus.FAILURE


@pytest.mark.slow
def test_what_was_made_before_a_stop_is_not_made_again(finished_tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    other = {"hpo": TINY_STUDY["hpo"] | {"trials": 7}, "replicates": 2}
    file = tmp_path / "tiny.yaml"
    file.write_text(yaml.safe_dump(TINY_STUDY | other))
    arguments = (file, "--home", tmp_path / "home", "--data", finished_tiny / "data")
    process = aehpo("run", *arguments)
    lines = read_until(process, "made   recommendations")
    said = stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert "Stopped. Finished artefacts" in said
    names = {line.split()[1] for line in lines if line.startswith("made ")}
    out = io.StringIO()
    assert run_headless(file, Home(tmp_path / "home"), [], Console(file=out)), out.getvalue()
    made = {line.split()[1] for line in out.getvalue().splitlines() if line.startswith("made ")}
    assert made
    assert not names & made


@pytest.mark.slow
def test_a_live_search_stops_and_keeps_its_batches(finished_tiny: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(finished_tiny / "home", home.root)
    budget = ("--searcher", "random_search", "--runs", "100000", "--batch", "2")
    process = aehpo("tune", "toy_rna", "vanillix", *budget, "--home", home.root)

    def batches() -> list[Path]:
        return [path for path in home.live.rglob("*.parquet") if not path.name.startswith(".")]

    until(process, lambda: bool(batches()))
    said = stop(process, signal.SIGINT)
    assert process.returncode == 130
    assert "Stopped. Finished batches are kept" in said
    assert batches()


@pytest.mark.slow
def test_a_reproduction_stops_and_leaves_no_clean_home(finished_tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    arguments = ("reproduce", "recommendations/vanillix/toy_rna", "--home", tmp_path / "home")
    (tmp_path / "scratch").mkdir()
    process = aehpo(*arguments, TMPDIR=str(tmp_path / "scratch"))
    read_until(process, "made   omics_matrix")
    assert list((tmp_path / "scratch").glob("aehpo-*"))
    said = stop(process, signal.SIGTERM)
    assert process.returncode == 143
    assert "Stopped. The home is as it was." in said
    assert not list((tmp_path / "scratch").glob("aehpo-*"))
