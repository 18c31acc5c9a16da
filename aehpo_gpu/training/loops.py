"""Loops over arrays that are compiled for the processor: sums, draws, BatchNorm, Adam.

All of them lie here: what numba keeps of compiled code is made anew when this file changes, and
would not notice a change in another one that is called from it. What they compute is said where
they are called.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numba
import numpy as np

Result = TypeVar("Result")

_AT_ONCE = 32
"""Samples added up before their sum is added to the total: halves of a long sum err less."""

ROW, COLUMN, FIRST_MIX, SECOND_MIX = 0x9E3779B1, 0x85EBCA77, 0x7FEB352D, 0x846CA68B
"""Odd numbers by which draws are mixed, on every device."""


def _compiled(function: Callable[..., Result]) -> Callable[..., Result]:
    """Compile a loop, once a machine if there is a folder to keep that in."""
    try:
        return numba.njit(cache=True, nogil=True, error_model="numpy")(function)
    except RuntimeError:
        return numba.njit(nogil=True, error_model="numpy")(function)


@_compiled
def _add_rows_of_run(x: np.ndarray, part: np.ndarray, total: np.ndarray) -> None:
    """Sum (rows, units) over the rows into ``total``; ``part`` is room for as many numbers."""
    rows, units = x.shape
    total[:] = 0
    for start in range(0, rows, _AT_ONCE):
        part[:] = 0
        for row in range(start, min(start + _AT_ONCE, rows)):
            for unit in range(units):
                part[unit] += x[row, unit]
        for unit in range(units):
            total[unit] += part[unit]


@_compiled
def _add_products_of_run(x: np.ndarray, y: np.ndarray, part: np.ndarray, total: np.ndarray) -> None:
    """Sum the products of two (rows, units) over the rows into ``total``, likewise."""
    rows, units = x.shape
    total[:] = 0
    for start in range(0, rows, _AT_ONCE):
        part[:] = 0
        for row in range(start, min(start + _AT_ONCE, rows)):
            for unit in range(units):
                part[unit] += x[row, unit] * y[row, unit]
        for unit in range(units):
            total[unit] += part[unit]


@_compiled
def add_rows(x: np.ndarray, total: np.ndarray) -> None:
    """Sum (runs, rows, units) over the rows into (runs, 1, units)."""
    part = np.empty(x.shape[2], dtype=x.dtype)
    for run in range(len(x)):
        _add_rows_of_run(x[run], part, total[run, 0])


@_compiled
def add_products(x: np.ndarray, y: np.ndarray, total: np.ndarray) -> None:
    """Sum the products of two (runs, rows, units) over the rows into (runs, 1, units)."""
    part = np.empty(x.shape[2], dtype=x.dtype)
    for run in range(len(x)):
        _add_products_of_run(x[run], y[run], part, total[run, 0])


@_compiled
def _square_of_run(x: np.ndarray, layers: np.ndarray, part: np.ndarray) -> float:
    """Sum the squares of (parameters,).

    Every unit of a layer is added up for itself, so that units and fours of rows of zeros change no
    digit.
    """
    square = 0.0
    for start, rows, units in layers:
        own = x[start : start + rows * units].reshape(rows, units)
        part[:units] = 0
        fours = rows - rows % 4
        for row in range(0, fours, 4):
            for unit in range(units):
                a, b = own[row, unit], own[row + 1, unit]
                c, d = own[row + 2, unit], own[row + 3, unit]
                part[unit] += (a * a + b * b) + (c * c + d * d)
        for row in range(fours, rows):
            for unit in range(units):
                part[unit] += own[row, unit] * own[row, unit]
        for unit in range(units):
            square += part[unit]
    return square


@_compiled
def step_by_adam(
    layers: np.ndarray,
    values: np.ndarray,
    gradients: np.ndarray,
    first: np.ndarray,
    second: np.ndarray,
    alive: np.ndarray,
    scales: np.ndarray,
    clips: np.ndarray,
    rates: np.ndarray,
    decays: np.ndarray,
    chosen: np.ndarray,
    couples: np.ndarray,
    steps: float,
    beta1: float,
    beta2: float,
    epsilon: float,
) -> None:
    """Clip the gradients of a stack, and step those runs that are ``chosen`` by Adam or AdamW.

    ``layers`` are (layers, 3): where each begins in a row, its rows and its units. Parameters,
    gradients and moments are (runs, parameters), all others (runs,): ``alive`` and ``scales`` are
    filled with whether the gradients were ever finite and what they are multiplied by to have at
    most the norm ``clips``; ``couples`` says where the decay is added to them, as in Adam.
    """
    number = values.dtype.type
    one = number(1)
    toward, kept, added = number(1 - beta1), number(beta2), number(1 - beta2)
    little, correction = number(epsilon), number(1 / np.sqrt(1 - beta2**steps))
    part = np.empty(layers[:, 2].max(), dtype=values.dtype)
    for run in range(len(values)):
        norm = number(np.sqrt(_square_of_run(gradients[run], layers, part)))
        alive[run] = alive[run] and np.isfinite(norm)
        scale = min(one, clips[run] * (one / (norm + number(1e-6))))
        scales[run] = scale
        if not (alive[run] and chosen[run]):
            continue
        decay = number(decays[run] if couples[run] else 0)
        size = number(rates[run] / (1 - beta1**steps))
        remaining = number(1 if couples[run] else 1 - rates[run] * decays[run])
        for i in range(values.shape[1]):
            value = values[run, i]
            gradient = gradients[run, i] * scale + value * decay
            mean = first[run, i] + (gradient - first[run, i]) * toward
            square = second[run, i] * kept + gradient * gradient * added
            first[run, i] = mean
            second[run, i] = square
            direction = mean / (np.sqrt(square) * correction + little)
            values[run, i] = value * remaining - direction * size


@_compiled
def normalise(
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
    """Fill ``inverse``, ``gain`` and ``y``; ``z`` is centred, the running statistics take note.

    Shapes are those of :func:`aehpo_gpu.training.normalisation.normalised`; ``draws`` are empty
    where nothing is dropped.
    """
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
        _add_rows_of_run(z[run], part, mean)
        for unit in range(units):
            mean[unit] /= count
        for row in range(rows):
            for unit in range(units):
                z[run, row, unit] -= mean[unit]
        _add_products_of_run(z[run], z[run], part, variance)
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


@_compiled
def differentiate(
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
    """Fill ``dz`` and the gradients of shift and scale.

    Shapes are those of :func:`aehpo_gpu.training.normalisation.normalised_gradients`.
    """
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
        _add_rows_of_run(dz[run], part, total)
        _add_products_of_run(dz[run], centred[run], part, along)
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


@_compiled
def draw(start: int, first: int, second: int, drawn: np.ndarray) -> None:
    """Fill (rows, columns) with the uniform numbers of rows from ``start`` on.

    ``first`` and ``second`` are the halves of the key of
    :func:`aehpo_gpu.training.draws.uniform`.
    """
    rows, columns = drawn.shape
    half, size = drawn.dtype.type(0.5), drawn.dtype.type(2.0**-23)
    # Products have 64 bits here, of which the lower half counts.
    low = np.uint64(0xFFFFFFFF)
    key, inner = np.uint64(first), np.uint64(second)
    for row in range(rows):
        of_row = np.uint64(start + row) * np.uint64(ROW) + key
        for column in range(columns):
            x = (of_row + np.uint64(column) * np.uint64(COLUMN)) & low
            x = ((x ^ (x >> np.uint64(16)) ^ inner) * np.uint64(FIRST_MIX)) & low
            x = ((x ^ (x >> np.uint64(15))) * np.uint64(SECOND_MIX)) & low
            # From the lowest of the signed ones on.
            x = (x ^ np.uint64(0x80000000)) >> np.uint64(9)
            drawn[row, column] = (drawn.dtype.type(np.int32(x)) + half) * size
