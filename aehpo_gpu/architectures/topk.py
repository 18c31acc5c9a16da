"""The k-sparse autoencoder (Makhzani & Frey 2014): of each sample only the k largest latents count.

Largest by their size. The gradient passes through those that are kept and no others.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from aehpo_gpu.architectures.architecture import Architecture, CodeBatch


def code(batch: CodeBatch) -> torch.Tensor:
    """The k largest latents of each sample, the others zero; all where k is no smaller."""
    latents = batch.heads["latent"]
    sizes = latents.detach().abs() - (1 - batch.mask)
    ranked = sizes.sort(-1, descending=True).values
    last = (batch.hyperparameters["active_latents"] - 1).clamp(0, latents.shape[-1] - 1)
    place = last.to(torch.int64)[:, None, None].expand(-1, latents.shape[1], 1)
    return latents * (sizes >= ranked.gather(2, place)) * batch.mask


def plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """How many latents count."""
    return {"active_latents": int(run["active_latents"])}


TOPK = Architecture("topk", weights=("active_latents",), code=code, overcomplete=True, plain=plain)
