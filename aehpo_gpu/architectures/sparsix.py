"""Sparsix: the plain autoencoder with a penalty on the size of its latents (L1)."""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum of the sizes of the latents, and the same weighted."""
    size = batch.latents.abs().sum((1, 2))
    return size, batch.hyperparameters["latent_l1"] * size


SPARSIX = Architecture(
    "sparsix",
    loss=loss,
    weights=("latent_l1",),
    training={"annealing": "no-annealing"},
    overcomplete=True,
)
