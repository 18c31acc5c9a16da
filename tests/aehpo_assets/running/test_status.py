"""The state of artefacts: right about what failed, and told without a write to the home."""

from __future__ import annotations

import io
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.cli.status import print_status
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study

TASK = ("toy_rna",)


def make(root: Path, home: Home, *assets: str) -> StudyRun:
    """Make some assets of the tiny study, or try to."""
    home.record_data_roots([root / "data"])
    file = root / "tiny.yaml"
    tasks = available_tasks(home.data_roots())
    present = StudyRun(home, prepare(read_study(file), home, tasks, file=file), tasks)
    for names, partition in present.works():
        if set(names) & set(assets):
            present.materialize(Work(names, partition, "wanted"))
    return present


def states(home: Home) -> dict[str, str]:
    """Asset to its state, as ``aehpo status`` prints it."""
    printed = io.StringIO()
    print_status(home, Console(file=printed, width=200))
    cells = [line.split("│") for line in printed.getvalue().splitlines() if line.count("│") == 5]
    return {row[1].strip(): row[3].strip() for row in cells}


@pytest.fixture
def root(tiny_root: Path, tmp_path: Path) -> Path:
    """A copy of the tiny study, whose data may be changed."""
    shutil.copytree(tiny_root, tmp_path / "study")
    return tmp_path / "study"


def spoil(root: Path) -> None:
    matrix = pd.read_parquet(root / "data" / "toy" / "rna.parquet")
    matrix.iloc[:, :] = 7.0
    matrix.to_parquet(root / "data" / "toy" / "rna.parquet")


@pytest.mark.slow
def test_only_what_was_tried_and_not_made_has_failed(root: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    spoil(root)
    make(root, home, "omics_matrix", "sample_labels", "data_split", "preprocessed_matrix")
    found = states(home)
    assert found["preprocessed_matrix"] == "failed"
    for asset in ("sample_labels", "data_split", "configurations", "run_results", "surrogate"):
        assert found[asset] != "failed", asset
    assert found["sample_labels"] == "up to date"
    assert found["dataset_profile"] == "missing"
    labels = root / "data" / "toy" / "clinical.csv"
    labels.write_text(labels.read_text() + "P999,f\n")
    assert states(home)["sample_labels"] == "stale", "it was made, and has gone stale since"


@pytest.mark.slow
def test_what_succeeded_after_a_failure_has_not_failed(root: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    matrix = (root / "data" / "toy" / "rna.parquet").read_bytes()
    upstream = ("omics_matrix", "sample_labels", "data_split")
    spoil(root)
    make(root, home, *upstream, "preprocessed_matrix")
    (root / "data" / "toy" / "rna.parquet").write_bytes(matrix)
    make(root, home, *upstream, "preprocessed_matrix")
    assert states(home)["preprocessed_matrix"] == "up to date"
    spoil(root)
    make(root, home, "omics_matrix")
    assert states(home)["preprocessed_matrix"] == "stale"


def listing(folder: Path) -> dict[str, int]:
    return {str(p): p.stat().st_mtime_ns for p in sorted(folder.rglob("*"))}


ONE_AFTER_ANOTHER = """
import shlex, sys
from aehpo_assets.cli.main import main

lines, failed = sys.argv[1:], 0
for line in lines:
    sys.argv = ["aehpo", *shlex.split(line)]
    try:
        main()
    except SystemExit as stop:
        failed |= bool(stop.code)
    print("=====", flush=True)
sys.exit(failed)
"""
"""Commands in one process: to start costs more than most of them."""


@pytest.mark.slow
@pytest.mark.parametrize("how", ["read-only file system", "another user"])
def test_a_home_that_may_only_be_read_is_read(
    finished_tiny: Path, tmp_path: Path, how: str
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(finished_tiny / "home", home.root)
    folder = str(home.root)
    if how == "read-only file system":
        script = f"mount --bind {folder} {folder} && mount -o remount,ro,bind {folder} && "
        prefix = ["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "sh"]
    else:
        for path in [home.root, *home.root.rglob("*")]:
            path.chmod(0o555 if path.is_dir() else 0o444)
        without = ["setpriv", "--bounding-set=-dac_override", "--inh-caps=-dac_override"]
        prefix = without if os.geteuid() == 0 else []
    probe = [*prefix, "sh", "-c", f"test -r {folder}/study.yaml && ! test -w {folder}"]
    if subprocess.run(probe, capture_output=True).returncode != 0:
        pytest.skip(f"this machine does not let a test play: {how}")
    before = listing(home.root)
    calls = ("status", "trace data_split/toy_rna")
    lines = [f"{call} --home {shlex.quote(folder)}" for call in calls]
    done = subprocess.run(
        [*prefix, sys.executable, "-c", ONE_AFTER_ANOTHER, *lines],
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    status, trace, _ = done.stdout.split("=====")
    assert "up to date" in status
    assert "The history of runs cannot be opened from here" in status
    assert "whole" in trace
    assert listing(home.root) == before


def test_status_makes_nothing_where_there_is_no_history(tiny_root: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    make(tiny_root, home, "configurations")
    shutil.rmtree(home.dagster)
    before = listing(home.root)
    assert states(home)["configurations"] == "up to date"
    assert listing(home.root) == before
