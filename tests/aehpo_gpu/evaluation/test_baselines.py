"""Baselines are fitted on train alone, cut to what the task has, and repeatable."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA

from aehpo_assets.omics.labels import ClassificationTarget, DownstreamTargets, RegressionTarget
from aehpo_gpu.evaluation import baselines
from aehpo_gpu.evaluation.baselines import baseline_table

SPLIT = np.array((["train"] * 6 + ["valid"] * 2 + ["test"] * 2) * 4)
CODES = np.arange(40) // 10 % 2
TARGETS = DownstreamTargets(
    (ClassificationTarget("L", ("a", "b"), CODES, 1.0),),
    (RegressionTarget("Y", np.arange(40.0)),),
    {},
)


@pytest.fixture
def matrix() -> np.ndarray:
    values = np.random.default_rng(0).normal(size=(40, 30)) + 3 * CODES[:, None]
    return values.astype(np.float32)


@pytest.fixture
def quick_umap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip the layout, which takes its compiler half a minute, where the rest is tested."""
    monkeypatch.setattr(baselines, "_umap", lambda matrix, train, dim, seed: matrix[:, :dim])


def test_each_method_and_dimension_is_scored(matrix: np.ndarray) -> None:
    table = baseline_table(matrix, SPLIT, TARGETS, [2], seed=3)
    assert list(table["method"]) == ["pca", "umap", "random_features"]
    assert (table["latent_dim"] == 2).all()
    assert (table["latent_status"] == "ok").all()
    assert (table["auc_L_test"] > 0.9).all()
    assert (table["valid_granularity"] == 1 / 16).all()


@pytest.mark.usefixtures("quick_umap")
def test_dimensions_are_cut_and_scored_once(matrix: np.ndarray) -> None:
    table = baseline_table(matrix, SPLIT, TARGETS, [64, 2, 30, 4, 24], seed=3)
    dims = table.groupby("method", sort=False)["latent_dim"].agg(list)
    assert dims["pca"] == dims["random_features"] == [2, 4, 24]
    assert dims["umap"] == [2, 4]


@pytest.mark.usefixtures("quick_umap")
def test_components_without_variance_are_not_scaled_up(matrix: np.ndarray) -> None:
    table = baseline_table(matrix, SPLIT, TARGETS, [24], seed=3).set_index("method")
    assert table.loc["pca", "r2_Y_test"] > -10


@pytest.mark.usefixtures("quick_umap")
def test_the_seed_decides(matrix: np.ndarray) -> None:
    first, again, other = (baseline_table(matrix, SPLIT, TARGETS, [2, 4], s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(first, again)
    assert not first.equals(other)


def test_components_are_those_of_train(matrix: np.ndarray) -> None:
    train = SPLIT == "train"
    found = baselines._pca(matrix, train, 5)
    expected = PCA(5).fit(matrix[train].astype(float)).transform(matrix.astype(float))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_other_samples_do_not_move_the_layout_of_train(matrix: np.ndarray) -> None:
    train = SPLIT == "train"
    moved = matrix.copy()
    moved[~train] += 5
    first, again, other = (baselines._umap(x, train, 2, 0) for x in (matrix, matrix, moved))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[train], other[train])
