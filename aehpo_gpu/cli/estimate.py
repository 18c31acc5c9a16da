"""What a study would cost, as a table for the terminal."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any

from rich.table import Table

from aehpo_assets.foreign import escaped
from aehpo_assets.limits import size_of
from aehpo_gpu.runs.detection import Detection
from aehpo_gpu.runs.estimate import NOT_COUNTED, TaskEstimate


def estimate_table(estimates: list[TaskEstimate], disk_free: int | None = None) -> Table:
    """Lay the estimates out for a terminal, with a line of totals.

    Parameters
    ----------
    estimates
        Output of :func:`estimate_study`.
    disk_free
        Free bytes; those of the present folder's disk by default.
    """
    free = shutil.disk_usage(".").free if disk_free is None else disk_free
    largest = size_of(max(e.memory_bytes for e in estimates))
    disk = size_of(sum(e.disk_bytes for e in estimates))
    facts = [f"Memory: {largest} at most. Disk: {disk} of {size_of(free)} free."]
    if any(e.race for e in estimates):
        facts.append("A race that is decided ends before its budget does.")
    table = Table(
        title="What this study would cost here",
        caption="\n".join([*facts, NOT_COUNTED]),
        show_footer=True,
    )
    table.add_column("architecture | task", no_wrap=True, footer="together")
    table.add_column("samples x features", no_wrap=True, justify="right")
    races = [e.race for e in estimates if e.race]
    for name, total in (
        ("runs", f"{sum(e.runs for e in estimates) + sum(race.runs for race in races):,}"),
        ("shards", str(sum(e.shards for e in estimates))),
        ("hours", f"{_hours(estimates):.2f}"),
    ):
        table.add_column(name, justify="right", footer=total)
    for e in estimates:
        table.add_row(
            escaped(f"{e.architecture} | {e.task}"),
            f"{e.samples:,} x {e.features:,}",
            f"{e.runs:,}",
            str(e.shards),
            f"{e.hours:.2f}",
        )
        if e.race:
            table.add_row("  its race, at most", "", f"{e.race.runs:,}", "", f"{e.race.hours:.2f}")
    return table


def _hours(estimates: list[TaskEstimate]) -> float:
    """Hours of all that is counted, races with their whole budget included."""
    return sum(e.hours + (e.race.hours if e.race else 0.0) for e in estimates)


def estimate_facts(estimates: list[TaskEstimate], found: list[Detection]) -> dict[str, Any]:
    """Return the same for JSON: ``estimates``, ``hours`` of all, and ``detections``.

    Parameters
    ----------
    estimates, found
        As for :func:`estimate_table` and :func:`detection_table`.
    """
    return {
        "estimates": [asdict(estimate) for estimate in estimates],
        "hours": _hours(estimates),
        "not_counted": NOT_COUNTED,
        "detections": [asdict(one) for one in found],
    }


def detection_table(found: list[Detection], gain: float) -> Table:
    """Lay out what deciding a gain takes.

    Parameters
    ----------
    found
        Output of :func:`aehpo_gpu.runs.detection.detections`.
    gain
        The gain that it is about.
    """
    table = Table(
        title=f"What decides a gain of {gain:g}, with a power of 80 %",
        caption="Replicates of every configuration that is validated: hpo.validation_seeds. By the "
        "noise of the runs in the home; hours at the mean price of a sampled run.",
    )
    table.add_column("architecture | task", no_wrap=True)
    table.add_column("replicates", justify="right")
    table.add_column("hours", justify="right")
    table.add_column("")
    for one in found:
        name = escaped(f"{one.architecture} | {one.task}")
        if one.replicates is None:
            table.add_row(name, "", "", "noise not known: give the study at least two seeds")
        elif one.can_be_decided:
            table.add_row(name, f"{one.replicates:,}", f"{one.hours:.2f}", "can be decided")
        else:
            why = f"cannot be decided here: more than {one.most} replicates"
            table.add_row(name, f"{one.replicates:,}", f"{one.hours:.2f}", why)
    return table
