"""Evaluating the runs of a fleet: losses, R2 and latents of every part of the samples."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from aehpo_assets.datasets.labels import SPLITS
from aehpo_gpu.evaluation.reconstruction import r2_of_samples
from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.task import EVALUATION_CHUNK

MEASURES = ("recon_loss", "vae_loss", "total_loss", "r2")

Metrics = dict[str, torch.Tensor]
"""``{split}_{measure}`` to (runs,), per sample."""


@dataclass(frozen=True)
class Measured:
    """What some runs of a fleet are at an epoch.

    Attributes
    ----------
    metrics
        Losses and R2, each (runs,).
    latents
        (runs, samples, latents) latent means of all samples.
    diverged
        (runs,) whether a run became non-finite.
    """

    metrics: Metrics
    latents: torch.Tensor
    diverged: torch.Tensor


def evaluate_fleet(
    network: FleetNetwork | SoloNetwork | CrossedNetwork,
    matrix: ResidentMatrix,
    spread: torch.Tensor,
    weight: float | torch.Tensor,
) -> tuple[Metrics, torch.Tensor]:
    """Evaluate every run on every split.

    R2 is that of the study, :func:`~aehpo_gpu.evaluation.reconstruction.r2_of_samples`, averaged
    over the samples.

    Parameters
    ----------
    network
        The fleet.
    matrix
        The task.
    spread
        (runs, samples) denominator of R2.
    weight
        Annealing weight of the VAE loss, of all or (runs,).

    Returns
    -------
    metrics : dict
        Losses and R2 per sample for each split, and of one that crosses modalities what
        :meth:`CrossedNetwork.alignment` says.
    latents : torch.Tensor
        (runs, samples, latents).
    """
    values = matrix.values[..., : network.width]
    runs = len(network.widths)
    latents = values.new_zeros(runs, len(values), network.latent_dim)
    metrics: Metrics = {}
    for part in SPLITS:
        rows = matrix.rows[part]
        sums = values.new_zeros(4, runs)
        for chunk in rows.split(EVALUATION_CHUNK):
            found, losses, squared = _evaluated(network, matrix, chunk, weight)
            latents[:, chunk] = found
            r2 = r2_of_samples(squared, spread[:, chunk])
            sums += torch.stack([losses.reconstruction, losses.vae, losses.total, r2.sum(1)])
        of_part = zip(MEASURES, sums / len(rows), strict=True)
        metrics |= {f"{part}_{name}": values for name, values in of_part}
    if isinstance(network, CrossedNetwork):
        aligned = network.alignment(matrix.values, matrix.rows)
        metrics |= {name: values.new_full((1,), number) for name, number in aligned.items()}
    return metrics, latents


@torch.no_grad()
def valid_losses(
    network: FleetNetwork | SoloNetwork | CrossedNetwork, matrix: ResidentMatrix
) -> np.ndarray:
    """Total losses of the runs on the valid samples, per sample, at full weight, (runs,)."""
    rows = matrix.rows["valid"]
    total = matrix.values.new_zeros(len(network.widths))
    for chunk in rows.split(EVALUATION_CHUNK):
        _, losses, _ = _evaluated(network, matrix, chunk, 1.0)
        total += losses.total
    return (total / len(rows)).cpu().numpy().astype(np.float64)


def _evaluated(
    network: FleetNetwork | SoloNetwork | CrossedNetwork,
    matrix: ResidentMatrix,
    rows: torch.Tensor,
    weight: float | torch.Tensor,
) -> tuple[torch.Tensor, Losses, torch.Tensor]:
    """Latents, losses and squared errors of some samples, by their positions."""
    x = matrix.values[..., : network.width][rows]
    if not isinstance(network, CrossedNetwork):
        return network.evaluate(x, weight)
    return network.evaluate(x, weight, None if matrix.classes is None else matrix.classes[rows])
