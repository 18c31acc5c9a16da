"""Varix: the beta-VAE (Kingma & Welling 2014, Higgins et al. 2017), with KL or MMD loss."""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, Heads, LatentBatch

LOG_VARIANCE_LIMIT = 20.0
"""Log variances are clamped to +- this, against overflow only."""


def sample(heads: Heads, noise: torch.Tensor) -> torch.Tensor:
    """Draw latents by the reparameterisation trick."""
    return heads["mean"] + torch.exp(0.5 * log_variance(heads)) * noise


def log_variance(heads: Heads) -> torch.Tensor:
    """The clamped log variance."""
    return heads["log_variance"].clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)


def kl_divergence(heads: Heads) -> torch.Tensor:
    """``-1/2 sum(1 + logvar - mu^2 - exp(logvar))`` for each run, over batch and latents.

    A padded latent has mean and log variance 0 and adds nothing.
    """
    variance = log_variance(heads)
    return -0.5 * (1 + variance - heads["mean"].square() - variance.exp()).sum((1, 2))


def maximum_mean_discrepancy(batch: LatentBatch) -> torch.Tensor:
    """Squared MMD between latents and prior for each run, times the samples of the batch.

    Gaussian kernel ``exp(-||x - y||^2 / d^2)`` for d latents, as Autoencodix has it (a mean over
    the latents, divided by d). The factor makes it a sum over the batch, like the other losses.
    """
    latents = batch.latents * batch.mask
    prior = batch.draws * batch.mask
    scale = batch.mask.sum((1, 2)).square()[:, None, None]

    def kernel(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        squared = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None, :]
        distance = (squared - 2 * torch.bmm(x, y.transpose(1, 2))).clamp(min=0)
        return torch.exp(-distance / scale).mean((1, 2))

    discrepancy = kernel(latents, latents) + kernel(prior, prior) - 2 * kernel(latents, prior)
    return discrepancy * latents.shape[1]


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL divergence or MMD, and the same weighted by beta."""
    if batch.vae_loss == "mmd":
        value = maximum_mean_discrepancy(batch)
    else:
        value = kl_divergence(batch.heads)
    return value, batch.hyperparameters["beta"] * value


VARIX = Architecture(
    name="varix",
    heads=("mean", "log_variance"),
    sample=sample,
    loss=loss,
    weights=("beta",),
)
