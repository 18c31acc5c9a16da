"""Reference methods are fitted on train alone, are what they are called, and say what they lack."""

from __future__ import annotations

from importlib.util import find_spec
from typing import get_args

import numpy as np
import pytest
from sklearn.decomposition import NMF, FactorAnalysis
from sklearn.linear_model import LinearRegression

from aehpo_assets.analysis.names import BASELINE_NAMES, WITHOUT_SEED, baseline_title
from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_assets.study.results import BaselineMethod, Baselines
from aehpo_gpu.evaluation.baselines import (
    DEFAULT_METHODS,
    baseline_table,
    chosen_again,
    left_out,
    raced_baselines,
)
from aehpo_gpu.evaluation.representations import METHODS, Data

SPLIT = np.array((["train"] * 6 + ["valid"] * 2 + ["test"] * 2) * 6)
TRAIN = SPLIT == "train"
CODES = np.arange(60) // 10 % 2
TARGETS = DownstreamTargets((ClassificationTarget("L", ("a", "b"), CODES, 1.0),), (), {})
ADDED = [method for method in METHODS if method not in DEFAULT_METHODS]


@pytest.fixture
def shared() -> tuple[np.ndarray, Data]:
    """Two modalities of one weak shared signal, each drowned by a strong one of its own."""
    source = np.random.default_rng(0)
    signal, *own = source.normal(size=(3, 60))
    views = []
    for specific, width in zip(own, (40, 10), strict=True):
        first = np.outer(signal, np.full(width, 1.0))
        second = 1.7 * np.outer(specific, np.where(np.arange(width) % 2, 1.0, -1.0))
        views.append(first + second + 0.3 * source.normal(size=(60, width)))
    modalities = np.array(["a"] * 40 + ["b"] * 10)
    order = np.r_[np.c_[:10, 40:50].ravel(), 10:40]
    return signal, Data(np.hstack(views)[:, order].copy(), SPLIT, TARGETS, modalities[order])


@pytest.fixture
def positive(shared: tuple[np.ndarray, Data]) -> Data:
    _, data = shared
    return data._replace(matrix=data.matrix - data.matrix.min())


def installed(method: str) -> str:
    if method == "mofa" and find_spec("mofapy2") is None:
        pytest.skip("mofapy2 (the extra reference) is not installed")
    return method


def test_a_method_has_one_name_everywhere() -> None:
    assert list(METHODS) == list(BASELINE_NAMES) == list(get_args(BaselineMethod))
    assert set(WITHOUT_SEED) == {name for name, how in METHODS.items() if not how.has_seed}
    assert list(METHODS)[:5] == Baselines().methods == list(DEFAULT_METHODS)
    assert baseline_title("mofa", 10) == "MOFA, 10 factors"


@pytest.mark.parametrize("method", [name for name in METHODS if name != "umap"])
def test_nothing_but_train_is_fitted(method: str, positive: Data) -> None:
    """Other samples move nothing of train, and none of them another."""
    moved = positive.matrix.copy()
    moved[SPLIT == "test"] += 5
    whole, other = (
        METHODS[installed(method)].of(data, 50, [3], 1)[0]
        for data in (positive, positive._replace(matrix=moved))
    )
    same = SPLIT != "test"
    np.testing.assert_allclose(whole[same], other[same], rtol=1e-6, atol=1e-9)
    assert not np.allclose(whole[~same], other[~same])
    again = METHODS[method].of(positive, 50, [3], 1)[0]
    np.testing.assert_array_equal(whole, again)


def test_factors_and_parts_are_those_of_scikit_learn(positive: Data) -> None:
    train = positive.matrix[TRAIN]
    (found,) = METHODS["factor_analysis"].of(positive, 50, [2], 0)
    expected = FactorAnalysis(2, random_state=0).fit(train).transform(positive.matrix)
    np.testing.assert_allclose(found, expected)
    (parts,) = METHODS["nmf"].of(positive, 50, [2], 0)
    fitted = NMF(2, init="nndsvda", max_iter=500, random_state=0).fit(train)
    np.testing.assert_allclose(parts, fitted.transform(positive.matrix), atol=0.01)
    assert (parts >= 0).all()


