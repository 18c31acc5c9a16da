"""Weights that a stacked layer does not have, or has above zero only.

A weight that does not exist is zero from the start and has no gradient, so that no optimiser moves
it, no moment of it is ever anything else than zero, and no decay has anything to shrink. One that
may not be negative begins as its size, and is set to zero after every step that took it below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from aehpo_gpu.training.parameters import padded


class Weighted(Protocol):
    """A layer with a weight and its gradient, (runs, in, out)."""

    @property
    def weight(self) -> torch.Tensor:
        """What is masked."""

    @property
    def weight_gradient(self) -> torch.Tensor:
        """Its gradient."""


@dataclass(frozen=True)
class WeightMask:
    """Which weights a layer has.

    Attributes
    ----------
    layer
        Position of the layer; from the end if it is negative.
    present
        (in, out) of the layer, 1 where there is a weight.
    nonnegative
        Whether no weight may be below zero.
    """

    layer: int
    present: torch.Tensor
    nonnegative: bool = False


class WeightMasks:
    """The masks of some layers.

    Parameters
    ----------
    masks
        One a layer.
    """

    def __init__(self, masks: Sequence[WeightMask]):
        self._masks = masks

    def begin(self, layers: Sequence[Weighted]) -> None:
        """Take out the weights that do not exist, and take the size of others."""
        for mask in self._masks:
            weight = layers[mask.layer].weight
            if mask.nonnegative:
                weight.abs_()
            weight.mul_(mask.present)

    def cut_gradients(self, layers: Sequence[Weighted]) -> None:
        """Take out the gradients of weights that do not exist, before anything is made of these."""
        for mask in self._masks:
            layers[mask.layer].weight_gradient.mul_(mask.present)

    def project(self, layers: Sequence[Weighted]) -> None:
        """Bring weights back to where they may be, after a step."""
        for mask in self._masks:
            if mask.nonnegative:
                layers[mask.layer].weight.clamp_(min=0).mul_(mask.present)


def decoder_masks(
    present: Sequence[np.ndarray], features: int, like: torch.Tensor, *, stacked: bool = True
) -> WeightMasks:
    """Return the masks of a decoder whose weights are not negative.

    Parameters
    ----------
    present
        (in, out) of each layer, from the latents to all features of the task.
    features
        Of the widest run; those behind them are left out.
    like
        Device and type of the masks.
    stacked
        Whether layers are as wide as those of a stack.
    """
    masks = []
    for number, own in enumerate(present):
        kept = own[:, :features] if number == len(present) - 1 else own
        shape = tuple(map(padded, kept.shape)) if stacked else kept.shape
        mask = torch.zeros(shape, device=like.device, dtype=like.dtype)
        mask[: kept.shape[0], : kept.shape[1]] = torch.as_tensor(kept).to(mask)
        masks.append(WeightMask(number - len(present), mask, nonnegative=True))
    return WeightMasks(masks)
