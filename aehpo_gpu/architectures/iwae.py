"""IWAE (Burda, Grosse & Salakhutdinov 2016): a VAE whose bound is over several draws.

The bound of a sample is ``-log mean_k exp(-(error_k + beta (log q(z_k|x) - log p(z_k))))``
(``aehpo_gpu.training.importance``), its gradient that of Burda's equation 14, by autograd. Drawn
once it is the VAE with its divergence estimated from that draw, and with more draws no looser.
PyTorch-VAE weights draws by the softmax of their losses, so that the worst count most, and its
divergence is the analytic one, equal for all draws.
"""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, LatentBatch
from aehpo_gpu.architectures.vae import FROM_THE_START, HEADS
from aehpo_gpu.architectures.varix import log_variance, sample


def log_ratio(batch: LatentBatch) -> torch.Tensor:
    """``log q(z|x) - log p(z)`` of every draw, (runs, samples x draws), over the latents."""
    spread = log_variance(batch.heads)
    drawn = (batch.latents - batch.heads["mean"]).square() * torch.exp(-spread)
    return -0.5 * ((spread + drawn - batch.latents.square()) * batch.mask).sum(2)


def loss(batch: LatentBatch) -> tuple[torch.Tensor, torch.Tensor]:
    """The log ratio of every draw, and the same weighted by beta."""
    value = log_ratio(batch)
    return value, batch.hyperparameters["beta"][:, None] * value


IWAE = Architecture(
    "iwae",
    HEADS,
    sample,
    loss,
    ("beta",),
    FROM_THE_START,
    importance="importance_samples",
    sizes=("importance_samples",),
)
