"""Means of configurations, and what is known of their noise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.means import configuration_means, with_likely_noise
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace


def runs(scores: np.ndarray, failed: np.ndarray | None = None) -> pd.DataFrame:
    """One row a run: configurations x replicates, each replicate on a split of its own."""
    count, replicates = scores.shape
    return pd.DataFrame(
        {
            "config_id": np.repeat([f"c{n}" for n in range(count)], replicates),
            "seed": np.tile(np.arange(replicates), count),
            "split_seed": np.tile(np.arange(replicates), count),
            "failed": np.zeros(scores.size, bool) if failed is None else failed.ravel(),
            VALID_SCORE: scores.ravel(),
        }
    )


def test_noise_is_measured_and_what_splits_do_to_all_is_none_of_it() -> None:
    generator = np.random.default_rng(0)
    true = generator.normal(0.7, 0.05, 60)
    splits = generator.normal(0, 0.1, 4)
    found = configuration_means(
        runs(true[:, None] + splits + generator.normal(0, 0.02, (60, 4))), VALID_SCORE
    )
    assert found.noise_known
    assert np.sqrt(found.noise) == pytest.approx(0.02, rel=0.15)
    np.testing.assert_allclose(found.of_means, found.variance / 4)
    assert found.reliability == pytest.approx(0.05**2 / (0.05**2 + 0.02**2 / 4), abs=0.02)


def test_runs_that_failed_say_nothing_of_the_noise_of_others() -> None:
    generator = np.random.default_rng(1)
    scores = generator.normal(0.8, 0.01, (40, 3))
    failed = np.zeros(scores.shape, bool)
    failed[0, 0], scores[0, 0] = True, 0.3
    found = configuration_means(runs(scores, failed), VALID_SCORE)
    assert np.sqrt(found.noise) == pytest.approx(0.01, rel=0.2)
    assert found.variance[0] >= found.variance[1:].max()


def test_one_replicated_configuration_is_no_known_noise() -> None:
    table = runs(np.random.default_rng(2).normal(0.8, 0.01, (20, 1)))
    again = table.head(1).assign(seed=1, split_seed=1)
    found = configuration_means(pd.concat([table, again], ignore_index=True), VALID_SCORE)
    assert not found.noise_known
    assert np.isnan(found.reliability)
    assert found.replicates.tolist() == [2] + [1] * 19


def test_noise_that_nobody_measured_is_no_less_than_where_it_was() -> None:
    generator = np.random.default_rng(3)
    X = generator.random((40, 2))
    smooth = runs(0.6 + 0.2 * X[:, :1])
    means, _ = with_likely_noise(configuration_means(smooth, VALID_SCORE), X, 0, [0.05, 0.01])
    assert means.noise >= 0.01
    assert not means.noise_known
    free, _ = with_likely_noise(configuration_means(smooth, VALID_SCORE), X, 0, [])
    assert free.noise < 0.01


@pytest.mark.slow
def test_diagnostics_say_whose_noise_is_not_known(space: SearchSpace) -> None:
    known = synthetic_results(space, ("known",), 40, seeds=(0, 1), noise=0.05)
    single = synthetic_results(space, ("single",), 40, noise=0.001)
    table = training_table(known | single, space)
    _, diagnostics, _ = fit_surrogate(table, space, candidates=("shallow_xgboost",))
    of_score = diagnostics[diagnostics["objective"] == VALID_SCORE].set_index("task")
    assert of_score["noise_known"].to_dict() == {"known": True, "single": False}
    assert of_score.loc["single", "noise"] >= of_score.loc["known", "noise"]
    assert of_score["r2_ceiling"].isna().to_dict() == {"known": False, "single": True}
