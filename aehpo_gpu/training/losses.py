"""The losses of a batch, as a network reports them."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Losses:
    """Losses of a batch for each run, (runs,), summed over its samples."""

    reconstruction: torch.Tensor
    vae: torch.Tensor
    total: torch.Tensor
