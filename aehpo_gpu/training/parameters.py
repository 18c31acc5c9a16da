"""The parameters of a fleet in one buffer: a row a run, a view a layer.

One row holds everything that belongs to one run, so that its gradient norm is the norm of a row
and its optimiser step is one call. Layers see three-dimensional views of the same memory.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch

LANES = 16
"""Stacked widths, and rows of matrix products, are multiples of this. A product of the same numbers
then mostly takes the same path in any fleet: MKL has others for narrow and ragged shapes, which
round otherwise. It promises none, and on some processors (AVX2 without AVX-512) the path still
depends on the stack. Rows begin on cache lines as well."""


def padded(width: int) -> int:
    """The width of a stack whose widest run has ``width`` units."""
    return width + -width % LANES


@dataclass
class LinearParameters:
    """A stacked linear layer and, if it is hidden, the BatchNorm behind it.

    Attributes
    ----------
    weight, weight_gradient
        (runs, in, out).
    bias, bias_gradient
        (runs, 1, out).
    gamma, beta, gamma_gradient, beta_gradient
        (runs, 1, out); None for a bare layer.
    running_mean, running_variance
        (runs, 1, out); None for a bare layer.
    reduced
        (runs, in, out), the weights as products take them; None where they take them as they are.
    """

    weight: torch.Tensor
    bias: torch.Tensor
    weight_gradient: torch.Tensor
    bias_gradient: torch.Tensor
    gamma: torch.Tensor | None = None
    beta: torch.Tensor | None = None
    gamma_gradient: torch.Tensor | None = None
    beta_gradient: torch.Tensor | None = None
    running_mean: torch.Tensor | None = None
    running_variance: torch.Tensor | None = None
    reduced: torch.Tensor | None = None

    @property
    def factor(self) -> torch.Tensor:
        """The weights as products take them."""
        return self.weight if self.reduced is None else self.reduced

    @property
    def norm(self) -> NormParameters:
        """The BatchNorm behind a hidden layer."""
        names = NormParameters.__dataclass_fields__
        return NormParameters(**{name: getattr(self, name) for name in names})

    def part(self, rows: slice) -> LinearParameters:
        """Views of some of the runs."""
        if rows == slice(0, len(self.weight)):
            return self
        values: dict[str, Any] = vars(self)
        views: Any = {name: None if v is None else v[rows] for name, v in values.items()}
        return LinearParameters(**views)


@dataclass(frozen=True)
class NormParameters:
    """The BatchNorm behind a hidden layer, see :class:`LinearParameters`."""

    gamma: torch.Tensor
    beta: torch.Tensor
    gamma_gradient: torch.Tensor
    beta_gradient: torch.Tensor
    running_mean: torch.Tensor
    running_variance: torch.Tensor


@dataclass(frozen=True)
class LayerShape:
    """Shape of a layer for each run of the fleet.

    Attributes
    ----------
    inputs, outputs
        Width for each run; the stack has the largest.
    hidden
        Whether BatchNorm, Dropout and ReLU follow.
    """

    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    hidden: bool

    @property
    def stacked(self) -> tuple[int, int]:
        """Width of the stack, in and out."""
        return padded(max(self.inputs)), padded(max(self.outputs))


def layer_shapes(
    widths: Sequence[Sequence[int]],
    heads: int,
    ends: bool,
    decoders: Sequence[Sequence[int]] | None = None,
) -> list[LayerShape]:
    """Shapes of all layers in order: hidden encoder, heads, hidden decoder, output.

    Parameters
    ----------
    widths
        Of the encoder of each run.
    heads
        How many there are.
    ends
        Whether heads have what follows hidden layers.
    decoders
        Widths of each run from the latents to the features, where all layers of the decoder are
        bare; it mirrors the encoder by default.
    """

    def layer(i: int, o: int, hidden: bool, of: Sequence[Sequence[int]] = widths) -> LayerShape:
        return LayerShape(tuple(w[i] for w in of), tuple(w[o] for w in of), hidden)

    last = len(widths[0]) - 1
    encoder = [layer(i, i + 1, True) for i in range(last - 1)]
    latent = [layer(last - 1, last, ends)] * heads
    if decoders is None:
        decoder = [layer(i, i - 1, i > 1) for i in range(last, 0, -1)]
    else:
        decoder = [layer(i, i + 1, False, decoders) for i in range(len(decoders[0]) - 1)]
    return [*encoder, *latent, *decoder]


@dataclass
class ParameterStack:
    """Parameters and gradients of a fleet.

    Attributes
    ----------
    values, gradients
        (runs, parameters) in one piece of memory each.
    layers
        Views of them.
    shapes
        What the layers were laid out for.
    reduced
        The values in the type that products take, see :meth:`reduce`; None if it is their own.
    """

    values: torch.Tensor
    gradients: torch.Tensor
    shapes: Sequence[LayerShape] = ()
    layers: list[LinearParameters] = field(default_factory=list)
    reduced: torch.Tensor | None = None

    @classmethod
    def allocate(
        cls,
        shapes: Sequence[LayerShape],
        device: torch.device,
        dtype: torch.dtype,
        factors: torch.dtype | None = None,
    ) -> ParameterStack:
        """Allocate zeros for some layers, whose products may take another type."""
        runs = len(shapes[0].inputs)
        size = sum(_layer_size(shape) for shape in shapes)
        values = torch.zeros(runs, size, device=device, dtype=dtype)
        stack = cls(values, torch.zeros_like(values), shapes)
        if factors not in (None, dtype):
            stack.reduced = torch.zeros_like(values, dtype=factors)
        offset = 0
        for shape in shapes:
            stack.layers.append(stack._layer(shape, offset))
            offset += _layer_size(shape)
        return stack

    def reduce(self) -> None:
        """Bring the values into the type that products take, once a step for both directions."""
        if self.reduced is not None:
            self.reduced.copy_(self.values)

    @cached_property
    def places(self) -> np.ndarray:
        """(layers, 3): where each layer begins in a row, its rows and its units."""
        sizes = [_layer_size(shape) for shape in self.shapes]
        units = [shape.stacked[1] for shape in self.shapes]
        starts = np.cumsum([0, *sizes[:-1]])
        return np.column_stack([starts, np.floor_divide(sizes, units), units])

    def take(self, rows: torch.Tensor, shapes: Sequence[LayerShape]) -> ParameterStack:
        """Return a stack of some of the runs, as wide as the widest of them needs it.

        Parameters
        ----------
        rows
            Positions of the runs.
        shapes
            Shapes of all layers for these runs.
        """
        factors = None if self.reduced is None else self.reduced.dtype
        stack = ParameterStack.allocate(shapes, self.values.device, self.values.dtype, factors)
        stack.values.copy_(self.rearranged(self.values, rows, shapes))
        for old, new in zip(self.layers, stack.layers, strict=True):
            for name in ("running_mean", "running_variance"):
                source, target = getattr(old, name), getattr(new, name)
                if target is not None:
                    target.copy_(source[rows, :, : target.shape[2]])
        return stack

    def rearranged(
        self, state: torch.Tensor, rows: torch.Tensor, shapes: Sequence[LayerShape]
    ) -> torch.Tensor:
        """Take some runs out of (runs, parameters), in the layout that their shapes have.

        What pads a run is zero in the parameters and in all that an optimiser keeps of them, so
        that only zeros are left behind.
        """
        sizes = [_layer_size(shape) for shape in shapes]
        taken = state.new_zeros(len(rows), sum(sizes))
        start = offset = 0
        for old, new, size in zip(self.shapes, shapes, sizes, strict=True):
            (inputs, wide), (kept, narrow) = old.stacked, new.stacked
            end = start + _layer_size(old)
            source = state[rows, start:end].view(len(rows), -1, wide)
            target = taken[:, offset : offset + size].view(len(rows), -1, narrow)
            target[:, :kept] = source[:, :kept, :narrow]
            target[:, kept:] = source[:, inputs:, :narrow]
            start, offset = end, offset + size
        return taken

    def _layer(self, shape: LayerShape, offset: int) -> LinearParameters:
        inputs, outputs = shape.stacked
        runs = len(self.values)

        def view(start: int, rows: int) -> tuple[torch.Tensor, torch.Tensor]:
            stop = start + rows * outputs
            return (
                self.values[:, start:stop].view(runs, rows, outputs),
                self.gradients[:, start:stop].view(runs, rows, outputs),
            )

        weight, weight_gradient = view(offset, inputs)
        bias, bias_gradient = view(offset + inputs * outputs, 1)
        layer = LinearParameters(weight, bias, weight_gradient, bias_gradient)
        if self.reduced is not None:
            reduced = self.reduced[:, offset : offset + inputs * outputs]
            layer.reduced = reduced.view(runs, inputs, outputs)
        if shape.hidden:
            layer.gamma, layer.gamma_gradient = view(offset + (inputs + 1) * outputs, 1)
            layer.beta, layer.beta_gradient = view(offset + (inputs + 2) * outputs, 1)
            layer.running_mean = torch.zeros(
                runs, 1, outputs, device=weight.device, dtype=weight.dtype
            )
            layer.running_variance = torch.ones_like(layer.running_mean)
        return layer


def _layer_size(shape: LayerShape) -> int:
    inputs, outputs = shape.stacked
    return (inputs + (3 if shape.hidden else 1)) * outputs
