"""What tasks are compared by, and how alike that makes them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.hpo.surrogate.fit import training_table
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.hpo.transfer.similarity import data_similarity, meta_features, rank_correlation
from aehpo_assets.omics.profile import profile
from aehpo_assets.space import SearchSpace


def profile_of(values: np.ndarray, kinds: int = 2) -> pd.DataFrame:
    """The profile of a matrix with one label of equally frequent classes."""
    matrix = pd.DataFrame(values)
    split = pd.Series(np.resize(["train", "train", "valid", "test"], len(values)))
    labels = pd.DataFrame({"kind": np.resize([f"k{i}" for i in range(kinds)], len(values))})
    labels.attrs = {"objective": {"kind": ["kind"]}}
    scaled = (matrix - matrix.mean()) / matrix.std().replace(0, 1)
    return profile(scaled, split, labels, matrix)


def baseline(pca: list[float], random_features: list[float]) -> pd.DataFrame:
    """Scores of two dimensions for each method; those of UMAP and of test are not to be used."""
    scores = {"pca": pca, "random_features": random_features, "umap": [1.0, 1.0]}
    return pd.DataFrame(
        [
            {"method": method, "latent_dim": dim, VALID_SCORE: score, TEST_SCORE: 1.0}
            for method, values in scores.items()
            for dim, score in zip((2, 8), values, strict=True)
        ]
    )


def test_meta_features_come_from_profile_and_baselines() -> None:
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(400, 50))
    low_rank = generator.normal(size=(400, 2)) @ generator.normal(size=(2, 50))
    features = meta_features(
        {"noise": profile_of(noise), "low rank": profile_of(low_rank)},
        {"noise": baseline([0.6, 0.7], [0.55, 0.5])},
    )
    of_noise, of_low_rank = features.loc["noise"], features.loc["low rank"]
    assert of_noise["log_samples"] == pytest.approx(np.log10(400))
    assert of_noise["log_ratio"] == pytest.approx(np.log10(8))
    assert of_noise["intrinsic_dimension"] > 0.7 > 0.1 > of_low_rank["intrinsic_dimension"]
    assert of_noise["noise"] > 0.5
    assert of_low_rank["noise"] < 1e-6
    assert of_noise["label_entropy"] == pytest.approx(1)
    assert of_noise["log_kurtosis"] == pytest.approx(np.log10(3), abs=0.05)
    assert of_noise["pca_score"] == 0.7
    assert of_noise["random_features_score"] == 0.55
    assert of_low_rank[["pca_score", "random_features_score"]].isna().all()


def test_landmarks_are_of_all_features_and_of_no_repetition() -> None:
    table = baseline([0.6, 0.7], [0.55, 0.5]).assign(features=50, fresh=False)
    fewer = table.assign(features=10, **{VALID_SCORE: 0.9})
    again = table.assign(fresh=True, **{VALID_SCORE: 0.8})
    profiles = {"noise": profile_of(np.random.default_rng(0).normal(size=(60, 50)))}
    one, other = (
        meta_features(profiles, {"noise": scores})
        for scores in (table, pd.concat([table, fewer, again], ignore_index=True))
    )
    pd.testing.assert_frame_equal(one, other)


def test_zeros_of_the_raw_matrix_make_the_sparsity() -> None:
    counts = np.random.default_rng(0).poisson(0.3, (300, 80)).astype(float)
    features = meta_features({"counts": profile_of(counts)}, {})
    assert features.loc["counts", "sparsity"] == pytest.approx((counts == 0).mean())


def test_a_landmark_that_was_never_scored_is_not_known() -> None:
    only_pca = baseline([0.6, 0.7], [0.5, 0.5]).query("method == 'pca'")
    unscored = baseline([np.nan, np.nan], [0.5, 0.6])
    noise = profile_of(np.random.default_rng(0).normal(size=(40, 5)))
    features = meta_features({"a": noise, "b": noise}, {"a": only_pca, "b": unscored})
    assert np.isnan(features.loc["a", "random_features_score"])
    assert np.isnan(features.loc["b", "pca_score"])
    assert data_similarity(features).loc["a", "b"] == 1


@settings(max_examples=25)
@given(st.integers(0, 500))
def test_data_similarity_is_a_similarity(seed: int) -> None:
    generator = np.random.default_rng(seed)
    profiles = {
        task: profile_of(generator.normal(size=(int(generator.integers(5, 40)), 6)))
        for task in ("a", "b", "c")
    }
    similarity = data_similarity(meta_features(profiles, {"b": baseline([0.5, 0.9], [0.6, 0.6])}))
    assert ((similarity > 0) & (similarity <= 1)).all().all()
    np.testing.assert_array_equal(similarity, similarity.T)
    assert (np.diag(similarity) == 1).all()


def test_data_alike_are_similar_and_landmarks_tell_them_apart() -> None:
    generator = np.random.default_rng(0)
    counts = [generator.poisson(0.3, (300, 80)).astype(float) for _ in range(2)]
    dense = generator.normal(5, 1, (60, 400))
    profiles = {name: profile_of(m) for name, m in zip("abc", [*counts, dense], strict=True)}
    similarity = data_similarity(meta_features(profiles, {}))
    assert similarity.loc["a", "b"] > 0.8 > similarity.loc["a", "c"]
    baselines = {"a": baseline([0.9, 0.9], [0.9, 0.9]), "b": baseline([0.5, 0.5], [0.5, 0.5])}
    with_landmarks = data_similarity(meta_features(profiles, baselines))
    assert with_landmarks.loc["a", "b"] < similarity.loc["a", "b"]
    assert with_landmarks.loc["a", "c"] == similarity.loc["a", "c"]


def test_nothing_known_in_common_is_half() -> None:
    features = pd.DataFrame({"noise": [0.1, np.nan]}, index=["a", "b"])
    assert data_similarity(features).loc["a", "b"] == 0.5


def test_ranks_tell_friend_from_foe(space: SearchSpace) -> None:
    results = synthetic_results(space, tasks=("a", "b"), count=80)
    foe = results["a"].assign(**{VALID_SCORE: 1.45 - results["a"][VALID_SCORE]})
    evaluations = training_table(results | {"foe": foe}, space)
    ranks = rank_correlation(evaluations, "a")
    assert ranks.loc["b", "correlation"] > 0.5
    assert ranks.loc["foe", "correlation"] < -0.5
    assert (ranks["configurations"] == 80).all()
    of_a = evaluations["task"] == "a"
    few = rank_correlation(evaluations[~of_a | evaluations["config_id"].isin(["1", "2"])], "a")
    assert (few["configurations"] == 2).all()
    assert few["correlation"].isna().all()
    assert (rank_correlation(evaluations[~of_a], "a")["configurations"] == 0).all()


def test_noise_does_not_make_tasks_unlike() -> None:
    """Two tasks of the same truth, a third of what a run shows being truth."""
    generator = np.random.default_rng(0)
    true = generator.normal(0.7, 0.07, 300)
    parts = [
        pd.DataFrame(
            {
                "task": task,
                "config_id": np.arange(300).astype(str),
                VALID_SCORE: true + generator.normal(0, 0.1, 300),
            }
        )
        for task in ("a", "b")
        for _ in range(2)
    ]
    evaluations = pd.concat(parts, ignore_index=True)
    means = evaluations.groupby(["task", "config_id"])[VALID_SCORE].mean().unstack("task")
    assert means.corr("spearman").loc["a", "b"] < 0.65
    assert rank_correlation(evaluations, "a").loc["b", "correlation"] > 0.85
    # Without replicates, nothing is known that could be corrected.
    once = evaluations.drop_duplicates(["task", "config_id"])
    assert rank_correlation(once, "a").loc["b", "correlation"] < 0.5
