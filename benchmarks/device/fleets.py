"""Data and runs that the parts train."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.workers import alone
from benchmarks.data import small_runs

MIXED = {
    "k_filter": [96, 64, 96, 32],
    "n_layers": 3,
    "enc_factor": [2.0, 1.3, 3.7, 1.0],
    "latent_dim_fixed": [4, 8, 2, 3],
    "lr_fixed": [1e-3, 1e-2, 3e-4, 5e-3],
    "drop_p": [0.3, 0.0, 0.5, 0.1],
    "beta": 0.1,
    "beta_mi": 0.1,
    "beta_tc": 0.1,
    "beta_dimKL": 0.1,
}
"""Four runs of different widths, rates and dropout, for any architecture."""

Metrics = dict[str, np.ndarray]


def mixed_runs() -> pd.DataFrame:
    """The runs of :data:`MIXED`."""
    return small_runs(4).assign(**MIXED)


def labelled_task(samples: int = 600, features: int = 96) -> TrainingTask:
    """Latent programmes with noise, of which the first is a label."""
    source = np.random.default_rng(0)
    programmes = source.normal(size=(samples, 6))
    matrix = np.tanh(programmes @ source.normal(size=(6, features)))
    matrix = matrix + 0.3 * source.normal(size=(samples, features))
    matrix = ((matrix - matrix.mean(0)) / matrix.std(0)).astype(np.float32)
    # Not a multiple of the batch: the last one is short.
    split = np.array(["train"] * (samples * 7 // 10) + ["valid"] * (samples // 10))
    split = np.concatenate([split, ["test"] * (samples - len(split))])
    source.shuffle(split)
    grades = np.digitize(programmes[:, 0], [-0.5, 0.5]).astype(np.int64)
    label = ClassificationTarget("grade", ("1", "2", "3"), grades, 1.0)
    return TrainingTask("check", matrix, split, DownstreamTargets((label,), (), {}))


def train(
    task: TrainingTask, runs: pd.DataFrame, architecture: str = "varix", **settings: Any
) -> tuple[FleetTraining, Metrics]:
    """Train a fleet, and return its last losses and R2 as float64."""
    chosen = TrainingSettings(**{"epochs": 5} | settings)
    with alone(chosen.torch_device()):
        training = FleetTraining(architecture, runs, ResidentMatrix(task, chosen), chosen)
        training.advance(chosen.epochs)
    return training, {n: values.double().cpu().numpy() for n, values in training.metrics.items()}


def apart(found: Metrics, expected: Metrics) -> float:
    """Largest relative difference of any loss or R2 of any run."""
    return max(
        float(np.nanmax(np.abs(found[name] - value) / np.maximum(np.abs(value), 1e-3)))
        for name, value in expected.items()
    )


def runs_of(count: int, features: int, **others: Any) -> pd.DataFrame:
    """Equal runs, see :func:`benchmarks.data.small_runs`, but for what is given."""
    return small_runs(count).assign(k_filter=features, drop_p=0.3, beta=0.1, **others)


def free_cache() -> None:
    """Give back to the device what torch keeps of it."""
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
