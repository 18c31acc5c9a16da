"""DIP-VAE (Kumar, Sattigeri & Balakrishnan 2018): latents whose covariance is that of the prior.

``KL + B (lambda_od sum_{i != j} C_ij^2 + lambda_d sum_i (C_ii - 1)^2)`` for B samples. C is the
covariance of the latent means over the batch (DIP-VAE-I), with their mean variance on its diagonal
(DIP-VAE-II). PyTorch-VAE centres each sample over its latents instead, does not divide by B, adds
one number to all entries of C, and takes ``exp(2 logvar)`` for the variance.
"""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch
from aehpo_gpu.architectures.vae import FROM_THE_START, HEADS
from aehpo_gpu.architectures.varix import kl_divergence, log_variance, sample


def covariance(batch: LatentBatch) -> torch.Tensor:
    """C of each run, (runs, latents, latents), zero where a run has fewer latents."""
    centred = (batch.heads["mean"] - batch.heads["mean"].mean(1, keepdim=True)) * batch.mask
    found = torch.bmm(centred.transpose(1, 2), centred) / centred.shape[1]
    second = batch.words["dip_variant"].get("II")
    if second is None:
        return found
    variance = (log_variance(batch.heads).exp().mean(1) * batch.mask[:, 0]) * second[:, None]
    return found + torch.diag_embed(variance)


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL divergence and squared departures of C, and the same weighted by the lambdas."""
    found = covariance(batch)
    diagonal = found.diagonal(dim1=1, dim2=2)
    samples = batch.heads["mean"].shape[1]
    # A latent that a run does not have has no variance, and needs none.
    own = (diagonal - 1).square() * batch.mask[:, 0]
    apart = samples * (found.square().sum((1, 2)) - diagonal.square().sum(1))
    along = samples * own.sum(1)
    weights = batch.hyperparameters
    divergence = kl_divergence(batch.heads)
    weighted = divergence + weights["lambda_od"] * apart + weights["lambda_d"] * along
    return divergence + apart + along, weighted


DIPVAE = Architecture(
    "dipvae",
    HEADS,
    sample,
    loss,
    ("lambda_od", "lambda_d", "dip_variant"),
    FROM_THE_START,
)
