"""The algebra of a belief against a regression that knows nothing of it, and its probabilities."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.stats import norm

from aehpo_assets.race.belief import Belief, probability_best, probability_equivalent

CANDIDATES, REPLICATES = 4, 6


def seen(seed: int = 3) -> np.ndarray:
    """Scores of which a third is missing."""
    source = np.random.default_rng(seed)
    scores = 0.7 + 0.1 * source.standard_normal((REPLICATES, CANDIDATES))
    scores[source.random(scores.shape) < 1 / 3] = math.nan
    return scores


def prior(seed: int = 4) -> Belief:
    source = np.random.default_rng(seed)
    root = 0.05 * source.standard_normal((CANDIDATES, CANDIDATES))
    return Belief(0.7 + 0.05 * source.standard_normal(CANDIDATES), root @ root.T)


def by_regression(start: Belief, scores: np.ndarray, noise: float, split: float) -> Belief:
    """Generalised least squares with every split effect as a column, and the prior as rows."""
    rows, values, weights = [], [], []
    for replicate, candidate in zip(*np.nonzero(np.isfinite(scores)), strict=True):
        row = np.zeros(CANDIDATES + REPLICATES)
        row[candidate] = 1
        row[CANDIDATES + replicate] = 1
        rows.append(row)
        values.append(scores[replicate, candidate])
        weights.append(1 / noise)
    design, information = np.array(rows), np.diag(weights)
    precision = design.T @ information @ design
    right = design.T @ information @ np.array(values)
    own = np.linalg.inv(start.covariance)
    precision[:CANDIDATES, :CANDIDATES] += own
    right[:CANDIDATES] += own @ start.mean
    # A flat prior is one so wide that it says nothing.
    precision[CANDIDATES:, CANDIDATES:] += np.eye(REPLICATES) / min(split, 1e6)
    covariance = np.linalg.inv(precision)
    return Belief((covariance @ right)[:CANDIDATES], covariance[:CANDIDATES, :CANDIDATES])


@pytest.mark.parametrize("split", [1e-9, 0.002, 1.0, math.inf])
def test_replicates_change_it_as_a_regression_says(split: float) -> None:
    expected = by_regression(prior(), seen(), 0.008, split)
    found = prior().updated(seen(), 0.008, split)
    np.testing.assert_allclose(found.mean, expected.mean, atol=1e-6)
    np.testing.assert_allclose(found.covariance, expected.covariance, atol=1e-7)


def test_one_split_for_all_is_the_limit_of_splits_that_hardly_differ() -> None:
    alike, same = prior().updated(seen(), 0.008, 1e-12), prior().updated(seen(), 0.008, 0.0)
    np.testing.assert_allclose(alike.mean, same.mean, atol=1e-9)


def test_replicates_may_come_in_any_portions() -> None:
    whole = prior().updated(seen(), 0.008, 0.002)
    first = prior().updated(seen()[:2], 0.008, 0.002)
    np.testing.assert_allclose(first.updated(seen()[2:], 0.008, 0.002).mean, whole.mean)


def test_where_nothing_is_known_of_splits_their_level_says_nothing() -> None:
    shifted = seen() + np.arange(REPLICATES)[:, None]
    found, moved = (prior().updated(scores, 0.008, math.inf) for scores in (seen(), shifted))
    np.testing.assert_allclose(found.mean, moved.mean)


def test_twins_are_known_as_one() -> None:
    start = Belief(np.array([0.7, 0.7]), np.full((2, 2), 0.01))
    found = start.updated(np.array([[0.8, math.nan]]), 0.01, 0.0)
    np.testing.assert_allclose(found.mean, 0.75)
    assert probability_equivalent(found.draws(0, [0, 1]), 0, 0.01) == 1.0


def test_probabilities_of_the_best_are_those_of_normal_differences() -> None:
    belief = Belief(np.array([0.70, 0.72, 0.0]), np.diag([0.01, 0.02, 0.0]) ** 2)
    draws = belief.draws(1, [0, 1])
    expected = norm.cdf(0.02 / math.hypot(0.01, 0.02))
    assert probability_best(draws) == pytest.approx([1 - expected, expected, 0.0], abs=0.03)
    distance = math.hypot(0.01, 0.02)
    alike = norm.cdf(-0.01 / distance) - norm.cdf(-0.03 / distance)
    assert probability_equivalent(draws, 1, 0.01) == pytest.approx(alike, abs=0.03)


def test_the_same_seed_draws_the_same() -> None:
    first, again, other = (prior().draws(seed, [0, 2]) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first[:, [0, 2]] != other[:, [0, 2]]).any()
