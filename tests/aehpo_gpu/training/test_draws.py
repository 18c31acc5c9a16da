"""Draws are numbers of their position alone, and as good as independent of each other."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aehpo_gpu.training import draws

CPU = torch.device("cpu")
ROWS, COLUMNS = 1000, 512
UNLIKELY = 5.0
"""Standard errors that none of some thousand fixed numbers should stray from its mean."""


def uniform(key: int, rows: int = ROWS, columns: int = COLUMNS) -> np.ndarray:
    return draws.uniform(key, range(rows), columns, CPU, torch.float64).numpy()


def correlation(a: np.ndarray, b: np.ndarray) -> float:
    """Correlation in standard errors of that of independent numbers."""
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1] * math.sqrt(a.size))


@given(
    key=st.integers(0, 2**63 - 1),
    start=st.integers(0, 2000),
    rows=st.integers(1, 40),
    columns=st.integers(1, 40),
)
def test_a_number_depends_on_its_row_and_column_alone(
    key: int, start: int, rows: int, columns: int
) -> None:
    part = draws.uniform(key, range(start, start + rows), columns, CPU, torch.float32)
    whole = draws.uniform(key, range(start + rows + 3), columns + 5, CPU, torch.float32)
    assert torch.equal(part, whole[start : start + rows, :columns])


def test_no_number_is_0_or_1_and_no_normal_number_is_infinite() -> None:
    # 33 million numbers, among which both ends of the range are.
    key = draws.stream_key(6, "latent", 0)
    numbers = draws.uniform(key, range(8192), 4096, CPU, torch.float32)
    assert 0 < numbers.min() < 2e-7
    assert 1 - 2e-7 < numbers.max() < 1
    assert torch.isfinite(draws.normal(key, range(8192), 4096, CPU, torch.float32)).all()


def test_float32_and_float64_draw_the_same_numbers() -> None:
    key = draws.stream_key(0, "dropout")
    single = draws.uniform(key, range(500), 300, CPU, torch.float32).double()
    assert torch.equal(single, draws.uniform(key, range(500), 300, CPU, torch.float64))


@pytest.mark.parametrize("seed", range(4))
def test_numbers_are_uniform_as_a_whole_and_in_every_row_and_column(seed: int) -> None:
    numbers = uniform(draws.stream_key(seed, "dropout", 0, 0))
    assert stats.kstest(numbers.ravel(), "uniform").pvalue > 1e-4
    for axis in (0, 1):
        count = numbers.shape[axis]
        means = (numbers.mean(axis) - 0.5) * math.sqrt(12 * count)
        # Variance of the squared deviation of a uniform number: 1/180.
        squares = (((numbers - 0.5) ** 2).mean(axis) - 1 / 12) * math.sqrt(180 * count)
        assert np.abs(means).max() < UNLIKELY
        assert np.abs(squares).max() < UNLIKELY
        # The means themselves scatter as much as those of independent numbers, and no less.
        assert means.var() == pytest.approx(1, abs=UNLIKELY * math.sqrt(2 / len(means)))


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("distance", [1, 2, 3, 16, 64, 256])
def test_neighbours_are_not_correlated(seed: int, distance: int) -> None:
    numbers = uniform(draws.stream_key(seed, "dropout", 0, 0))
    assert abs(correlation(numbers[distance:], numbers[:-distance])) < UNLIKELY
    assert abs(correlation(numbers[:, distance:], numbers[:, :-distance])) < UNLIKELY
    diagonal = correlation(numbers[distance:, distance:], numbers[:-distance, :-distance])
    assert abs(diagonal) < UNLIKELY


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("down", "right"), [(1, 1), (1, 2), (2, 1), (3, 5), (16, 16), (64, 128)])
def test_the_corners_of_rectangles_are_independent(seed: int, down: int, right: int) -> None:
    # Whatever is linear in row and column, however it wraps, gives them the same sum.
    numbers = uniform(draws.stream_key(seed, "dropout", 0, 0))
    above = numbers[:-down, right:] - numbers[:-down, :-right]
    below = numbers[down:, right:] - numbers[down:, :-right]
    for sums in ((below - above) % 1, above % 1, below % 1):
        counts, _ = np.histogram(sums, bins=256, range=(0, 1))
        assert stats.chisquare(counts).pvalue > 1e-6


@pytest.mark.parametrize("probability", [0.05, 0.5, 0.9])
def test_units_are_dropped_together_as_often_as_chance_has_it(probability: float) -> None:
    kept = uniform(draws.stream_key(1, "dropout", 0, 0)) >= probability
    deviation = (kept - (1 - probability)) / math.sqrt(probability * (1 - probability))
    for together in (deviation.T @ deviation / math.sqrt(ROWS), deviation @ deviation.T):
        scale = 1.0 if len(together) == COLUMNS else math.sqrt(COLUMNS)
        pairs = together[np.triu_indices(len(together), 1)] / scale
        assert pairs.std() == pytest.approx(1, abs=0.02)
        # Of half a million pairs the largest lies near 5, and with rare drops a little higher.
        assert np.abs(pairs).max() < 8


def test_keys_that_share_a_half_share_no_numbers() -> None:
    keys = [draws.stream_key(seed, "dropout") for seed in range(40)]
    low, row = (1 << 32) - 1, 0x9E3779B1
    worst = []
    for one, other in itertools.pairwise(keys):
        first = uniform(one, 400, 256)
        for key in (
            (other & ~low) | (one & low),
            (one & ~low) | (other & low),
            # The first half of a key moved by what makes a row: only the second tells them apart.
            (other & ~low) | ((one + row) & low),
        ):
            second = uniform(key, 400, 256)
            worst += [correlation(first, second), correlation(first[1:], second[:-1])]
    assert np.abs(worst).max() < UNLIKELY
    assert np.std(worst) == pytest.approx(1, abs=0.25)


def test_streams_of_epochs_layers_and_seeds_are_not_correlated() -> None:
    names = [(seed, layer, epoch) for seed in range(3) for layer in range(4) for epoch in range(5)]
    keys = [draws.stream_key(seed, "dropout", layer, epoch) for seed, layer, epoch in names]
    numbers = np.stack([uniform(key, 100, 128).ravel() for key in keys])
    pairs = np.corrcoef(numbers)[np.triu_indices(len(keys), 1)] * math.sqrt(numbers.shape[1])
    assert np.abs(pairs).max() < UNLIKELY
    assert pairs.std() == pytest.approx(1, abs=0.1)


def test_normal_numbers_are_standard_normal() -> None:
    drawn = draws.normal(draws.stream_key(0, "latent", 3), range(ROWS), 64, CPU, torch.float64)
    assert stats.kstest(drawn.numpy().ravel(), "norm").pvalue > 1e-4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("key", [0, (1 << 63) - 1, draws.stream_key(3, "latent", 7)])
@pytest.mark.parametrize(("rows", "columns"), [(range(64), 48), (range(2**31 - 3, 2**31), 1)])
def test_a_processor_and_a_gpu_draw_the_same(
    rows: range, columns: int, key: int, dtype: torch.dtype
) -> None:
    bits = draws.hashed(rows, columns, key & 0xFFFFFFFF, key >> 32, CPU)
    expected = draws.inside_unit(bits, dtype)
    assert torch.equal(draws.uniform(key, rows, columns, CPU, dtype), expected)
