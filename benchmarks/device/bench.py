"""Whole trainings against the plain loop on the same device."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from aehpo_assets.space.batches import steps_per_epoch
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.case import seconds
from benchmarks.data import small_runs, study_runs, synthetic_task
from benchmarks.device.check import Check, synchronise
from benchmarks.fleets import planned, train_planned
from benchmarks.plain import train_plainly

TRAIN_SAMPLES = 2000


def checks(smoke: bool) -> Iterator[Check]:
    """Small networks in one fleet, and the space of the study; the plain loop trains some runs."""
    samples = 64 if smoke else TRAIN_SAMPLES
    for architecture in ("vanillix", "varix"):
        runs = small_runs(4 if smoke else 64)
        yield (
            f"{len(runs)} small networks, {architecture}",
            lambda a=architecture, r=runs: _against_plain(a, r, 128, samples, 10, some=2),
        )
    largest, count = (128, 4) if smoke else (1024, 192)
    yield (
        f"{count} of the study's space, up to {largest} features",
        lambda: _against_plain(
            "varix", study_runs("varix", count, largest), largest, samples, 3, 12
        ),
    )


def _against_plain(
    architecture: str, runs: pd.DataFrame, features: int, samples: int, epochs: int, some: int
) -> dict[str, Any]:
    settings = TrainingSettings(epochs=epochs)
    matrix = ResidentMatrix(synthetic_task(features, samples), settings)
    fleets = planned(matrix, architecture, runs, settings)
    first = train_planned(matrix, architecture, runs, fleets, settings)
    ours = train_planned(matrix, architecture, runs, fleets, settings)
    chosen = runs.iloc[:: max(1, len(runs) // some)]
    train_plainly(matrix.train, architecture, chosen.head(1), 1)

    def plainly() -> None:
        train_plainly(matrix.train, architecture, chosen, 1)
        synchronise()

    plain = seconds(plainly) * epochs * _steps(runs, samples) / _steps(chosen, samples)
    return {
        "fleets": len(fleets),
        "seconds": ours,
        "seconds_with_compilation": first,
        "seconds_of_the_plain_loop": plain,
        "ratio": plain / ours,
    }


def _steps(runs: pd.DataFrame, samples: int) -> int:
    """Steps of an epoch of all runs, by which what the plain loop takes is scaled up."""
    return sum(steps_per_epoch(samples, int(size)) for size in runs["batch_size"])
