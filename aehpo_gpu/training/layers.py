"""Stacked layers with hand-written gradients: a batched product, and what follows it.

Every function works on (runs, samples, units). Padding is exactly inert: a padded unit has zero
weights in and out and a zero scale, so that its activation and all its gradients are zero.

Gradients of the parameters are written where the optimiser reads them; autograd carries only the
activations. The bias in front of a BatchNorm has a gradient of exactly zero, since the mean is
subtracted again; computed, it would be rounding noise, which AdamW scales up to full steps.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import torch
from torch.autograd import Function
from torch.nn.functional import pad

from aehpo_gpu.training.blocks import Block
from aehpo_gpu.training.parameters import LANES, LinearParameters
from aehpo_gpu.training.row_sums import sum_over_rows

_WRITTEN_DIRECTLY = 1 << 13
"""Weights of a layer from which on their gradient is written where it belongs; a product of
smaller ones is faster into a tensor of its own, which is then copied."""


def product(a: torch.Tensor, b: torch.Tensor, precision: str) -> torch.Tensor:
    """Batched matrix product in a precision of the settings; nothing else is less precise."""
    if precision == "bfloat16":
        return torch.bmm(a.to(torch.bfloat16), b.to(torch.bfloat16)).to(a.dtype)
    with _rounding(precision):
        return torch.bmm(a, b)


_NONE = contextlib.nullcontext()


def _rounding(precision: str) -> contextlib.AbstractContextManager[None]:
    """Return a block in which factors of products are rounded, if that is asked for."""
    return _tf32() if precision == "tf32" else _NONE


@contextlib.contextmanager
def _tf32() -> Iterator[None]:
    """Let the GPU round the factors of products to TF32 inside the block."""
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


class Stretch(Protocol):
    """What belongs to neighbouring runs."""

    @property
    def rows(self) -> slice:
        """Where they lie."""


def inert_rows(x: torch.Tensor) -> torch.Tensor:
    """Add rows of zeros to (…, rows, units) up to a multiple of :data:`LANES`.

    For products only: the last batch of an epoch is short, and the way a product of a ragged number
    of rows is rounded depends on the number and the widths of the runs in the stack.
    """
    ragged = x.shape[-2] % LANES
    return pad(x, (0, 0, 0, LANES - ragged)) if ragged else x


class Linear(Function):
    """A bare stacked linear layer.

    Apply to ``(x, anchor, parameters, input_mask, precision)``: ``x`` is (runs, samples, in), or
    (samples, in) if all runs share it; ``anchor`` is any tensor that requires a gradient, so that
    the first layer is recorded; ``input_mask`` (runs, in, 1) keeps gradients off padded inputs
    where the input itself is not zero there.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        anchor: torch.Tensor,
        parameters: LinearParameters,
        input_mask: torch.Tensor | None,
        precision: str,
    ) -> torch.Tensor:
        """Return (runs, samples, out)."""
        ctx.parameters, ctx.input_mask, ctx.precision = parameters, input_mask, precision
        stacked = _stacked(x, parameters)
        ctx.save_for_backward(stacked)
        if parameters.reduced is None:
            with _rounding(precision):
                z = torch.baddbmm(parameters.bias, stacked, parameters.weight)
        else:
            z = product(stacked, parameters.factor, precision).add_(parameters.bias)
        return _rows(z, x)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Write the parameters' gradients, return that of ``x``."""
        (gradient,) = gradients
        (x,) = ctx.saved_tensors
        parameters = ctx.parameters
        parameters.bias_gradient.copy_(sum_over_rows(gradient))
        return _product_gradients(ctx, x, gradient), None, None, None, None


