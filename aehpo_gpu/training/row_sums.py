"""Sums over the samples of a batch, in one order whatever stands beside them.

A sum of floats depends on the order of its terms. Matrix libraries choose theirs by the number of
units and of runs, and by the processor; BatchNorm and AdamW carry such a rounding error on until it
is seen in the third digit. Here the order depends on the number of samples alone.
"""

from __future__ import annotations

import numpy as np
import torch

from aehpo_gpu.training.compilation import compiled_on_cpu

_AT_ONCE = 32
"""Samples added up before their sum is added to the total: halves of a long sum err less."""


def sum_over_rows(x: torch.Tensor) -> torch.Tensor:
    """Sum (runs, rows, units) over the rows.

    On a CPU every unit is added up row by row, on every processor in the same order. On a GPU the
    order is that of ``torch.sum``, in the precision of ``x`` even where products have less.

    Returns
    -------
    torch.Tensor
        (runs, 1, units).
    """
    if x.device.type != "cpu":
        return x.sum(1, keepdim=True)
    total = x.new_empty(x.shape[0], 1, x.shape[2])
    _add_rows(x.contiguous().numpy(), total.numpy())
    return total


def dot_over_rows(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Sum the products of two (runs, rows, units) over the rows, in the order of the other sum.

    Returns
    -------
    torch.Tensor
        (runs, 1, units).
    """
    if x.device.type != "cpu":
        return (x * y).sum(1, keepdim=True)
    total = x.new_empty(x.shape[0], 1, x.shape[2])
    _add_products(x.contiguous().numpy(), y.contiguous().numpy(), total.numpy())
    return total


@compiled_on_cpu
def add_rows_of_run(x: np.ndarray, part: np.ndarray, total: np.ndarray) -> None:
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


@compiled_on_cpu
def add_products_of_run(x: np.ndarray, y: np.ndarray, part: np.ndarray, total: np.ndarray) -> None:
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


@compiled_on_cpu
def _add_rows(x: np.ndarray, total: np.ndarray) -> None:
    part = np.empty(x.shape[2], dtype=x.dtype)
    for run in range(len(x)):
        add_rows_of_run(x[run], part, total[run, 0])


@compiled_on_cpu
def _add_products(x: np.ndarray, y: np.ndarray, total: np.ndarray) -> None:
    part = np.empty(x.shape[2], dtype=x.dtype)
    for run in range(len(x)):
        add_products_of_run(x[run], y[run], part, total[run, 0])
