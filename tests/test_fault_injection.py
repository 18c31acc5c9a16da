"""Kill -9 at random points: nothing finished is lost, and the tables come out the same.

A study of its own process is killed with everything that it started, again and again, each time
going on from what is there; at the end its tables are held against those of an undisturbed run.
It takes minutes, and is left out unless ``AEHPO_KILLS`` says how many kills there are to be.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from aehpo_assets.store.comparison import EQUAL, compare_folders, compare_tables
from aehpo_assets.store.home import Home

pytestmark = pytest.mark.slow

logger = logging.getLogger(__name__)

KILLS = int(os.environ.get("AEHPO_KILLS", "0"))
SEED = int(os.environ.get("AEHPO_KILLS_SEED", "0"))


def start(root: Path, home: Path) -> subprocess.Popen[str]:
    """Start ``aehpo run`` as the leader of a process group."""
    command = [sys.executable, "-u", "-m", "aehpo_assets.cli.main", "run", str(root / "tiny.yaml")]
    return subprocess.Popen(
        [*command, "--home", str(home), "--data", str(root / "data")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        env=os.environ | {"COLUMNS": "160", "OMP_NUM_THREADS": "1"},
    )


def finish(root: Path, home: Path) -> str:
    """Run a study to its end, and return what it printed."""
    process = start(root, home)
    printed, _ = process.communicate(timeout=500)
    assert process.returncode == 0, printed
    return printed


def kill_at_random(root: Path, home: Path, source: random.Random) -> str:
    """Run a study and kill it; returns where, or an empty text if it was done before."""
    process = start(root, home)
    assert process.stdout is not None
    units, seconds = source.randrange(3), source.uniform(0, 3)
    seen: list[str] = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(("Study ", "made ")):
            if units == 0:
                break
            units -= 1
    time.sleep(seconds)
    if process.poll() is not None:
        process.stdout.close()
        assert process.returncode == 0, "".join(seen)
        return ""
    os.killpg(process.pid, signal.SIGKILL)
    rest, _ = process.communicate()
    made = [line.split(maxsplit=1)[1] for line in [*seen, *rest.splitlines()] if "made " in line]
    return f"{seconds:.1f} s after {made[-1][:40].strip() if made else 'the start'}"


@pytest.mark.skipif(KILLS == 0, reason="takes minutes; AEHPO_KILLS=20 runs it")
@pytest.mark.timeout(3000)
def test_a_study_killed_at_random_points_ends_with_the_tables_of_an_undisturbed_one(
    tiny_root: Path, tmp_path: Path
) -> None:
    finish(tiny_root, tmp_path / "undisturbed")
    source = random.Random(SEED)
    killed: list[str] = []
    homes = 0
    while len(killed) < KILLS:
        home = tmp_path / f"killed{homes}"
        homes += 1
        while len(killed) < KILLS and (where := kill_at_random(tiny_root, home, source)):
            killed.append(where)
            logger.info("kill %d, home %d: %s", len(killed), homes, where)
        finish(tiny_root, home)
        assert_same_tables(Home(tmp_path / "undisturbed"), Home(home))
        assert "0 made" in finish(tiny_root, home)
    logger.info("%d kills over %d homes: every table identical", len(killed), homes)


def assert_same_tables(undisturbed: Home, disturbed: Home) -> None:
    """Hold every artefact against its counterpart; what a clock said does not count."""
    ours, theirs = undisturbed.store, disturbed.store
    assets = sorted(path.name for path in ours.root.iterdir())
    assert assets == sorted(path.name for path in theirs.root.iterdir())
    for asset in assets:
        partitions = ours.partitions(asset)
        assert partitions == theirs.partitions(asset)
        for partition in partitions:
            if ours.table_path(asset, partition).exists():
                found = compare_tables(
                    ours.read_table(asset, partition), theirs.read_table(asset, partition), 0
                )
            else:
                found = compare_folders(
                    ours.existing_folder(asset, partition),
                    theirs.existing_folder(asset, partition),
                    0,
                )
            assert found == EQUAL, f"{asset} {partition}: {found}"
    leftovers = [path for path in disturbed.root.rglob("*.part") if path.exists()]
    assert leftovers == [], "a later run clears away what a killed one was writing"
