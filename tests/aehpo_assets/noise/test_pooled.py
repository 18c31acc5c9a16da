"""Pooled noise: against the truth, against known formulas, and what it does with splits."""

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.noise.pooled import (
    Noise,
    mean_noise,
    pooled,
    replicate_noise,
    replicate_scores,
)


def runs_of(scores, **columns):
    """One row a run of (configurations, seeds) scores."""
    rows = np.indices(np.shape(scores)).reshape(2, -1)
    table = pd.DataFrame({"config_id": rows[0].astype(str), "seed": rows[1]})
    return table.assign(score=np.ravel(scores), **columns)


def test_with_one_split_it_is_the_mean_of_the_variances_within_configurations():
    scores = np.random.default_rng(0).normal(size=(7, 4))
    noise = replicate_noise(runs_of(scores), "score")
    assert noise.variance == pytest.approx(scores.var(axis=1, ddof=1).mean())
    assert noise.degrees == 7 * 3
    assert noise.error(4) == pytest.approx(noise.deviation / 2)


@pytest.mark.slow
def test_is_right_on_average_also_where_configurations_are_alike():
    source = np.random.default_rng(1)
    found = [
        replicate_noise(runs_of(source.normal(0, 0.1, (4, 2))), "score").variance
        for _ in range(500)
    ]
    assert np.mean(found) == pytest.approx(0.01, abs=3 * np.std(found) / math.sqrt(500))


def test_what_a_split_does_to_all_alike_is_no_noise():
    source = np.random.default_rng(2)
    scores = source.normal(0, 0.05, (200, 5))
    table = runs_of(scores)
    table["split_seed"] = table["seed"]
    shifted = table.assign(score=table["score"] + 3.0 * table["split_seed"])
    plain, moved = (replicate_noise(one, "score") for one in (table, shifted))
    assert moved.variance == pytest.approx(plain.variance)
    assert moved.degrees == 200 * 5 - 200 - 4
    # Without the column, the shift is taken for noise.
    assert replicate_noise(shifted.drop(columns="split_seed"), "score").variance > 1


def test_seeds_of_one_split_are_one_replicate_where_there_are_several():
    table = runs_of(np.arange(8.0).reshape(2, 4)).assign(split_seed=[0, 0, 1, 1] * 2)
    found = replicate_scores(table, "score")
    assert found["score"].tolist() == [0.5, 2.5, 4.5, 6.5]
    assert len(replicate_scores(table.assign(split_seed=0), "score")) == 8


def test_a_run_of_two_origins_counts_once():
    table = runs_of([[0.1, 0.3], [0.2, 0.6]])
    assert replicate_noise(pd.concat([table, table]), "score") == replicate_noise(table, "score")


@pytest.mark.parametrize("shape", [(1, 1), (5, 1)])
def test_of_single_runs_nothing_is_known(shape):
    assert replicate_noise(runs_of(np.random.default_rng(0).normal(size=shape)), "score") is None


def test_estimates_are_weighted_by_their_degrees_of_freedom():
    both = pooled(Noise(1.0, 30), None, Noise(4.0, 10))
    assert (both.variance, both.degrees) == (pytest.approx(1.75), 40)
    assert pooled(None, None) is None


def test_own_variances_are_shrunken_as_far_as_chance_explains_them():
    source = np.random.default_rng(5)
    alike = mean_noise(runs_of(source.normal(0, 0.1, (300, 4))), "score")
    assert alike.table["variance"].std() < 0.1 * alike.pooled.variance
    deviations = 0.1 * np.exp(source.normal(0, 0.4, 300))
    differ = mean_noise(runs_of(source.normal(0, deviations[:, None], (300, 4))), "score")
    own = source.normal(0, deviations[:, None], (300, 4)).var(axis=1, ddof=1)
    error = ((np.log(differ.table["variance"]) - 2 * np.log(deviations)) ** 2).mean()
    assert error < ((np.log(own) - 2 * np.log(deviations)) ** 2).mean()
    assert differ.table["variance"].mean() == pytest.approx(differ.pooled.variance)
    assert error < ((np.log(differ.pooled.variance) - 2 * np.log(deviations)) ** 2).mean()


@pytest.mark.parametrize(("worth", "least", "most"), [(3, 2, 5), (10, 6, 17), (1000, 30, 1000)])
def test_what_the_pooled_variance_is_worth_is_found(worth, least, most):
    source = np.random.default_rng(6)
    deviations = np.sqrt(worth / source.chisquare(worth, 400))
    found = mean_noise(runs_of(source.normal(0, deviations[:, None], (400, 4))), "score")
    assert least < found.table["degrees"].iloc[0] - 3 <= most


def test_of_two_replicates_hardly_anything_is_learned_of_single_configurations():
    """Whatever is drawn, variances of one degree of freedom stay near the pooled one."""
    for seed in range(10):
        source = np.random.default_rng(seed)
        found = mean_noise(runs_of(source.normal(0, 0.1, (96, 2))), "score")
        assert 5 < found.table["degrees"].iloc[0] < 40


def test_means_are_those_of_replicates_and_nothing_is_made_up_for_single_runs():
    table = runs_of([[0.5, 0.7], [0.6, 0.6], [0.1, 0.3]])
    found = mean_noise(table, "score")
    assert found.table["mean"].tolist() == pytest.approx([0.6, 0.6, 0.2])
    assert found.table["replicates"].tolist() == [2, 2, 2]
    assert found.pooled.degrees == 3
    single = mean_noise(table[table["seed"] == 0], "score")
    assert single.pooled is None
    assert single.table["variance"].isna().all()
    # With equal replicates throughout there is no noise, and no logarithm of it.
    assert mean_noise(runs_of([[0.5, 0.5]] * 4), "score").table["variance"].tolist() == [0] * 4
