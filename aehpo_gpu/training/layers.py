"""Stacked layers with hand-written gradients: a batched product, and one BatchNorm for all.

Every function works on (runs, samples, units). Padding is exactly inert: a padded unit has zero
weights in and out and a zero scale, so that its activation and all its gradients are zero.

Gradients of the parameters are written where the optimiser reads them; autograd carries only the
activations. The bias in front of a BatchNorm has a gradient of exactly zero, since the mean is
subtracted again; computed, it would be rounding noise, which AdamW scales up to full steps.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch.autograd import Function
from torch.nn.functional import pad

from aehpo_gpu.training.compilation import fused_on_cuda
from aehpo_gpu.training.parameters import LANES, LinearParameters
from aehpo_gpu.training.row_sums import dot_over_rows, sum_over_rows

EPSILON = 1e-5
MOMENTUM = 0.1

_WRITTEN_DIRECTLY = 1 << 13
"""Weights of a layer from which on their gradient is written where it belongs; a product of
smaller ones is faster into a tensor of its own, which is then copied."""


def product(a: torch.Tensor, b: torch.Tensor, precision: str) -> torch.Tensor:
    """Batched matrix product in a precision of the settings; nothing else is less precise."""
    if precision == "bfloat16":
        return torch.bmm(a.to(torch.bfloat16), b.to(torch.bfloat16)).to(a.dtype)
    with _tf32(precision):
        return torch.bmm(a, b)


@contextlib.contextmanager
def _tf32(precision: str) -> Iterator[None]:
    """Let the GPU round the factors of products to TF32 inside the block, if that is asked for."""
    if precision != "tf32":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32 = before


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
            with _tf32(precision):
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


class HiddenBlock(Function):
    """Linear, BatchNorm1d, Dropout and ReLU over the stack, as ``torch.nn`` has them.

    Apply to ``(x, anchor, parameters, input_mask, precision, draws, dropout)``: ``draws`` is
    (samples, units) uniform, shared by the runs, or None for no dropout; ``dropout`` is
    (runs, 1, 1).
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
        dropout: torch.Tensor,
    ) -> torch.Tensor:
        """Return (runs, samples, out)."""
        ctx.parameters, ctx.input_mask, ctx.precision = parameters, input_mask, precision
        assert parameters.gamma is not None
        assert parameters.beta is not None
        assert parameters.running_mean is not None
        assert parameters.running_variance is not None
        stacked = _stacked(x, parameters)
        z = _rows(product(stacked, parameters.factor, precision), x)
        centred, inverse, gain, y = normalised(
            z,
            parameters.bias,
            parameters.gamma,
            parameters.beta,
            parameters.running_mean,
            parameters.running_variance,
            draws,
            dropout,
        )
        ctx.save_for_backward(stacked, centred, inverse, gain, y)
        return y

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Write the parameters' gradients, return that of ``x``."""
        (gradient,) = gradients
        x, centred, inverse, gain, y = ctx.saved_tensors
        parameters = ctx.parameters
        dz, beta_gradient, gamma_gradient = normalised_gradients(
            gradient, y, centred, inverse, gain, parameters.gamma
        )
        parameters.beta_gradient.copy_(beta_gradient)
        parameters.gamma_gradient.copy_(gamma_gradient)
        return _product_gradients(ctx, x, dz), None, None, None, None, None, None


