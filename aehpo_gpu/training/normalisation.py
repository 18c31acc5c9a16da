"""BatchNorm over the stack, and BatchNorm, Dropout and ReLU in one, with their gradients."""

from __future__ import annotations

import torch

from aehpo_gpu.training.compilation import fused_on_cuda
from aehpo_gpu.training.row_sums import dot_over_rows, sum_over_rows

EPSILON = 1e-5
MOMENTUM = 0.1


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
    centred, inverse = standardised(z, bias, running_mean, running_variance)
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
    # A unit that is dropped or below zero came out as zero, every other one above.
    dy = torch.ops.aten.threshold_backward(gradient, y, 0)
    return through_standardised(dy, centred, inverse, gain, gamma)


def through_standardised(
    dy: torch.Tensor,
    centred: torch.Tensor,
    inverse: torch.Tensor,
    gain: torch.Tensor | None,
    gamma: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Gradients of a BatchNorm by its product, its shift and its scale.

    Parameters
    ----------
    dy
        (runs, samples, units), by its output; its memory is used.
    centred, inverse, gamma
        What the forward pass left, and its scale.
    gain
        (runs, 1, 1), what scale and shift were multiplied by; None for 1.
    """
    samples = centred.shape[1]
    total = sum_over_rows(dy)
    along = dot_over_rows(dy, centred)
    gain = torch.ones_like(gamma[:, :, :1]) if gain is None else gain
    beta_gradient = total * gain
    gamma_gradient = along * (gain * inverse)
    dz = dy.sub_(total / samples)
    dz.addcmul_(centred, along * inverse.square(), value=-1 / samples)
    dz.mul_(gamma * inverse * gain)
    return dz, beta_gradient, gamma_gradient


def standardised(
    z: torch.Tensor,
    bias: torch.Tensor,
    running_mean: torch.Tensor,
    running_variance: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor]:
    """A product less its mean over the samples, and the inverse of its standard deviation.

    Parameters
    ----------
    z
        (runs, samples, units); its memory is used.
    bias
        (runs, 1, units), left out of the product: the batch mean takes it away, the running mean
        has to know it.
    running_mean, running_variance
        (runs, 1, units), which take note of it.
    """
    samples = z.shape[1]
    mean = sum_over_rows(z) / samples
    centred = z.sub_(mean)
    variance = dot_over_rows(centred, centred) / samples
    inverse = (variance + EPSILON).rsqrt_()
    running_mean.lerp_(mean + bias, MOMENTUM)
    running_variance.lerp_(variance * (samples / (samples - 1)), MOMENTUM)
    return centred, inverse
