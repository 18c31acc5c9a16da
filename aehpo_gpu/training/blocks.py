"""Stretches of neighbouring runs of a fleet whose hidden layers, or whose errors, are of one kind.

Matrix products are one for the whole stack, whatever its runs do with them afterwards. What they do
element by element is done stretch by stretch: the planner puts runs of one kind side by side, so
that there are few. A fleet of one kind is one stretch, and nothing is cut or put together.
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch

from aehpo_gpu.training import normalisation_on_cpu
from aehpo_gpu.training.activations import ACTIVATIONS
from aehpo_gpu.training.normalisation import (
    EPSILON,
    normalised,
    normalised_gradients,
    standardised,
    through_standardised,
)
from aehpo_gpu.training.parameters import LinearParameters, NormParameters
from aehpo_gpu.training.row_sums import sum_over_rows

Kind = TypeVar("Kind", bound=Hashable)


def is_on_cpu(values: torch.Tensor) -> bool:
    """Whether loops over arrays are to be had for it."""
    return values.device.type == "cpu"


def stretches(kinds: Sequence[Kind]) -> list[tuple[slice, Kind]]:
    """Return where each stretch of equal kinds lies, and its kind."""
    found, start = [], 0
    for kind, members in itertools.groupby(kinds):
        stop = start + len(list(members))
        found.append((slice(start, stop), kind))
        start = stop
    return found


@dataclass(frozen=True)
class HiddenKind:
    """What follows the product of a hidden layer: an activation, behind a BatchNorm or not."""

    activation: str
    batch_norm: bool


@dataclass(frozen=True)
class Block:
    """What follows the product of a hidden layer in a stretch of runs.

    BatchNorm (or the bias), activation, Dropout. ReLU comes last of the three where there is a
    BatchNorm: that is the same, and takes one mask fewer.

    Attributes
    ----------
    rows
        Where the runs lie.
    kind
        Of all of them.
    bias, bias_gradient, norm
        Views of their parameters behind the product; those of a BatchNorm lie idle without one.
    dropout
        (runs, 1, 1).
    mask
        (runs, 1, units): 1 where a run has a unit; None where padding stays zero by itself.
    """

    rows: slice
    kind: HiddenKind
    bias: torch.Tensor
    bias_gradient: torch.Tensor
    norm: NormParameters
    dropout: torch.Tensor
    mask: torch.Tensor | None

    @cached_property
    def _is_plain(self) -> bool:
        return self.kind == HiddenKind("relu", True)

    @cached_property
    def _arrays(self) -> tuple[np.ndarray, ...]:
        own = self.norm
        statistics = (own.running_mean, own.running_variance)
        values = (self.bias, own.gamma, own.beta, *statistics, self.dropout)
        return tuple(one.numpy() for one in values)

    @cached_property
    def _gradient_arrays(self) -> tuple[np.ndarray, ...]:
        own = self.norm
        return own.gamma.numpy(), own.beta_gradient.numpy(), own.gamma_gradient.numpy()

    def forward(
        self, z: torch.Tensor, draws: torch.Tensor | None
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, ...]]:
        """Return (runs, samples, units), and what :meth:`backward` needs.

        Parameters
        ----------
        z
            (runs, samples, units), the product without bias; its memory is used.
        draws
            (samples, units) uniform, or None for no dropout.
        """
        own, bias = self.norm, self.bias
        if self._is_plain:
            if is_on_cpu(z):
                made = normalisation_on_cpu.normalised(z, draws, *self._arrays)
            else:
                statistics = (own.running_mean, own.running_variance)
                made = normalised(z, bias, own.gamma, own.beta, *statistics, draws, self.dropout)
            return made[-1], made
        if self.kind.batch_norm:
            centred, inverse = standardised(z, bias, own.running_mean, own.running_variance)
            inner = torch.addcmul(own.beta, centred, own.gamma * inverse)
            kept: tuple[torch.Tensor, ...] = (centred, inverse, inner)
        else:
            inner = z.add_(bias)
            kept = (inner,)
        return self._thinned(ACTIVATIONS[self.kind.activation].value(inner), draws), kept

    def backward(
        self,
        gradient: torch.Tensor,
        saved: tuple[torch.Tensor, ...],
        draws: torch.Tensor | None,
    ) -> torch.Tensor:
        """Write the gradients of the parameters but the weights, return that of the product."""
        own = self.norm
        if self._is_plain:
            centred, inverse, gain, y = saved
            made = (gradient, y, centred, inverse, gain)
            if is_on_cpu(y):
                return normalisation_on_cpu.normalised_gradients(*made, *self._gradient_arrays)
            dz, beta_gradient, gamma_gradient = normalised_gradients(*made, own.gamma)
            own.beta_gradient.copy_(beta_gradient)
            own.gamma_gradient.copy_(gamma_gradient)
            return dz
        inner = saved[-1]
        gradient = self._thinned(gradient, draws)
        dy = ACTIVATIONS[self.kind.activation].gradient(gradient, inner)
        if not self.kind.batch_norm:
            self.bias_gradient.copy_(sum_over_rows(dy))
            return dy
        centred, inverse, _ = saved
        dz, beta_gradient, gamma_gradient = through_standardised(
            dy.clone() if dy is gradient else dy, centred, inverse, None, own.gamma
        )
        own.beta_gradient.copy_(beta_gradient)
        own.gamma_gradient.copy_(gamma_gradient)
        return dz

    def evaluate(self, z: torch.Tensor) -> torch.Tensor:
        """Return (runs, samples, units) in evaluation mode: running statistics, no dropout."""
        own = self.norm
        if not self.kind.batch_norm:
            inner = z + self.bias
        else:
            scale = own.gamma * (own.running_variance + EPSILON).rsqrt()
            shift = own.beta + scale * (self.bias - own.running_mean)
            inner = torch.addcmul(shift, z, scale)
        y = ACTIVATIONS[self.kind.activation].value(inner)
        return y if self.mask is None else y * self.mask

    def _thinned(self, values: torch.Tensor, draws: torch.Tensor | None) -> torch.Tensor:
        """Values without the units that are dropped or not there, the others scaled up."""
        if self.mask is not None:
            values = values * self.mask
        if draws is None:
            return values
        return values * torch.ge(draws, self.dropout).to(values.dtype).div_(1 - self.dropout)


def blocks_of(
    layer: LinearParameters,
    kinds: Sequence[HiddenKind],
    dropout: torch.Tensor,
    mask: torch.Tensor,
) -> list[Block]:
    """Return the blocks behind a hidden layer.

    Parameters
    ----------
    layer
        Of the whole stack.
    kinds
        One a run.
    dropout
        (runs, 1, 1).
    mask
        (runs, 1, units) of the units that each run has.
    """
    blocks = []
    for rows, kind in stretches(kinds):
        own = layer.part(rows)
        padding = None if ACTIVATIONS[kind.activation].keeps_zero else mask[rows]
        block = Block(rows, kind, own.bias, own.bias_gradient, own.norm, dropout[rows], padding)
        blocks.append(block)
    return blocks
