"""Differences with their intervals, against SciPy and by their properties."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from aehpo_assets.analysis.improvement import (
    BEATS,
    DOES_NOT_BEAT,
    UNDECIDED,
    Improvement,
    improvement,
    mean_interval,
)

scores = st.integers(2, 12).flatmap(
    lambda n: arrays("float64", (2, n), elements=st.floats(0, 1, width=32))
)


@given(scores)
def test_paired_intervals_are_those_of_scipy_and_turn_round_with_the_sides(
    pair: np.ndarray,
) -> None:
    one, other = pd.Series(pair[0]), pd.Series(pair[1])
    found, turned = improvement(one, other), improvement(other, one)
    assert turned.mean == pytest.approx(-found.mean, abs=1e-12)
    assert (turned.lower, turned.upper) == pytest.approx((-found.upper, -found.lower), abs=1e-9)
    assert found.lower <= found.mean <= found.upper
    if np.ptp(pair[0] - pair[1]) > 1e-6:
        expected = stats.ttest_rel(pair[0], pair[1]).confidence_interval(0.95)
        assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-7)


@given(scores)
def test_unpaired_intervals_are_those_of_welch(pair: np.ndarray) -> None:
    one = pd.Series(pair[0])
    other = pd.Series(pair[1], index=np.arange(pair.shape[1]) + 50)
    found = improvement(one, other)
    if min(np.ptp(pair, axis=1)) > 1e-3:
        test = stats.ttest_ind(pair[0], pair[1], equal_var=False)
        expected = test.confidence_interval(0.95)
        assert (found.lower, found.upper) == pytest.approx((expected.low, expected.high), abs=1e-7)


def test_seeds_are_matched_by_name_and_not_by_place() -> None:
    one = pd.Series([0.9, 0.8], index=[1, 2])
    other = pd.Series([0.7, 0.8], index=[2, 1])
    found = improvement(one, other)
    assert (found.mean, found.lower) == (pytest.approx(0.1), pytest.approx(0.1))


@pytest.mark.parametrize(
    ("lower", "upper", "outcome"),
    [
        (0.01, 0.03, BEATS),
        (0.0004, 0.03, UNDECIDED),
        (-0.01, 0.03, UNDECIDED),
        (-0.03, -0.01, DOES_NOT_BEAT),
        (math.nan, math.nan, UNDECIDED),
    ],
)
def test_outcomes(lower: float, upper: float, outcome: str) -> None:
    assert Improvement(0.01, lower, upper, 3).outcome == outcome


def test_one_seed_has_no_interval_and_none_has_no_mean() -> None:
    found = mean_interval(pd.Series([0.1]))
    assert (found.mean, found.seeds, str(found)) == (0.1, 1, "+0.100")
    assert math.isnan(found.lower)
    assert str(improvement(pd.Series(dtype=float), pd.Series([1.0]))) == "-"
