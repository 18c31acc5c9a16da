"""Differences with their errors: pooled noise, noise of their own, and Welch against SciPy."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from aehpo_assets.analysis.improvement import (
    Estimate,
    difference,
    mean_difference,
    own_estimate,
    trained_estimate,
)
from aehpo_assets.noise.pooled import Noise


def runs(*scores: float) -> pd.DataFrame:
    return pd.DataFrame({"config_id": "7", "seed": range(len(scores)), "score": scores})


def test_an_autoencoder_has_the_noise_of_its_task_even_with_one_run() -> None:
    noise = Noise(0.01, 12)
    one, other = trained_estimate(runs(0.8), "score", noise), Estimate(0.7, 0.05, 12, 4)
    assert (one.standard_error, one.replicates) == (pytest.approx(0.1), 1)
    found = difference(one, other, same_noise=True)
    assert (found.mean, found.degrees, found.replicates) == (pytest.approx(0.1), 12, 1)
    assert found.error == pytest.approx(math.sqrt(0.01 * (1 + 1 / 4)))


def test_without_noise_there_is_no_error_and_no_test() -> None:
    one = trained_estimate(runs(0.8), "score", None)
    found = difference(one, one, same_noise=True)
    assert math.isnan(one.standard_error)
    assert not found.is_tested
    assert str(one) == "0.800"


def test_runs_on_several_splits_are_replicates_by_split() -> None:
    table = runs(0.7, 0.8, 0.5, 0.6).assign(split_seed=[0, 0, 1, 1])
    assert trained_estimate(table, "score", Noise(0.01, 9)).replicates == 2


def test_noises_of_their_own_are_compared_as_welch_does() -> None:
    source = np.random.default_rng(0)
    one, other = (pd.Series(source.normal(0, sd, n)) for sd, n in ((1.0, 5), (3.0, 8)))
    sides = [own_estimate(values, has_seed=True) for values in (one, other)]
    found = difference(*sides, same_noise=False)
    expected = stats.ttest_ind(one, other, equal_var=False)
    assert found.p_different == pytest.approx(expected.pvalue)
    interval = expected.confidence_interval(0.95)
    assert found.interval() == pytest.approx((interval.low, interval.high))


def test_what_has_no_seed_adds_no_noise_and_what_was_tried_once_has_an_unknown_one() -> None:
    trained = trained_estimate(runs(0.8, 0.7, 0.9), "score", Noise(0.03, 20))
    pca = own_estimate(pd.Series([0.6]), has_seed=False)
    found = difference(trained, pca, same_noise=False)
    assert (found.error, found.degrees, found.replicates) == (pytest.approx(0.1), 20, 3)
    umap = own_estimate(pd.Series([0.6]), has_seed=True)
    assert not difference(trained, umap, same_noise=False).is_tested


def test_a_mean_over_tasks_has_the_spread_of_the_tasks() -> None:
    values = pd.Series([0.1, 0.2, 0.4])
    found = mean_difference(values)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert found.interval() == pytest.approx((expected.low, expected.high))
    assert not mean_difference(values[:1]).is_tested