def test_components_that_are_not_there_are_zero(positive: Data) -> None:
    twice = positive._replace(matrix=np.repeat(positive.matrix[:, :3], 4, axis=1))
    for method in ("lsa", "ica", "kernel_pca"):
        (found,) = METHODS[method].of(twice, 12, [12], 0)
        assert np.isfinite(found).all()
        assert np.abs(found).max() < 1e6
    (semantics,) = METHODS["lsa"].of(twice, 12, [12], 0)
    assert (semantics[:, 3:] == 0).all()


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return abs(float(np.corrcoef(one, other)[0, 1]))


@pytest.mark.parametrize("method", ["pls", "cca"])
def test_what_two_modalities_share_comes_first(
    method: str, shared: tuple[np.ndarray, Data]
) -> None:
    """The first principal component has what is strong in the wide one."""
    signal, data = shared
    (found,) = METHODS[method].of(data, 50, [4], 0)
    (pca,) = METHODS["pca"].of(data, 50, [4], 0)
    assert found.shape == (60, 4)
    for part in (TRAIN, ~TRAIN):
        ours = [correlation(signal[part], found[part, at]) for at in (0, 1)]
        assert min(ours) > 0.8
        assert correlation(signal[part], pca[part, 0]) < 0.6


def test_a_wide_modality_does_not_outvote_a_narrow_one() -> None:
    source = np.random.default_rng(1)
    signal = source.normal(size=60)
    wide = source.normal(size=(60, 1)) + 0.5 * source.normal(size=(60, 90))
    narrow = 0.3 * (signal[:, None] + 0.1 * source.normal(size=(60, 3)))
    modalities = np.array(["wide"] * 90 + ["narrow"] * 3)
    data = Data(np.hstack([wide, narrow]), SPLIT, TARGETS, modalities)
    (joined,) = METHODS["pca"].of(data, 93, [2], 0)
    (scaled,) = METHODS["block_pca"].of(data, 93, [2], 0)
    known = [LinearRegression().fit(of, signal).score(of, signal) for of in (joined, scaled)]
    assert known[0] < 0.3 < 0.9 < known[1]


def test_each_modality_has_its_share_of_components(shared: tuple[np.ndarray, Data]) -> None:
    _, data = shared
    found = METHODS["pca_per_modality"].of(data, 50, [1, 5], 0)
    first, second = (
        METHODS["pca"].of(data._replace(matrix=view), view.shape[1], [3], 0)[0]
        for view in data.views(50)
    )
    np.testing.assert_allclose(found[0], first[:, :1])
    np.testing.assert_allclose(found[1], np.hstack([first, second[:, :2]]))


def test_what_cannot_represent_a_task_says_why(shared: tuple[np.ndarray, Data]) -> None:
    _, data = shared
    alone = data._replace(modalities=None)
    assert left_out(data, list(METHODS)) == {
        "nmf": "values of the train samples are negative; preprocessing.scaler: minmax makes none"
    }
    refused = left_out(alone, ["pca", "cca", "block_pca", "mofa"])
    assert refused == {
        "cca": "it takes 2 modalities, and the task has 1",
        "block_pca": "it takes 2 or more modalities, and the task has 1",
    }
    table = baseline_table(alone, [2], methods=["pca", "nmf", "cca"])
    assert table["method"].unique().tolist() == ["pca"]
    assert raced_baselines(alone, "cca", [2], [], 0).empty
    assert baseline_table(alone, [2], methods=["nmf"]).empty


@pytest.mark.parametrize("method", ADDED)
def test_a_reference_goes_the_way_of_every_baseline(method: str, positive: Data) -> None:
    table = baseline_table(positive, [2, 3], [20], (0, 1), [installed(method)])
    assert set(table["method"]) == {method}
    assert table["auc_L_test"].between(0, 1).all()
    assert table["fresh"].any() == METHODS[method].has_seed
    again = chosen_again(table, lambda replicate: positive)
    spoken = table[table["fresh"]] if METHODS[method].has_seed else table
    assert set(again["auc_L_test"]) <= set(spoken["auc_L_test"])
    raced = raced_baselines(positive, method, [2, 3], [20], 0)
    assert raced["latent_dim"].tolist() == [2, 3]
