"""Sums over the samples of a batch, in one order whatever stands beside them.

A sum of floats depends on the order of its terms. Matrix libraries choose theirs by the number of
units and of runs, and by the processor; BatchNorm and AdamW carry such a rounding error on until it
is seen in the third digit. Here the order depends on the number of samples alone.
"""

from __future__ import annotations

import torch

from aehpo_gpu.training.loops import add_products, add_rows


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
    add_rows(x.contiguous().numpy(), total.numpy())
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
    add_products(x.contiguous().numpy(), y.contiguous().numpy(), total.numpy())
    return total
