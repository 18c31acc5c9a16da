"""The bound of a VAE that decodes several draws of the latents of a sample (Burda et al. 2016)."""

from __future__ import annotations

import math

import torch

from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.reduction import Reduction


def importance_losses(
    error: torch.Tensor,
    value: torch.Tensor,
    weighted: torch.Tensor,
    draws: int,
    reduction: Reduction,
    weight: float | torch.Tensor,
    *,
    averaged: bool,
) -> Losses:
    """Return the losses of a batch, of which the total is the bound.

    The bound of a sample is ``-log mean_k exp(-(error_k + weighted_k))``: the negative of what
    Burda's equation 8 estimates, with the error for ``-log p(x|z)``. Error and latent loss are
    reported as means over the draws, those of which a bound of one draw would be the sum.

    Parameters
    ----------
    error, value, weighted
        (runs, samples x draws) error, ``log q(z|x) - log p(z)``, and that weighted.
    draws
        Draws of a sample, side by side.
    reduction
        Of the runs.
    weight
        Annealing weight, of all or (runs,).
    averaged
        Whether the total is as the gradient is taken of it, a mean for some reductions.
    """
    each = reduction.reported(error.T, weight * weighted.T)
    samples = len(each) // draws
    bound = math.log(draws) - torch.logsumexp(-each.view(samples, draws, -1), 1)
    total = bound.sum(0)
    if averaged:
        total = reduction.over_samples(total, samples)
    return Losses(error.sum(1) / draws, value.sum(1) / draws, total)
