"""What few splits leave open of the level: intervals hold the truth as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, t

from aehpo_assets.noise.level import half_width, level_of_mean, split_effect
from aehpo_assets.noise.pooled import Noise
from aehpo_assets.noise.summary import noise_tables

SCORE = "score"


def runs(splits: int) -> pd.DataFrame:
    configurations, effect = 40, 0.05
    source = np.random.default_rng(0)
    own = source.normal(0, 0.07, configurations)[:, None] + effect * source.normal(size=splits)
    own = own + 0.02 * source.normal(size=own.shape)
    return pd.DataFrame(
        {
            "config_id": np.repeat(np.arange(configurations), splits),
            "split_seed": np.tile(np.arange(splits), configurations),
            "seed": np.tile(np.arange(splits), configurations),
            "status": "ok",
            SCORE: own.ravel(),
        }
    )


def components(table: pd.DataFrame) -> pd.DataFrame:
    return noise_tables(table, {SCORE: (-9, 9)})["components"]


def test_the_effect_of_a_split_has_a_degree_of_freedom_less_than_there_are_splits() -> None:
    table = runs(4)
    effects = table.groupby("split_seed")[SCORE].mean()
    found = split_effect(components(table), SCORE)
    assert found is not None
    assert found.degrees == 3
    assert found.variance == pytest.approx(effects.var(ddof=1), rel=1e-3)
    level = level_of_mean(found)
    assert level is not None
    assert level.variance == pytest.approx(found.variance / 4)


def test_one_split_has_no_effect_and_an_unknown_one_leaves_no_interval_wider() -> None:
    assert split_effect(components(runs(1)), SCORE) is None
    assert split_effect(components(runs(2)), "another") is None
    once = runs(2).drop_duplicates("config_id").assign(split_seed=[0, 1] * 20)
    assert split_effect(components(once), SCORE) == Noise(math.inf, 0)
    assert level_of_mean(Noise(math.inf, 0)) is None


def test_intervals_are_normal_or_of_student() -> None:
    variance = np.array([0.0, 0.01, 1.0])
    np.testing.assert_allclose(half_width(variance, 0.9), norm.ppf(0.95) * np.sqrt(variance))
    alone = half_width(np.zeros(1), 0.9, 0.04, 3)
    assert alone[0] == pytest.approx(t.ppf(0.95, 3) * 0.2)


@pytest.mark.parametrize("splits", [2, 3, 8])
@pytest.mark.parametrize("deviation", [0.0, 0.01, 0.02, 0.1])
def test_intervals_hold_the_truth_as_often_as_they_say(splits: int, deviation: float) -> None:
    source = np.random.default_rng(splits)
    effects = 0.05 * source.normal(size=(4000, splits))
    off = effects.mean(axis=1) + deviation * source.normal(size=4000)
    levels = effects.var(axis=1, ddof=1) / splits
    half = half_width(np.full(4000, deviation**2), 0.9, levels, splits - 1)
    assert 0.86 < (np.abs(off) < half).mean() < 0.94
