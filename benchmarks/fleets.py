"""Our side of the training cases: the fleets of a plan, trained as a shard trains them."""

from __future__ import annotations

import time

import pandas as pd

from aehpo_gpu.training.fleets import Fleets
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings


def planned(
    matrix: ResidentMatrix, architecture: str, runs: pd.DataFrame, settings: TrainingSettings
) -> list[list[int]]:
    """Positions of the runs of each fleet, the longest fleet first."""
    features, samples = matrix.values.shape[1], len(matrix.train)
    fleets = plan_fleets(architecture, runs, features, samples, settings)
    fleets.sort(key=lambda fleet: -fleet.estimated_seconds)
    return [list(fleet.rows) for fleet in fleets]


def train_planned(
    matrix: ResidentMatrix,
    architecture: str,
    runs: pd.DataFrame,
    fleets: list[list[int]],
    settings: TrainingSettings,
) -> float:
    """Wall clock of all fleets, from the draw of the weights to losses and R2 of every split."""
    started = time.perf_counter()
    Fleets(architecture, runs, fleets, matrix, settings).advance([settings.length])
    return time.perf_counter() - started
