"""A row of the bench cannot flatter: the lowest ratio counts, and none beside busy others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from benchmarks.bench import report, result_table
from benchmarks.case import Case, side_by_side
from benchmarks.noise import NOISY, Watch

BURN = "import time\nwhile time.process_time() < {seconds}: pass"


def row(ratios: list[float], reach: float = 2.0) -> Case:
    return Case.of("a case", "the plain loop", reach, ratios)


def test_a_ratio_is_reached_only_if_the_lowest_is() -> None:
    assert row([2.0, 2.5, 3.0]).verdict == "reached"
    assert row([1.9, 2.5, 3.0]).verdict == "not reached"
    assert Case("a case", "", 2.0, skipped="no GPU").verdict == "skipped"


def test_what_was_measured_beside_busy_others_is_no_verdict() -> None:
    noisy = replace(row([9.3, 16.1]), others=NOISY + 0.01)
    assert noisy.verdict == "noisy"
    assert noisy.row()["verdict"] == "noisy"
    facts = {"processor": "p", "cores": 2, "gpu": None, "load_before": [0.1]}
    assert report([noisy], facts)["cases"][0]["others"] == NOISY + 0.01
    assert list(result_table([noisy], facts).columns[-1].cells) == ["noisy"]


def test_what_children_take_is_not_taken_by_others() -> None:
    watch = Watch()
    subprocess.run([sys.executable, "-c", BURN.format(seconds=0.5)], check=True)
    # What the child burnt, less what clocks of different resolution disagree about.
    assert watch.cpu_seconds > 0.45


def test_what_others_take_is_seen(tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    burn = f"{BURN.format(seconds=1.0)}\nopen({str(ended)!r}, 'w').close()"
    watch = Watch()
    # The shell ends at once, and what it started is nobody's child any more.
    subprocess.run(["sh", "-c", '"$0" -c "$1" >/dev/null 2>&1 &', sys.executable, burn], check=True)
    while not ended.exists():
        time.sleep(0.05)
    # The second that it burnt, less what clocks of different resolution disagree about.
    assert watch.others * watch.seconds * (os.cpu_count() or 1) > 0.8
    assert watch.cpu_seconds < 1.0


def test_both_sides_are_measured_in_turn_in_seconds_and_in_cpu_seconds() -> None:
    order: list[str] = []

    def side(name: str, share_of_cpu: float) -> float:
        order.append(name)
        started, burnt = time.perf_counter(), time.process_time()
        while time.process_time() - burnt < 0.2 * share_of_cpu:
            pass
        time.sleep(0.2 * (1 - share_of_cpu))
        return time.perf_counter() - started

    slices = [(lambda: side("ours", 0.25), lambda: side("theirs", 1.0))] * 2
    sides = side_by_side(slices, 2)
    assert order == ["ours", "theirs"] * 4
    # A ratio a repetition, of all its slices.
    assert len(sides.ratios) == 2
    assert sides.ours > 0.2
    # Sleeping is no work: in CPU seconds ours is at least twice as good as theirs.
    assert sides.cpu_ratio > 2
    shown = row([2.5])
    assert shown.row()["cpu_ratio"] is None
    facts = {"processor": "p", "cores": 2, "gpu": None, "load_before": [0.1]}
    counted = replace(shown, cpu_ratio=2.25)
    assert list(result_table([shown, counted], facts).columns[5].cells) == ["-", "2.25"]
