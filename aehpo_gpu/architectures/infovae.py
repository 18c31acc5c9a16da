"""InfoVAE (Zhao, Song & Ermon 2017): KL divergence and maximum mean discrepancy.

``(1 - alpha) KL + (alpha + lambda - 1) B MMD^2(q(z), p(z))`` for B samples; with an alpha of 1 it
is the MMD-VAE. The discrepancy is the unbiased estimate (Gretton et al. 2012, equation 3): no
sample is compared with itself. That of PyTorch-VAE sums its kernels before it averages, leaves out
the diagonal where nothing is compared with itself, and divides the whole by B(B - 1).
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch
from aehpo_gpu.architectures.vae import FROM_THE_START, HEADS
from aehpo_gpu.architectures.varix import kl_divergence, sample

Kernel = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def _median(distances: torch.Tensor, latents: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    return torch.exp(-distances / (2 * scale))


KERNELS: dict[str, Kernel] = {
    "imq": lambda d, latents, _: 2 * latents / (2 * latents + d),
    "rbf_median": _median,
    "rbf_tutorial": lambda d, latents, _: torch.exp(-d / latents.square()),
}
"""Inverse multiquadratic ``C / (C + d)`` with C twice the latents, as Tolstikhin et al. (2018) have
it; Gaussian with the median distance of latents and prior as its scale; and that of Zhao's
tutorial, ``exp(-d / latents^2)``. They take squared distances (runs, samples, samples), latents and
median, both (runs, 1, 1)."""


def discrepancy(batch: LatentBatch) -> torch.Tensor:
    """Unbiased squared MMD of each run between latents and prior, times the samples of the batch.

    Returns
    -------
    torch.Tensor
        (runs,); 0 of a single sample, of which nothing can be said.
    """
    latents = batch.latents * batch.mask
    samples = latents.shape[1]
    if samples < 2:
        return latents.new_zeros(len(latents))
    prior = batch.draws * batch.mask
    number = batch.mask.sum((1, 2))[:, None, None]
    within = [squared_distances(x, x) for x in (latents, prior)]
    between = squared_distances(latents, prior)
    # Whatever the scale, it is no way to lower the loss.
    median = between.detach().flatten(1).median(1).values[:, None, None]
    same = torch.eye(samples, dtype=torch.bool, device=latents.device)
    total = latents.new_zeros(len(latents))
    for name, chosen in batch.words["kernel"].items():
        kernel = KERNELS[name]
        pairs = sum(kernel(d, number, median).masked_fill(same, 0).sum((1, 2)) for d in within)
        across = kernel(between, number, median).mean((1, 2))
        total = torch.where(chosen, pairs / (samples * (samples - 1)) - 2 * across, total)
    return total * samples


def squared_distances(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Squared distance of every pair of samples, (runs, samples, samples)."""
    squared = x.square().sum(2)[:, :, None] + y.square().sum(2)[:, None, :]
    return (squared - 2 * torch.bmm(x, y.transpose(1, 2))).clamp(min=0)


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """KL divergence and discrepancy, and the same weighted by alpha and lambda."""
    divergence, distance = kl_divergence(batch.heads), discrepancy(batch)
    alpha, weight = (batch.hyperparameters[name] for name in ("info_alpha", "info_lambda"))
    weighted = (1 - alpha) * divergence + (alpha + weight - 1) * distance
    return divergence + distance, weighted


INFOVAE = Architecture(
    "infovae",
    HEADS,
    sample,
    loss,
    ("info_alpha", "info_lambda", "kernel"),
    FROM_THE_START,
    draws_prior=True,
    pairs=(0, 12),
)
