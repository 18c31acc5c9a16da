"""Categorix: the VAE with categorical latents (Jang, Gu & Poole 2017; Maddison et al. 2017).

Each latent is one of so many ``categories``: in training a Gumbel-softmax draw, in evaluation its
probabilities, and what is decoded, scored and kept are all of them side by side. The temperature
of an epoch is ``max(tau_min, tau_start exp(-tau_rate steps))``. In PyTorch-VAE the lowest
temperature is the first one, so that it never falls.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from aehpo_gpu.architectures.architecture import Architecture, CodeBatch, LatentBatch
from aehpo_gpu.architectures.vae import FROM_THE_START


def grouped(values: Tensor, categories: int) -> Tensor:
    """Cut (…, latents x categories) into (…, latents, categories); what pads the last is zero."""
    missing = -values.shape[-1] % categories
    padded = torch.nn.functional.pad(values, (0, missing))
    return padded.unflatten(-1, (-1, categories))


def temperature(batch: CodeBatch) -> Tensor:
    """Temperature of each run at present, (runs,)."""
    start, rate, least = (batch.hyperparameters[n] for n in ("tau_start", "tau_rate", "tau_min"))
    return torch.maximum(least, start * torch.exp(-rate * batch.steps))


def code(batch: CodeBatch) -> Tensor:
    """Draws of the categories, or their probabilities, (runs, samples, latents x categories)."""
    categories = int(batch.shared["categories"])
    logits = batch.heads["logits"]
    width = logits.shape[-1]
    if batch.draws is not None:
        gumbel = -torch.log(-torch.log(batch.draws))
        logits = (logits + gumbel) / temperature(batch)[:, None, None]
    shares = torch.softmax(grouped(logits, categories), -1).flatten(-2)
    return shares[..., :width] * batch.mask


def divergence(batch: LatentBatch) -> Tensor:
    """KL divergence from even categories, ``sum_c q log(q C)``, summed over batch and latents."""
    categories = int(batch.shared["categories"])
    logs = torch.log_softmax(grouped(batch.heads["logits"], categories), -1)
    each = (logs.exp() * (logs + math.log(categories))).sum(-1)
    # The first category of a latent that a run does not have is padding.
    return (each * grouped(batch.mask, categories)[..., 0]).sum((1, 2))


def loss(batch: LatentBatch) -> tuple[Tensor, Tensor]:
    """KL divergence, and the same weighted by beta."""
    value = divergence(batch)
    return value, batch.hyperparameters["beta"] * value


def plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """Of how many categories a latent is one."""
    return {"categories": int(run["categories"])}


CATEGORIX = Architecture(
    "categorix",
    ("logits",),
    loss=loss,
    weights=("beta", "tau_start", "tau_min", "tau_rate"),
    training=FROM_THE_START,
    sizes=("categories",),
    code=code,
    draws_uniform=True,
    plain=plain,
)
