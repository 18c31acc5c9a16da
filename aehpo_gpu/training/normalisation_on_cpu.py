"""BatchNorm, Dropout and ReLU of a stack in one pass of a processor, with their gradients.

What ``normalisation`` says in two dozen operations of torch, of which most work on a few numbers a
unit and cost what it takes to call them. Sums are added up in the order of ``row_sums``, so that a
run is the same in any fleet.
"""

from __future__ import annotations

import numpy as np
import torch

from aehpo_gpu.training.compilation import compiled_on_cpu
from aehpo_gpu.training.normalisation import EPSILON, MOMENTUM
from aehpo_gpu.training.row_sums import add_products_of_run, add_rows_of_run

_NOTHING = torch.empty(0, 0)


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
    """Do what :func:`aehpo_gpu.training.normalisation.normalised` does."""
    z = z.contiguous()
    runs, _, units = z.shape
    inverse, gain, y = z.new_empty(runs, 1, units), z.new_empty(runs, 1, 1), torch.empty_like(z)
    drawn = _NOTHING.to(z.dtype) if draws is None else draws.contiguous()
    _normalise(
        z.numpy(),
        *(one.numpy() for one in (bias, gamma, beta, running_mean, running_variance)),
        *(drawn.numpy(), dropout.numpy(), inverse.numpy(), gain.numpy(), y.numpy()),
        # Handed over, since what is kept of compiled code does not see other modules change.
        *(EPSILON, MOMENTUM),
    )
    return z, inverse, gain, y


def normalised_gradients(
    gradient: torch.Tensor,
    y: torch.Tensor,
    centred: torch.Tensor,
    inverse: torch.Tensor,
    gain: torch.Tensor,
    gamma: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Do what :func:`aehpo_gpu.training.normalisation.normalised_gradients` does."""
    dz = torch.empty_like(y)
    beta_gradient, gamma_gradient = torch.empty_like(inverse), torch.empty_like(inverse)
    _differentiate(
        *(one.numpy() for one in (gradient.contiguous(), y, centred, inverse, gain, gamma)),
        *(dz.numpy(), beta_gradient.numpy(), gamma_gradient.numpy()),
    )
    return dz, beta_gradient, gamma_gradient


@compiled_on_cpu
def _normalise(
    z: np.ndarray,
    bias: np.ndarray,
    gamma: np.ndarray,
    beta: np.ndarray,
    running_mean: np.ndarray,
    running_variance: np.ndarray,
    draws: np.ndarray,
    dropout: np.ndarray,
    inverse: np.ndarray,
    gain: np.ndarray,
    y: np.ndarray,
    epsilon: float,
    momentum: float,
) -> None:
    runs, rows, units = z.shape
    number = z.dtype.type
    zero, one, count = number(0), number(1), number(rows)
    little, share, unbiased = number(epsilon), number(momentum), number(rows / (rows - 1))
    thins = draws.size > 0
    part = np.empty(units, dtype=z.dtype)
    mean = np.empty(units, dtype=z.dtype)
    variance = np.empty(units, dtype=z.dtype)
    scale = np.empty(units, dtype=z.dtype)
    shift = np.empty(units, dtype=z.dtype)
    for run in range(runs):
        add_rows_of_run(z[run], part, mean)
        for unit in range(units):
            mean[unit] /= count
        for row in range(rows):
            for unit in range(units):
                z[run, row, unit] -= mean[unit]
        add_products_of_run(z[run], z[run], part, variance)
        least = dropout[run, 0, 0]
        own_gain = one / (one - least) if thins else one
        gain[run, 0, 0] = own_gain
        for unit in range(units):
            variance[unit] /= count
            own = one / np.sqrt(variance[unit] + little)
            inverse[run, 0, unit] = own
            scale[unit] = gamma[run, 0, unit] * own * own_gain
            shift[unit] = beta[run, 0, unit] * own_gain
            before = running_mean[run, 0, unit]
            seen = mean[unit] + bias[run, 0, unit]
            running_mean[run, 0, unit] = before + share * (seen - before)
            before = running_variance[run, 0, unit]
            seen = variance[unit] * unbiased
            running_variance[run, 0, unit] = before + share * (seen - before)
        for row in range(rows):
            if thins:
                for unit in range(units):
                    value = shift[unit] + z[run, row, unit] * scale[unit]
                    kept = one if draws[row, unit] >= least else zero
                    # What is not a number stays it.
                    y[run, row, unit] = (zero if value <= zero else value) * kept
            else:
                for unit in range(units):
                    value = shift[unit] + z[run, row, unit] * scale[unit]
                    y[run, row, unit] = zero if value <= zero else value


@compiled_on_cpu
def _differentiate(
    gradient: np.ndarray,
    y: np.ndarray,
    centred: np.ndarray,
    inverse: np.ndarray,
    gain: np.ndarray,
    gamma: np.ndarray,
    dz: np.ndarray,
    beta_gradient: np.ndarray,
    gamma_gradient: np.ndarray,
) -> None:
    runs, rows, units = y.shape
    number = y.dtype.type
    zero, count = number(0), number(rows)
    part = np.empty(units, dtype=y.dtype)
    total = np.empty(units, dtype=y.dtype)
    along = np.empty(units, dtype=y.dtype)
    scale = np.empty(units, dtype=y.dtype)
    for run in range(runs):
        for row in range(rows):
            for unit in range(units):
                # A unit that is dropped or below zero came out as zero, every other one above.
                passed = gradient[run, row, unit]
                dz[run, row, unit] = zero if y[run, row, unit] <= zero else passed
        add_rows_of_run(dz[run], part, total)
        add_products_of_run(dz[run], centred[run], part, along)
        own_gain = gain[run, 0, 0]
        for unit in range(units):
            own = inverse[run, 0, unit]
            beta_gradient[run, 0, unit] = total[unit] * own_gain
            gamma_gradient[run, 0, unit] = along[unit] * (own_gain * own)
            scale[unit] = gamma[run, 0, unit] * own * own_gain
            total[unit] /= count
            along[unit] = along[unit] * (own * own) / count
        for row in range(rows):
            for unit in range(units):
                value = dz[run, row, unit] - total[unit]
                value -= centred[run, row, unit] * along[unit]
                dz[run, row, unit] = value * scale[unit]