class HiddenLayer(Function):
    """Linear over the stack, and what follows it in each run, as ``torch.nn`` has them.

    Apply to ``(x, anchor, parameters, input_mask, precision, draws, blocks)``: ``draws`` is
    (samples, units) uniform, shared by the runs, or None for no dropout; ``blocks`` say what
    follows.
    """

    @staticmethod
    def forward(
        ctx: Any,
        x: torch.Tensor,
        anchor: torch.Tensor,
        parameters: LinearParameters,
        input_mask: torch.Tensor | None,
        precision: str,
        draws: torch.Tensor | None,
        blocks: Sequence[Block],
    ) -> torch.Tensor:
        """Return (runs, samples, out)."""
        ctx.parameters, ctx.input_mask, ctx.precision = parameters, input_mask, precision
        stacked = _stacked(x, parameters)
        z = _rows(product(stacked, parameters.factor, precision), x)
        made = [block.forward(of_stretch(z, blocks, block), draws) for block in blocks]
        ctx.blocks, ctx.sizes = blocks, [len(saved) for _, saved in made]
        ctx.save_for_backward(stacked, draws, *(one for _, saved in made for one in saved))
        return together([y for y, _ in made])

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Write the parameters' gradients, return that of ``x``."""
        (gradient,) = gradients
        x, draws, *rest = ctx.saved_tensors
        remaining = iter(rest)
        parts = [
            block.backward(
                of_stretch(gradient, ctx.blocks, block),
                tuple(itertools.islice(remaining, size)),
                draws,
            )
            for block, size in zip(ctx.blocks, ctx.sizes, strict=True)
        ]
        return _product_gradients(ctx, x, together(parts)), None, None, None, None, None, None


def of_stretch(values: torch.Tensor, blocks: Sequence[Stretch], block: Stretch) -> torch.Tensor:
    """The runs of a block out of those of all blocks."""
    return values if len(blocks) == 1 else values[block.rows]


def together(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """What the blocks of a fleet made, as one."""
    return parts[0] if len(parts) == 1 else torch.cat(tuple(parts))


def evaluate_linear(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """A bare layer, without recording."""
    stacked = _stacked(x, parameters)
    return _rows(torch.baddbmm(parameters.bias, stacked, parameters.weight), x)


def evaluate_hidden(
    x: torch.Tensor, parameters: LinearParameters, blocks: Sequence[Block]
) -> torch.Tensor:
    """A hidden layer in evaluation mode: running statistics, no dropout."""
    z = _rows(torch.bmm(_stacked(x, parameters), parameters.weight), x)
    return together([block.evaluate(of_stretch(z, blocks, block)) for block in blocks])


def _stacked(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """The input of a product for every run; one that all runs share is not copied."""
    x = inert_rows(x)
    return x if x.dim() == 3 else x.expand(len(parameters.weight), *x.shape)


def _rows(z: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """What a product made of the rows of ``x`` alone, without the inert ones."""
    rows = x.shape[-2]
    # A copy even of a single run, whose strides would otherwise be those of all rows.
    return z if rows == z.shape[1] else z[:, :rows].clone(memory_format=torch.contiguous_format)


def _product_gradients(ctx: Any, x: torch.Tensor, gradient: torch.Tensor) -> torch.Tensor | None:
    """Write the gradient of the weights, return that of the input if it is asked for.

    Parameters
    ----------
    ctx
        Of the layer.
    x
        Its input with inert rows.
    gradient
        (runs, samples, out), of its product.
    """
    parameters, precision = ctx.parameters, ctx.precision
    filled = inert_rows(gradient)
    target = parameters.weight_gradient
    if parameters.reduced is None and target.shape[1:].numel() >= _WRITTEN_DIRECTLY:
        with _rounding(precision):
            torch.bmm(x.transpose(1, 2), filled, out=target)
    else:
        target.copy_(product(x.transpose(1, 2), filled, precision))
    if ctx.input_mask is not None:
        target.mul_(ctx.input_mask)
    if not ctx.needs_input_grad[0]:
        return None
    return _rows(product(filled, parameters.factor.transpose(1, 2), precision), gradient)
