"""Meta-features: what is known of constructed data comes out."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import pdist, squareform
from sklearn.decomposition import PCA

from aehpo_assets.omics.profile import profile, twonn


def task(
    values: np.ndarray, labels: dict[str, list[str | None]] | None = None
) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    index = pd.Index([f"s{i}" for i in range(len(values))], name="sample_id")
    matrix = pd.DataFrame(values.astype(np.float32), index=index)
    split = pd.Series(np.resize(["train", "train", "valid", "test"], len(values)), index=index)
    table = pd.DataFrame(labels or {"kind": np.resize(["a", "b"], len(values))}, index=index)
    table.attrs = {"objective": {name: [name] for name in table}}
    return matrix, split, table


def plane(dimension: int, samples: int = 400, features: int = 30) -> np.ndarray:
    generator = np.random.default_rng(dimension)
    return generator.normal(size=(samples, dimension)) @ generator.normal(
        size=(dimension, features)
    )


@pytest.mark.parametrize("dimension", [2, 5])
def test_the_dimension_of_a_plane_is_found(dimension: int) -> None:
    row = profile(*task(plane(dimension))).iloc[0]
    assert row["components_for_90_percent"] <= dimension
    assert row["participation_ratio"] <= dimension + 1e-6
    assert row["twonn_dimension"] == pytest.approx(dimension, rel=0.25)


def test_components_are_those_of_pca_of_the_train_samples() -> None:
    values = np.random.default_rng(0).normal(size=(80, 12)) * np.arange(1, 13)
    matrix, split, labels = task(values)
    explained = np.cumsum(PCA().fit(matrix[split == "train"]).explained_variance_ratio_)
    row = profile(matrix, split, labels).iloc[0]
    assert row["components_for_90_percent"] == int(np.searchsorted(explained, 0.9)) + 1


def test_more_features_than_samples_is_no_different() -> None:
    values = np.random.default_rng(1).normal(size=(40, 200))
    matrix, split, labels = task(values)
    explained = np.cumsum(PCA().fit(matrix[split == "train"]).explained_variance_ratio_)
    row = profile(matrix, split, labels).iloc[0]
    assert row["components_for_90_percent"] == int(np.searchsorted(explained, 0.9)) + 1


def test_shares_and_moments_are_those_of_the_raw_matrix() -> None:
    matrix, split, labels = task(plane(3, samples=40))
    raw = pd.DataFrame(np.zeros((40, 10)), index=matrix.index)
    raw.iloc[:, 5:] = 3.0
    raw.iloc[:4, 0] = np.nan
    row = profile(matrix, split, labels, raw).iloc[0]
    assert row["missing_share"] == pytest.approx(4 / 400)
    assert row["zero_share"] == pytest.approx((200 - 4) / 400)
    assert row["mean"] == pytest.approx(600 / 396)
    assert row["n_features"] == 30


def test_label_entropy_is_a_share_of_its_maximum() -> None:
    halves: list[str | None] = ["a", "b"] * 20
    matrix, split, labels = task(plane(2, samples=40), {"even": halves, "lone": ["a"] * 40})
    row = profile(matrix, split, labels).iloc[0]
    assert row["label_entropy_mean"] == pytest.approx(0.5)
    assert row["classes_mean"] == 1.5
    missing = task(plane(2, samples=40), {"half": ["a", "b", None, None] * 10})
    assert profile(*missing).iloc[0]["labelled_share_mean"] == 0.5


def test_the_profile_is_the_same_again() -> None:
    values = np.random.default_rng(2).normal(size=(4_500, 4))
    assert profile(*task(values)).equals(profile(*task(values)))


def test_twonn_counts_twins_once() -> None:
    values = plane(3, samples=300)
    alone = twonn(squareform(pdist(values, "sqeuclidean")))
    with_twins = np.concatenate([values, values[:30]])
    assert twonn(squareform(pdist(with_twins, "sqeuclidean"))) == pytest.approx(alone)
    assert np.isnan(twonn(np.zeros((2, 2))))


def test_variance_outside_ten_components_is_that_of_pca() -> None:
    values = np.random.default_rng(3).normal(size=(120, 40)) / np.arange(1, 41)
    matrix, split, labels = task(values)
    explained = PCA().fit(matrix[split == "train"]).explained_variance_ratio_
    found = profile(matrix, split, labels)["variance_outside_10_components"].iloc[0]
    assert found == pytest.approx(explained[10:].sum(), rel=1e-5)
    assert profile(*task(plane(5)))["variance_outside_10_components"].iloc[0] < 1e-6
