"""Similarity between tasks, and transfer that does not harm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.hpo.leave_one_out import leave_one_task_out, transfer_verdicts
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.hpo.surrogate import fit_surrogate, training_table
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.hpo.task_similarity import (
    data_similarity,
    meta_features,
    rank_correlation,
    transfer_weights,
)
from aehpo_assets.hpo.transfer import bounding_box, top_configurations, weighted_box
from aehpo_assets.space import Choice, SearchSpace


@pytest.fixture(scope="module")
def with_hostile(space: SearchSpace) -> pd.DataFrame:
    """Three tasks alike, and one that likes what the others dislike."""
    results = synthetic_results(space, tasks=("a", "b", "c"), count=120)
    hostile = results["a"].copy()
    for score in (VALID_SCORE, TEST_SCORE):
        hostile[score] = 1.45 - hostile[score]
    return training_table(results | {"hostile": hostile}, space)


def test_meta_features_of_known_data() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(400, 50))
    low_rank = generator.normal(size=(400, 2)) @ generator.normal(size=(2, 50))
    of_noise = meta_features(noise, [np.array([0, 1] * 200)], {"pca": 0.7})
    of_low_rank = meta_features(low_rank, [np.array([0] * 399 + [1])])
    assert of_noise["log_samples"] == pytest.approx(np.log10(400))
    assert of_noise["log_ratio"] == pytest.approx(np.log10(8))
    assert of_noise["intrinsic_dimension"] > 0.7 > 0.1 > of_low_rank["intrinsic_dimension"]
    assert of_noise["noise"] > 0.5
    assert of_low_rank["noise"] < 1e-6
    assert of_noise["label_entropy"] == pytest.approx(1)
    assert of_low_rank["label_entropy"] < 0.1
    assert of_noise["pca_score"] == 0.7
    assert np.isnan(of_noise["random_features_score"])
    assert meta_features(np.zeros((5, 3)))["sparsity"] == 1


@given(st.integers(0, 500))
def test_data_similarity_is_a_similarity(seed: int) -> None:
    generator = np.random.default_rng(seed)
    features = pd.DataFrame(
        [meta_features(generator.normal(size=(generator.integers(5, 40), 6))) for _ in range(3)],
        index=["a", "b", "c"],
    )
    similarity = data_similarity(features)
    assert ((similarity > 0) & (similarity <= 1)).all().all()
    np.testing.assert_array_equal(similarity, similarity.T)
    assert (np.diag(similarity) == 1).all()


def test_data_alike_are_similar() -> None:
    generator = np.random.default_rng(0)
    counts = [generator.poisson(0.3, (300, 80)).astype(float) for _ in range(2)]
    dense = generator.normal(5, 1, (60, 400))
    features = pd.DataFrame([meta_features(m) for m in [*counts, dense]], index=["a", "b", "c"])
    similarity = data_similarity(features)
    assert similarity.loc["a", "b"] > 0.8 > similarity.loc["a", "c"]


def test_nothing_known_in_common_is_half() -> None:
    features = pd.DataFrame({"noise": [0.1, np.nan]}, index=["a", "b"])
    assert data_similarity(features).loc["a", "b"] == 0.5


def test_ranks_tell_friend_from_foe(with_hostile: pd.DataFrame) -> None:
    ranks = rank_correlation(with_hostile, "a")
    assert ranks.loc["b", "correlation"] > 0.5
    assert ranks.loc["hostile", "correlation"] < -0.5
    few = rank_correlation(with_hostile, "a", ["1", "2", "not sampled"])
    assert (few["configurations"] == 2).all()
    assert few["correlation"].isna().all()


def test_weights_move_from_data_to_ranks() -> None:
    ranks = pd.DataFrame(
        {"correlation": [0.9, -0.9, np.nan], "configurations": [1000.0, 1000.0, 0.0]},
        index=["friend", "foe", "stranger"],
    )
    similarity = pd.Series({"friend": 0.1, "foe": 0.9, "stranger": 0.8})
    weights = transfer_weights(ranks, similarity)
    assert weights["friend"] == pytest.approx(0.9, abs=0.01)
    assert weights["foe"] < 0.01
    assert weights["stranger"] == pytest.approx(0.8)
    assert transfer_weights(ranks)["stranger"] == 0.5


def test_box_widens_as_trust_falls(with_hostile: pd.DataFrame, space: SearchSpace) -> None:
    def widths(box: SearchSpace) -> list[float]:
        return [
            len(d.values) if isinstance(d, Choice) else d.upper - d.lower
            for d in box.hyperparameters.values()
        ]

    full = weighted_box(space, with_hostile, {"b": 1.0}, 10)
    assert full == bounding_box(space, top_configurations(with_hostile, ["b"], 10, space))
    half = weighted_box(space, with_hostile, {"b": 0.4}, 10)
    assert all(wide >= narrow for narrow, wide in zip(widths(full), widths(half), strict=True))
    assert weighted_box(space, with_hostile, {"b": 0.1, "c": 0.0}, 10) == space
    assert weighted_box(space, with_hostile, {}, 10) == space


def test_plain_transfer_harms_on_a_hostile_task_and_weighed_transfer_does_not(
    with_hostile: pd.DataFrame, space: SearchSpace
) -> None:
    surrogate, _, _ = fit_surrogate(with_hostile, space, folds=1)

    def search(repetitions: int) -> pd.DataFrame:
        return leave_one_task_out(
            with_hostile,
            surrogate,
            space,
            searchers=("random_search",),
            trials=20,
            repetitions=repetitions,
            probe=8,
        )

    progress = search(4)
    assert (progress.groupby(["task", "way", "repetition"])["best"].diff().dropna() >= 0).all()
    assert progress.groupby(["task", "way", "repetition"]).size().eq(20).all()
    verdicts = transfer_verdicts(progress).set_index(["task", "way"])
    assert verdicts.loc[("hostile", "plain"), "verdict"] == "harms"
    assert verdicts.loc[("hostile", "weighted"), "verdict"] != "harms"
    assert verdicts.loc[("hostile", "plain"), "evaluations_saved"] == -np.inf
    first = progress[progress["repetition"] == 0].reset_index(drop=True)
    pd.testing.assert_frame_equal(search(1), first, check_exact=True)
