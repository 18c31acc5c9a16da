"""Baselines are fitted on train alone, cut to what the task has, and repeatable."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.decomposition import PCA

from aehpo_assets.analysis.chosen_baselines import chosen_baseline
from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets, RegressionTarget
from aehpo_assets.hpo.columns import without_test
from aehpo_gpu.evaluation import baselines, representations
from aehpo_gpu.evaluation.baselines import (
    DEFAULT_METHODS,
    baseline_table,
    chosen_again,
    raced_baselines,
    replicated_baselines,
)
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.evaluation.kept_scores import KeptScores
from aehpo_gpu.evaluation.references import principal_components
from aehpo_gpu.evaluation.representations import METHODS, Data

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
    monkeypatch.setattr(representations, "_umap", lambda matrix, train, dim, seed: matrix[:, :dim])


def test_the_first_layout_of_a_process_leaves_torch_its_threads(matrix: np.ndarray) -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(before + 1)
    try:
        baseline_table(Data(matrix, SPLIT, TARGETS), [2], [10], methods=["umap"], seeds=(0,))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)


def test_each_method_and_dimension_is_scored(matrix: np.ndarray) -> None:
    table = baseline_table(Data(matrix, SPLIT, TARGETS), [2], [10], seeds=(3, 4))
    tried, fresh = table[~table["fresh"]], table[table["fresh"]]
    cells = tried.groupby("method", sort=False)["features"].agg(sorted).to_dict()
    assert cells == {
        "pca": [10, 30],
        "umap": [10, 30],
        "linear_autoencoder": [10],
        "raw_features": [10, 30],
        "random_features": [10, 30],
    }
    assert list(fresh["method"]) == ["umap", "linear_autoencoder", "random_features"]
    raw = table["method"] == "raw_features"
    assert (table.loc[raw, "latent_dim"] == table.loc[raw, "features"]).all()
    assert (table.loc[~raw, "latent_dim"] == 2).all()
    assert tried["seed"].dropna().unique().tolist() == [3]
    assert fresh["seed"].unique().tolist() == [4]
    assert table.loc[table["method"].isin(["pca", "raw_features"]), "seed"].isna().all()
    assert (table["latent_status"] == "ok").all()
    assert (table.loc[table["method"] != "random_features", "auc_L_test"] > 0.9).all()


@pytest.mark.usefixtures("quick_umap")
def test_features_are_those_that_an_autoencoder_may_have(matrix: np.ndarray) -> None:
    """Behind the first features there is noise that drowns what they say."""
    noise = np.random.default_rng(1).normal(scale=50, size=(40, 300)).astype(np.float32)
    wide = np.hstack([matrix[:, :10], noise])
    table = baseline_table(Data(wide, SPLIT, TARGETS), [2], [10, 4096])
    pca = table[table["method"] == "pca"].set_index("features")["auc_L_test"]
    assert sorted(pca.index) == [10, 310]
    assert pca[10] > 0.9 > pca[310]


@pytest.mark.usefixtures("quick_umap")
def test_what_valid_chose_is_repeated_with_every_other_seed(matrix: np.ndarray) -> None:
    table = baseline_table(Data(matrix, SPLIT, TARGETS), [2, 4], [10, 20], seeds=(5, 6, 7, 8))
    for method in ("umap", "linear_autoencoder", "random_features"):
        own = table[table["method"] == method]
        tried, fresh = own[~own["fresh"]], own[own["fresh"]]
        assert fresh["seed"].tolist() == [6, 7, 8]
        # Of equally good ones that with the fewest dimensions, then features.
        score = "weighted_avg_auc_downstream_performance_valid"
        equal = tried[tried[score] == tried[score].max()]
        best = equal.sort_values(["latent_dim", "features"]).iloc[0]
        cell = ["features", "latent_dim"]
        assert (fresh[cell].to_numpy() == best[cell].to_numpy(dtype=int)).all()
    assert not table.loc[table["method"] == "pca", "fresh"].any()


@pytest.mark.usefixtures("quick_umap")
def test_dimensions_are_cut_and_scored_once(matrix: np.ndarray) -> None:
    table = baseline_table(Data(matrix, SPLIT, TARGETS), [64, 2, 30, 4, 24], [3])
    tried = table[~table["fresh"]]
    dims = tried.groupby(["method", "features"], sort=False)["latent_dim"].agg(list)
    assert dims["pca", 30] == dims["random_features", 30] == [2, 4, 24]
    assert dims["pca", 3] == dims["random_features", 3] == [2, 3]
    assert dims["umap", 30] == [2, 4]
    assert len(dims["umap", 3]) == 1


@pytest.mark.usefixtures("quick_umap")
def test_components_without_variance_are_not_scaled_up(matrix: np.ndarray) -> None:
    table = baseline_table(Data(matrix, SPLIT, TARGETS), [24]).set_index("method")
    assert table.loc["pca", "r2_Y_test"] > -10


@pytest.mark.usefixtures("quick_umap")
def test_the_seeds_decide(matrix: np.ndarray) -> None:
    first, again, other = (
        baseline_table(Data(matrix, SPLIT, TARGETS), [2, 4], seeds=(seed,)) for seed in (1, 1, 2)
    )
    pd.testing.assert_frame_equal(first, again)
    assert not first.drop(columns="seed").equals(other.drop(columns="seed"))


@pytest.mark.usefixtures("quick_umap")
def test_nothing_is_chosen_where_nothing_has_a_score(matrix: np.ndarray) -> None:
    table = baseline_table(Data(matrix, SPLIT, DownstreamTargets((), (), {})), [2, 4], [10])
    assert not table["fresh"].any()
    assert table["weighted_avg_auc_downstream_performance"].isna().all()


def test_components_are_those_of_train(matrix: np.ndarray) -> None:
    train = SPLIT == "train"
    fewer, found = principal_components(matrix, train, [3, 5])
    np.testing.assert_array_equal(fewer, found[:, :3])
    expected = PCA(5).fit(matrix[train].astype(float)).transform(matrix.astype(float))
    np.testing.assert_allclose(np.abs(found), np.abs(expected), atol=1e-8)


def test_other_samples_do_not_move_the_layout_of_train(matrix: np.ndarray) -> None:
    train = SPLIT == "train"
    moved = matrix.copy()
    moved[~train] += 5
    first, again, other = (representations._umap(x, train, 2, 0) for x in (matrix, matrix, moved))
    np.testing.assert_array_equal(first, again)
    np.testing.assert_array_equal(first[train], other[train])


def test_what_the_layout_compiles_is_kept_for_other_processes(matrix: np.ndarray) -> None:
    """Every function that was called was read from the disk, or is there from now on."""
    representations._umap(matrix, SPLIT == "train", 2, 0)
    from umap import layouts, umap_, utils

    for function in (
        utils.fast_knn_indices,
        utils.submatrix,
        umap_.smooth_knn_dist,
        umap_.compute_membership_strengths,
        layouts._nb_optimize_layout_euclidean_single_epoch,
    ):
        kept = function.stats.cache_hits + function.stats.cache_misses
        assert function.signatures, function
        assert set(kept) >= set(function.signatures), function


@pytest.mark.usefixtures("quick_umap")
def test_in_replicates_the_mean_chooses_and_further_ones_speak(matrix: np.ndarray) -> None:
    def data_of(replicate: int) -> Data:
        split = SPLIT.copy()
        rest = np.flatnonzero(split != "test")
        split[rest] = np.random.default_rng(replicate).permutation(split[rest])
        return Data(matrix, split, TARGETS)

    table = replicated_baselines(data_of, 3, 2, [2, 4], [10])
    tried, fresh = table[~table["fresh"]], table[table["fresh"]]
    assert set(tried["replicate"]) == {0, 1, 2}
    score = "weighted_avg_auc_downstream_performance_valid"
    for method in DEFAULT_METHODS:
        own = tried[tried["method"] == method]
        cells = own.groupby(["latent_dim", "features"])[score]
        means = cells.mean()[cells.size() == 3]
        spoken = fresh[fresh["method"] == method]
        assert list(spoken["replicate"]) == [3, 4]
        for cell in spoken[["latent_dim", "features"]].itertuples(index=False, name=None):
            assert means[cell] == means.max()
        known = spoken["seed"].dropna().tolist()
        assert known == ([3, 4] if METHODS[method].has_seed else [])
    one = baseline_table(data_of(1), [2, 4], [10], seeds=(1,))
    pd.testing.assert_frame_equal(
        tried[tried["replicate"] == 1].drop(columns="replicate").reset_index(drop=True),
        one[tried.columns.drop("replicate")],
    )


@pytest.mark.slow
@pytest.mark.usefixtures("quick_umap")
@pytest.mark.parametrize("replicates", [1, 2])
def test_what_was_chosen_comes_out_again_with_its_test_scores(
    matrix: np.ndarray, replicates: int, tmp_path: Path
) -> None:
    def data_of(replicate: int, matrix: np.ndarray = matrix, keep: bool = True) -> Data:
        split = SPLIT.copy()
        inside = np.flatnonzero(split != "test")
        split[inside] = np.roll(split[inside], replicate)
        kept = KeptScores(tmp_path, {"split": str(replicate)}) if keep else None
        return Data(matrix, split, TARGETS, kept=kept)

    if replicates == 1:
        table = baseline_table(data_of(0), [2, 4], [10])
    else:
        table = replicated_baselines(data_of, replicates, 2, [2, 4], [10])
    again = chosen_again(without_test(table), data_of)
    for method in DEFAULT_METHODS:
        chosen = chosen_baseline(table, method).reset_index(drop=True)
        own = again[again["method"] == method].reset_index(drop=True)
        pd.testing.assert_frame_equal(own[chosen.columns], chosen, check_dtype=False)
    anew = chosen_again(table, lambda replicate: data_of(replicate, keep=False))
    pd.testing.assert_frame_equal(again, anew, check_exact=True)
    # Nothing of it is computed again, which of other values would say something else; and what is
    # damaged is.
    other = partial(data_of, matrix=matrix[:, ::-1])
    pd.testing.assert_frame_equal(chosen_again(table, other), anew, check_exact=True)
    for file in tmp_path.rglob("*.parquet"):
        file.write_bytes(b"damaged")
    pd.testing.assert_frame_equal(chosen_again(table, data_of), anew, check_exact=True)


def test_raw_features_are_scored_as_the_probe_scores_them_all() -> None:
    """Of more features than samples the probe gets a basis, and says what it says of them all."""
    source = np.random.default_rng(3)
    wide = source.normal(size=(40, 60)) + 0.3 * CODES[:, None]
    (basis,) = representations._raw_features(wide, SPLIT == "train")
    assert basis.shape == (40, 23)
    of_all, of_basis = (
        score_latents(torch.from_numpy(x)[None], SPLIT, TARGETS) for x in (wide, basis)
    )
    named = ["auc_L_valid", "auc_L_test"]
    pd.testing.assert_frame_equal(of_all[named], of_basis[named], rtol=1e-6)
    (scored,) = raced_baselines(Data(wide, SPLIT, TARGETS), "raw_features", [2], [60], 0).to_dict(
        "records"
    )
    assert scored["auc_L_test"] == of_all["auc_L_test"][0]
    assert np.isnan(scored["r2_Y_test"])
    narrow = wide[:, :10]
    (same,) = representations._raw_features(narrow, SPLIT == "train")
    np.testing.assert_array_equal(same, narrow)


def test_raw_features_that_the_probe_has_no_memory_for_are_left_out(
    matrix: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(baselines, "PROBE_BYTES", 8 * 2 * 24 * 20)
    raced = raced_baselines(Data(matrix, SPLIT, TARGETS), "raw_features", [2], [10, 20, 99], 0)
    assert raced["features"].tolist() == [10, 20]
    monkeypatch.setattr(baselines, "PROBE_BYTES", 1)
    assert raced_baselines(Data(matrix, SPLIT, TARGETS), "raw_features", [2], [10], 0).empty


@pytest.mark.usefixtures("quick_umap")
def test_rivals_of_a_race_have_one_number_of_features_and_several_dimensions(
    matrix: np.ndarray,
) -> None:
    cells = {}
    for method in DEFAULT_METHODS:
        found = raced_baselines(Data(matrix, SPLIT, TARGETS), method, [64, 2, 4, 8], [10, 20], 0)
        cells[method] = list(zip(found["features"], found["latent_dim"], strict=True))
    every = [2, 4, 8, 24]
    assert cells == {
        "pca": [(30, dim) for dim in every],
        "umap": [(30, 2), (30, 4)],
        "linear_autoencoder": [(20, dim) for dim in [2, 4, 8, 20]],
        "raw_features": [(10, 10), (20, 20)],
        "random_features": [(30, dim) for dim in every],
    }
