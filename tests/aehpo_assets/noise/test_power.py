"""The number of replicates that a decision needs, against simulated tests."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from aehpo_assets.noise.power import POWER, replicates_to_detect, smallest_gain


@pytest.mark.parametrize(("gain", "replicates"), [(0.03, 142), (0.02, 318)])
def test_what_a_standard_deviation_of_nine_hundredths_needs(gain, replicates):
    assert replicates_to_detect(gain, 0.09**2) == replicates


@pytest.mark.parametrize("gain", [0.05, 0.1])
def test_the_promised_power_is_what_a_test_has(gain):
    variance = 0.07**2
    replicates = replicates_to_detect(gain, variance)
    draw = np.random.default_rng(0).normal
    one, other = (draw(m, variance**0.5, size=(4000, replicates)) for m in (gain, 0.0))
    error = np.sqrt(2 * variance / replicates)
    p = 2 * stats.norm.sf(np.abs(one.mean(1) - other.mean(1)) / error)
    assert (p < 0.05).mean() == pytest.approx(POWER, abs=0.03)


def test_noise_that_only_the_tested_replicates_tell_needs_more_of_them():
    """Three configurations on the same splits, and the third of a level, as validation has it."""
    variance, gain = 0.023**2, 0.03
    asked = {"comparisons": 3, "configurations": 3}
    replicates = replicates_to_detect(gain, variance, **asked)
    known = replicates_to_detect(gain, variance, comparisons=3)
    assert known < replicates <= known + 3

    def power(count):
        scores = np.random.default_rng(1).normal(0, variance**0.5, size=(20_000, 3, count))
        scores[:, 0] += gain
        left = scores - scores.mean(1, keepdims=True) - scores.mean(2, keepdims=True)
        left += scores.mean((1, 2), keepdims=True)
        degrees = 2 * (count - 1)
        error = np.sqrt((left**2).sum((1, 2)) / degrees * 2 / count)
        ratio = (scores[:, 0] - scores[:, 1]).mean(1) / error
        return (2 * stats.t.sf(np.abs(ratio), degrees) < 0.05 / 3).mean()

    assert power(known) < POWER - 0.02
    assert power(replicates - 1) < POWER + 0.02
    assert power(replicates) == pytest.approx(POWER, abs=0.04)
    assert power(replicates) > POWER - 0.01


@given(st.floats(1e-4, 1.0), st.floats(1e-6, 1.0))
def test_the_smallest_gain_of_the_replicates_needed_is_found(gain, variance):
    replicates = replicates_to_detect(gain, variance)
    assert smallest_gain(replicates, variance) <= gain * (1 + 1e-9)
    if replicates > 2:
        assert smallest_gain(replicates - 1, variance) > gain * (1 - 1e-9)


@pytest.mark.parametrize("gain", [0.0, -0.1, float("nan")])
def test_refuses_a_gain_that_is_none(gain):
    with pytest.raises(ValueError, match="above zero"):
        replicates_to_detect(gain, 0.01)


def test_comparisons_that_share_a_level_need_more():
    one, three = (replicates_to_detect(0.03, 0.09**2, comparisons=n) for n in (1, 3))
    # 2 sd² / gain² times the square of 2.394 (the quantile of 1 - .05 / 6) and 0.842.
    assert three == 189
    assert (
        smallest_gain(three, 0.09**2, comparisons=3)
        <= 0.03
        < smallest_gain(one, 0.09**2, comparisons=3)
    )