@fused_on_cuda
def normalised(
    z: torch.Tensor,
    bias: torch.Tensor,
    gamma: torch.Tensor,
    beta: torch.Tensor,
    running_mean: torch.Tensor,
    running_variance: torch.Tensor,
    draws: torch.Tensor | None,
    dropout: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """BatchNorm, Dropout and ReLU of a product; the running statistics take note of it.

    Returns
    -------
    centred : torch.Tensor
        ``z`` less its mean over the samples, in the memory of ``z``.
    inverse : torch.Tensor
        (runs, 1, units), of its standard deviation.
    gain : torch.Tensor
        (runs, 1, 1), what dropout scales by.
    y : torch.Tensor
        (runs, samples, units).
    """
    samples = z.shape[1]
    mean = sum_over_rows(z) / samples
    centred = z.sub_(mean)
    variance = dot_over_rows(centred, centred) / samples
    inverse = (variance + EPSILON).rsqrt_()
    # The bias was left out of the product: the batch mean takes it away, the running mean
    # has to know it.
    running_mean.lerp_(mean + bias, MOMENTUM)
    running_variance.lerp_(variance * (samples / (samples - 1)), MOMENTUM)
    # What dropout scales by goes into scale and shift, where it costs nothing.
    gain = 1 / (1 - dropout) if draws is not None else torch.ones_like(dropout)
    y = torch.addcmul(beta * gain, centred, gamma * inverse * gain)
    y.relu_()
    if draws is not None:
        y.mul_(torch.ge(draws, dropout, out=torch.empty_like(y)))
    return centred, inverse, gain, y


@fused_on_cuda
def normalised_gradients(
    gradient: torch.Tensor,
    y: torch.Tensor,
    centred: torch.Tensor,
    inverse: torch.Tensor,
    gain: torch.Tensor,
    gamma: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of :func:`normalised` by its product, its shift and its scale.

    Parameters
    ----------
    gradient
        (runs, samples, units), by ``y``.
    y, centred, inverse, gain, gamma
        What the forward pass left, and its scale.
    """
    samples = centred.shape[1]
    # A unit that is dropped or below zero came out as zero, every other one above.
    dy = torch.ops.aten.threshold_backward(gradient, y, 0)
    total = sum_over_rows(dy)
    along = dot_over_rows(dy, centred)
    beta_gradient = total * gain
    gamma_gradient = along * (gain * inverse)
    dz = dy.sub_(total / samples)
    dz.addcmul_(centred, along * inverse.square(), value=-1 / samples)
    dz.mul_(gamma * inverse * gain)
    return dz, beta_gradient, gamma_gradient


class SquaredError(Function):
    """Squared error of each run, summed over the samples and features of the batch.

    Apply to ``(reconstruction, x, mask)``: (runs, samples, features), (samples, features), and a
    (runs, 1, features) mask of the features each run has, or None if all have all.
    """

    @staticmethod
    def forward(
        ctx: Any, reconstruction: torch.Tensor, x: torch.Tensor, mask: torch.Tensor | None
    ) -> torch.Tensor:
        """Return (runs,)."""
        difference, error = squared_error(reconstruction, x, mask)
        ctx.save_for_backward(difference)
        return error

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradient of the reconstruction."""
        (gradient,) = gradients
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient)[:, None, None], None, None


@fused_on_cuda
def squared_error(
    reconstruction: torch.Tensor, x: torch.Tensor, mask: torch.Tensor | None
) -> tuple[torch.Tensor, torch.Tensor]:
    """The difference, and its sum of squares for each run."""
    difference = reconstruction - x
    if mask is not None:
        difference.mul_(mask)
    return difference, (difference * difference).sum((1, 2))


def evaluate_linear(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """A bare layer, without recording."""
    stacked = _stacked(x, parameters)
    return _rows(torch.baddbmm(parameters.bias, stacked, parameters.weight), x)


def evaluate_hidden(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """A hidden block in evaluation mode: running statistics, no dropout."""
    assert parameters.gamma is not None
    assert parameters.beta is not None
    assert parameters.running_mean is not None
    assert parameters.running_variance is not None
    scale = parameters.gamma * (parameters.running_variance + EPSILON).rsqrt()
    shift = parameters.beta + scale * (parameters.bias - parameters.running_mean)
    z = _rows(torch.bmm(_stacked(x, parameters), parameters.weight), x)
    return torch.addcmul(shift, z, scale).relu_()


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
    if parameters.reduced is None and target[0].numel() >= _WRITTEN_DIRECTLY:
        with _tf32(precision):
            torch.bmm(x.transpose(1, 2), filled, out=target)
    else:
        target.copy_(product(x.transpose(1, 2), filled, precision))
    if ctx.input_mask is not None:
        target.mul_(ctx.input_mask)
    if not ctx.needs_input_grad[0]:
        return None
    return _rows(product(filled, parameters.factor.transpose(1, 2), precision), gradient)
