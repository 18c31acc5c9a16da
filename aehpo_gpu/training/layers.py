"""Stacked layers with hand-written gradients: a batched product, and one BatchNorm for all.

Every function works on (runs, samples, units). Padding is exactly inert: a padded unit has zero
weights in and out and a zero scale, so that its activation and all its gradients are zero.

Gradients of the parameters are written where the optimiser reads them; autograd carries only the
activations. The bias in front of a BatchNorm has a gradient of exactly zero, since the mean is
subtracted again; computed, it would be rounding noise, which AdamW scales up to full steps.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.autograd import Function

from aehpo_gpu.training.parameters import LinearParameters

EPSILON = 1e-5
MOMENTUM = 0.1


def product(a: torch.Tensor, b: torch.Tensor, reduced: torch.dtype | None) -> torch.Tensor:
    """Batched matrix product, in a reduced precision if there is one."""
    if reduced is None:
        return torch.bmm(a, b)
    return torch.bmm(a.to(reduced), b.to(reduced)).to(a.dtype)


def sum_over_rows(x: torch.Tensor) -> torch.Tensor:
    """Sum (runs, rows, units) over the rows, as a product with ones.

    ``torch.sum`` adds in an order that hangs on the number of units, and so on the padding; the
    product does not, and is as fast.

    Returns
    -------
    torch.Tensor
        (runs, 1, units).
    """
    runs, rows, _ = x.shape
    return torch.bmm(x.new_ones(1, rows).expand(runs, 1, rows), x)


class Linear(Function):
    """A bare stacked linear layer.

    Apply to ``(x, anchor, parameters, input_mask, reduced)``: ``x`` is (runs, samples, in), or
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
        reduced: torch.dtype | None,
    ) -> torch.Tensor:
        """Return (runs, samples, out)."""
        ctx.parameters, ctx.input_mask, ctx.reduced = parameters, input_mask, reduced
        stacked = _stacked(x, parameters)
        ctx.save_for_backward(stacked)
        if reduced is None:
            return torch.baddbmm(parameters.bias, stacked, parameters.weight)
        return product(stacked, parameters.weight, reduced).add_(parameters.bias)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Write the parameters' gradients, return that of ``x``."""
        (gradient,) = gradients
        (x,) = ctx.saved_tensors
        parameters = ctx.parameters
        _weight_gradient(ctx, x, gradient)
        parameters.bias_gradient.copy_(sum_over_rows(gradient))
        return _input_gradient(ctx, gradient), None, None, None, None


class HiddenBlock(Function):
    """Linear, BatchNorm1d, Dropout and ReLU over the stack, as ``torch.nn`` has them.

    Apply to ``(x, anchor, parameters, input_mask, reduced, draws, dropout)``: ``draws`` is
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
        reduced: torch.dtype | None,
        draws: torch.Tensor | None,
        dropout: torch.Tensor,
    ) -> torch.Tensor:
        """Return (runs, samples, out)."""
        ctx.parameters, ctx.input_mask, ctx.reduced = parameters, input_mask, reduced
        assert parameters.gamma is not None
        assert parameters.beta is not None
        assert parameters.running_mean is not None
        assert parameters.running_variance is not None
        stacked = _stacked(x, parameters)
        z = product(stacked, parameters.weight, reduced)
        samples = z.shape[1]
        mean = sum_over_rows(z) / samples
        normal = z.sub_(mean)
        variance = sum_over_rows(normal * normal) / samples
        inverse = (variance + EPSILON).rsqrt_()
        normal.mul_(inverse)
        # The bias was left out of the product: the batch mean takes it away, the running mean
        # has to know it.
        parameters.running_mean.lerp_(mean + parameters.bias, MOMENTUM)
        parameters.running_variance.lerp_(variance * (samples / (samples - 1)), MOMENTUM)
        y = torch.addcmul(parameters.beta, normal, parameters.gamma)
        gate = torch.gt(y, 0, out=torch.empty_like(y))
        if draws is not None:
            kept = torch.ge(draws, dropout, out=torch.empty_like(y))
            gate.mul_(kept).mul_(1 / (1 - dropout))
        ctx.save_for_backward(stacked, normal, inverse, gate)
        return y.mul_(gate)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Write the parameters' gradients, return that of ``x``."""
        (gradient,) = gradients
        x, normal, inverse, gate = ctx.saved_tensors
        parameters = ctx.parameters
        samples = normal.shape[1]
        dy = gradient * gate
        parameters.beta_gradient.copy_(sum_over_rows(dy))
        parameters.gamma_gradient.copy_(sum_over_rows(dy * normal))
        dz = dy.sub_(parameters.beta_gradient / samples)
        dz.addcmul_(normal, parameters.gamma_gradient, value=-1 / samples)
        dz.mul_(parameters.gamma * inverse)
        _weight_gradient(ctx, x, dz)
        return _input_gradient(ctx, dz), None, None, None, None, None, None


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
        difference = reconstruction - x
        if mask is not None:
            difference.mul_(mask)
        ctx.save_for_backward(difference)
        return (difference * difference).sum((1, 2))

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        """Return the gradient of the reconstruction."""
        (gradient,) = gradients
        (difference,) = ctx.saved_tensors
        return difference * (2 * gradient)[:, None, None], None, None


def evaluate_linear(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """A bare layer, without recording."""
    return torch.baddbmm(parameters.bias, _stacked(x, parameters), parameters.weight)


def evaluate_hidden(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """A hidden block in evaluation mode: running statistics, no dropout."""
    assert parameters.gamma is not None
    assert parameters.beta is not None
    assert parameters.running_mean is not None
    assert parameters.running_variance is not None
    scale = parameters.gamma * (parameters.running_variance + EPSILON).rsqrt()
    shift = parameters.beta + scale * (parameters.bias - parameters.running_mean)
    z = torch.bmm(_stacked(x, parameters), parameters.weight)
    return torch.addcmul(shift, z, scale).relu_()


def _stacked(x: torch.Tensor, parameters: LinearParameters) -> torch.Tensor:
    """The input for every run; one that all runs share is not copied."""
    return x if x.dim() == 3 else x.expand(len(parameters.weight), *x.shape)


def _weight_gradient(ctx: Any, x: torch.Tensor, gradient: torch.Tensor) -> None:
    # A product into a fresh tensor and a copy is faster than a product into a strided view.
    ctx.parameters.weight_gradient.copy_(product(x.transpose(1, 2), gradient, ctx.reduced))
    if ctx.input_mask is not None:
        ctx.parameters.weight_gradient.mul_(ctx.input_mask)


def _input_gradient(ctx: Any, gradient: torch.Tensor) -> torch.Tensor | None:
    if not ctx.needs_input_grad[0]:
        return None
    return product(gradient, ctx.parameters.weight.transpose(1, 2), ctx.reduced)
