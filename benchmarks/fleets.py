"""Our side of the training cases: the fleets of a plan, trained one after another."""

from __future__ import annotations

import pandas as pd

from aehpo_gpu.training.fleet import train_fleet
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings


def planned(
    matrix: ResidentMatrix, architecture: str, runs: pd.DataFrame, settings: TrainingSettings
) -> list[list[int]]:
    """Positions of the runs of each fleet."""
    features, samples = matrix.values.shape[1], len(matrix.train)
    fleets = plan_fleets(architecture, runs, features, samples, settings)
    return [list(fleet.rows) for fleet in fleets]


def train_planned(
    matrix: ResidentMatrix,
    architecture: str,
    runs: pd.DataFrame,
    fleets: list[list[int]],
    settings: TrainingSettings,
) -> float:
    """Train all fleets and return their seconds of training, without evaluation."""
    return sum(
        train_fleet(
            architecture, runs.iloc[rows].reset_index(drop=True), matrix, settings
        ).training_seconds
        for rows in fleets
    )
