"""Disentanglix: beta-TCVAE (Chen et al. 2018), whose KL term is split into three.

Mutual information, total correlation and dimension-wise KL are estimated by minibatch-weighted
sampling (their equation 3 and appendix C.1), each with a weight of its own.
"""

from __future__ import annotations

import math

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch
from aehpo_gpu.architectures.varix import log_variance, sample


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """Sum of the three terms, and the same weighted by beta_mi, beta_tc and beta_dimKL."""
    mutual, total, dimensionwise = decomposed_kl(batch)
    weights = batch.hyperparameters
    weighted = (
        weights["beta_mi"] * mutual
        + weights["beta_tc"] * total
        + weights["beta_dimKL"] * dimensionwise
    )
    return mutual + total + dimensionwise, weighted


def decomposed_kl(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Mutual information, total correlation and dimension-wise KL of each run.

    Returns
    -------
    tuple of torch.Tensor
        Three times (runs,), summed over the samples of the batch.
    """
    z, mean, variance = batch.latents, batch.heads["mean"], log_variance(batch.heads)
    zeros = torch.zeros_like(z)
    samples = z.shape[1]
    # log of (train samples x batch samples), the weight of every pair in the batch.
    pairs = math.log(batch.train_samples * samples)
    log_conditional = (_log_normal(z, mean, variance) * batch.mask).sum(2)
    log_prior = (_log_normal(z, zeros, zeros) * batch.mask).sum(2)
    every = _log_normal(z[:, :, None], mean[:, None], variance[:, None]) * batch.mask[:, None]
    log_joint = torch.logsumexp(every.sum(3), 2) - pairs
    log_marginals = ((torch.logsumexp(every, 2) - pairs) * batch.mask).sum(2)
    return (
        (log_conditional - log_joint).sum(1),
        (log_joint - log_marginals).sum(1),
        (log_marginals - log_prior).sum(1),
    )


def _log_normal(x: torch.Tensor, mean: torch.Tensor, variance: torch.Tensor) -> torch.Tensor:
    """Log density of a normal distribution given by mean and log variance."""
    squared = (x - mean).square() * torch.exp(-variance)
    return -0.5 * (math.log(2 * math.pi) + variance + squared)


DISENTANGLIX = Architecture(
    name="disentanglix",
    heads=("mean", "log_variance"),
    sample=sample,
    loss=loss,
    weights=("beta_mi", "beta_tc", "beta_dimKL"),
    pairs=(6, 2),
)
