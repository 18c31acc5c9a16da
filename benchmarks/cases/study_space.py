"""192 configurations of the study's space, D up to 1,024, 3 epochs, 2 threads, plain loop."""

from __future__ import annotations

from functools import partial

from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.case import Case, side_by_side, threads
from benchmarks.data import study_runs, synthetic_task
from benchmarks.fleets import planned, train_planned
from benchmarks.plain import plain_loop, train_plainly

ARCHITECTURE = "varix"
SLICES = 8
"""Fleets that our side trains in one go are every eighth of the plan, from the longest on."""


def run(quick: bool) -> list[Case]:
    """Measure the whole plan, slice by slice; the quick form trains a single epoch."""
    with threads(2):
        return [_case(quick)]


def _case(quick: bool) -> Case:
    epochs = 1 if quick else 3
    settings = TrainingSettings(epochs=epochs)
    runs = study_runs(ARCHITECTURE)
    matrix = ResidentMatrix(synthetic_task(1024), settings)
    fleets = planned(matrix, ARCHITECTURE, runs, settings)
    # Loops are compiled once a machine, which is no part of what a study takes.
    train_planned(matrix, ARCHITECTURE, runs, fleets[-1:], settings)
    slices = []
    for part in (fleets[start::SLICES] for start in range(min(SLICES, len(fleets)))):
        own = runs.iloc[sorted(row for fleet in part for row in fleet)]
        slices.append(
            (
                partial(train_planned, matrix, ARCHITECTURE, runs, part, settings),
                partial(train_plainly, matrix.train, ARCHITECTURE, own, epochs),
            )
        )
    sides = side_by_side(slices, 2 if quick else 3)
    return Case.of(
        "192 configurations of the study's space",
        plain_loop(matrix.device, 2),
        2.3,
        sides.ratios,
        cpu_ratio=sides.cpu_ratio,
        architecture=ARCHITECTURE,
        epochs=epochs,
        fleets=len(fleets),
        seconds=sides.ours,
        seconds_of_the_plain_loop=sides.theirs,
    )
