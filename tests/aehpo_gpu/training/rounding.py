"""What rounding makes of a training: the yardstick of every comparison in float32.

A rounding error is carried on by AdamW and BatchNorm, how far depends on the training and on the
processor. So no number is written down here: rounding is tried, and is the tolerance.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
import torch

from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

LAST_BITS = 4


def begin(
    task: TrainingTask, runs: pd.DataFrame, architecture: str, epochs: int, precision: str
) -> FleetTraining:
    """A fleet before its first step."""
    settings = TrainingSettings(epochs=epochs, precision=precision, device="cpu")  # type: ignore[arg-type]
    return FleetTraining(architecture, runs, ResidentMatrix(task, settings), settings)


def metrics_of(training: FleetTraining) -> pd.DataFrame:
    """Losses and R2, one row a run, in float64."""
    return pd.DataFrame({name: v.double().numpy() for name, v in training.metrics.items()})


def largest_difference(ours: pd.DataFrame, theirs: pd.DataFrame) -> float:
    """Largest relative difference of two tables of metrics."""
    a, b = ours.to_numpy(), theirs.to_numpy()
    return float((np.abs(a - b) / np.maximum(np.abs(b), 1e-9)).max())


def alone(task: TrainingTask, runs: pd.DataFrame, architecture: str, epochs: int) -> pd.DataFrame:
    """Metrics of every run trained alone in float32."""
    tables = []
    for position in range(len(runs)):
        training = begin(task, runs.iloc[[position]], architecture, epochs, "float32")
        training.advance(epochs)
        tables.append(metrics_of(training))
    return pd.concat(tables, ignore_index=True)


class Rounding(NamedTuple):
    """What rounding makes of some runs."""

    metrics: float
    """Largest relative difference of losses and R2."""
    latents: float
    """Largest absolute difference of latents."""


def rounding_error(
    task: TrainingTask, runs: pd.DataFrame, architecture: str, epochs: int
) -> Rounding:
    """Largest differences that rounding makes in some runs.

    They are trained in float32, again in float64 from the same weights, and again in float32 from
    weights that differ in their last bit.
    """
    single, double = (begin(task, runs, architecture, epochs, p) for p in ("float32", "float64"))
    weights = single.network.stack.values.clone()
    double.network.stack.values.copy_(weights)
    others = [double]
    for seed in range(LAST_BITS):
        source = torch.Generator().manual_seed(seed)
        signs = torch.randint(-1, 2, weights.shape, generator=source)
        others.append(begin(task, runs, architecture, epochs, "float32"))
        # What pads a run is zero, and stays zero.
        others[-1].network.stack.values.mul_(1 + signs * 2.0**-23)
    for training in (single, *others):
        training.advance(epochs)
    metrics = metrics_of(single)
    return Rounding(
        max(largest_difference(metrics_of(other), metrics) for other in others),
        max(float((other.latents - single.latents).abs().max()) for other in others),
    )


def first_gradients(training: FleetTraining, samples: int) -> torch.Tensor:
    """Gradients of the first step of a fleet on some samples, (runs, parameters)."""
    network = training.network
    x = training._matrix.train[:samples, : network.width]
    network.training_losses(x, network.draw_noise(0, range(samples)), 1.0).total.sum().backward()
    return network.stack.gradients
