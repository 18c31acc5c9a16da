"""What a study would cost, as a table for the terminal."""

from __future__ import annotations

import shutil
from dataclasses import asdict
from typing import Any

from rich.table import Table

from aehpo_assets.foreign import escaped
from aehpo_assets.limits import size_of
from aehpo_gpu.runs.detection import Detection
from aehpo_gpu.runs.estimate import StudyEstimate
from aehpo_gpu.runs.stages import Stage

SURE_WITHIN = "Right within a factor of about 1.5, on a machine that does nothing else."


def estimate_table(estimate: StudyEstimate, disk_free: int | None = None) -> Table:
    """Lay an estimate out for a terminal, with a line of totals.

    Parameters
    ----------
    estimate
        Output of :func:`estimate_study`.
    disk_free
        Free bytes; those of the present folder's disk by default.
    """
    free = shutil.disk_usage(".").free if disk_free is None else disk_free
    largest = size_of(max(e.memory_bytes for e in estimate.tasks))
    disk = size_of(sum(e.disk_bytes for e in estimate.tasks))
    facts = [f"Memory: {largest} at most. Disk: {disk} of {size_of(free)} free."]
    if any(stage.at_most for stage in estimate.stages):
        facts.append("What is at most so long may end before, as a race that is decided.")
    table = Table(
        title="What this study would cost here",
        caption="\n".join([*facts, SURE_WITHIN]),
        show_footer=True,
    )
    table.add_column("architecture | task", no_wrap=True, footer="together")
    table.add_column("samples x features", no_wrap=True, justify="right")
    table.add_column("runs", justify="right", footer=f"{estimate.runs:,}")
    table.add_column("shards", justify="right", footer=str(sum(e.shards for e in estimate.tasks)))
    table.add_column("time", justify="right", footer=duration(3600 * estimate.hours))
    shown: set[str] = set()
    for e in estimate.tasks:
        if e.task not in shown:
            shown.add(e.task)
            _add_stages(table, e.task, estimate.stages, "", e.task)
        size = f"{e.samples:,} x {e.features:,}"
        name = escaped(f"{e.architecture} | {e.task}")
        table.add_row(name, size, f"{e.runs:,}", str(e.shards), duration(3600 * e.hours))
        _add_stages(table, None, estimate.stages, e.architecture, e.task)
    _add_stages(table, "the study", estimate.stages, "", "")
    return table


def _add_stages(
    table: Table, title: str | None, stages: list[Stage], architecture: str, task: str
) -> None:
    """Add the stages of a part of the study, below its name if it has no row yet."""
    if title is not None:
        table.add_row(escaped(title))
    for stage in stages:
        if (stage.architecture, stage.task) == (architecture, task):
            name = f"  {stage.name}{', at most' if stage.at_most else ''}"
            runs = f"{stage.runs:,}" if stage.runs else ""
            table.add_row(name, "", runs, "", duration(stage.seconds))


def duration(seconds: float) -> str:
    """Return a time in the largest unit that it has at least one of."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    if seconds < 3600:
        return f"{seconds / 60:.1f} min"
    return f"{seconds / 3600:,.1f} h"


def estimate_facts(estimate: StudyEstimate, found: list[Detection]) -> dict[str, Any]:
    """Return the same for JSON: ``estimates``, ``stages``, ``hours`` of all, and ``detections``.

    Parameters
    ----------
    estimate, found
        As for :func:`estimate_table` and :func:`detection_table`.
    """
    return {
        "estimates": [asdict(one) for one in estimate.tasks],
        "stages": [asdict(stage) for stage in estimate.stages],
        "hours": estimate.hours,
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
