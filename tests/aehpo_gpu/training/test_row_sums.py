"""Sums over samples have one order, whatever stands beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from aehpo_gpu.training.layers import inert_rows
from aehpo_gpu.training.parameters import LANES
from aehpo_gpu.training.row_sums import dot_over_rows, sum_over_rows


@pytest.mark.parametrize("rows", [2, 18, 24, 32, 33, 210, 256])
@pytest.mark.parametrize("units", [16, 48, 128])
def test_a_sum_is_the_same_bits_in_any_stack(rows: int, units: int) -> None:
    source = torch.Generator().manual_seed(rows * units)
    x, y = torch.randn(2, rows, units, generator=source)
    for runs, width in ((1, units), (4, units), (4, units + LANES), (2, 4 * units)):
        stacks = torch.randn(2, runs, rows, width, generator=source)
        stacks[:, -1] = 0
        stacks[0, -1, :, :units], stacks[1, -1, :, :units] = x, y
        assert torch.equal(sum_over_rows(stacks[0])[-1, 0, :units], sum_over_rows(x[None])[0, 0])
        assert torch.equal(
            dot_over_rows(*stacks)[-1, 0, :units], dot_over_rows(x[None], y[None])[0, 0]
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_sum_is_right(dtype: torch.dtype) -> None:
    x, y = torch.randn(2, 3, 500, 32, generator=torch.Generator().manual_seed(0)).to(dtype)
    # A view whose memory is not in one piece.
    for a, b in ((x, y), (x[:, ::2, :16], y[:, ::2, :16])):
        exact = a.double().sum(1, keepdim=True), (a.double() * b.double()).sum(1, keepdim=True)
        for found, expected in zip((sum_over_rows(a), dot_over_rows(a, b)), exact, strict=True):
            assert found.shape == expected.shape
            assert found.dtype == dtype
            error = torch.finfo(dtype).eps * 50
            np.testing.assert_allclose(found, expected, rtol=0, atol=error * 500**0.5)


def test_inert_rows_are_zeros_up_to_a_lane() -> None:
    x = torch.ones(3, 18, 5)
    filled = inert_rows(x)
    assert filled.shape == (3, 2 * LANES, 5)
    assert torch.equal(filled[:, :18], x)
    assert not filled[:, 18:].any()
    whole = torch.ones(LANES, 5)
    assert inert_rows(whole) is whole
