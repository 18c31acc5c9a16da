"""Replicates of a task as they are trained: their own split, their own fit, keys of their own."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from aehpo_assets.datasets.replicates import replicate_table
from aehpo_assets.datasets.split import split_samples
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import columns_of_test
from aehpo_assets.omics.preprocess import FittedPreprocessing, fit_preprocessing
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.home import Home
from aehpo_assets.study.data import Preprocessing, Split
from aehpo_gpu.runs.table import RunTable, with_seeds
from aehpo_gpu.training import replicates as replicates_module
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, training_task

SETTINGS = TrainingSettings(epochs=3, device="cpu")
PREPROCESSING = Preprocessing()
CONFIGURATIONS = pd.DataFrame(
    {
        "config_id": ["0", "1"],
        "k_filter": [16, 24],
        "n_layers": [2, 2],
        "enc_factor": [2.0, 1.5],
        "latent_dim_fixed": [3, 2],
        "lr_fixed": [1e-3, 3e-3],
        "batch_size": [32, 32],
        "drop_p": [0.1, 0.0],
    }
)


@pytest.fixture(scope="module")
def matrix() -> pd.DataFrame:
    source = np.random.default_rng(0)
    hidden = source.normal(size=(120, 3))
    values = np.tanh(hidden @ source.normal(size=(3, 30))) * source.uniform(0.5, 2, 30)
    values[:, 29] = 0
    values[3, 2] = np.nan
    index = pd.Index([f"s{i:03d}" for i in range(120)], name="sample_id")
    return pd.DataFrame(values, index=index, columns=[f"g{i}" for i in range(30)])


@pytest.fixture(scope="module")
def labels(matrix: pd.DataFrame) -> pd.DataFrame:
    labels = pd.DataFrame({"kind": np.where(matrix["g0"] > 0, "a", "b")}, index=matrix.index)
    labels.attrs = {"objective": {"kind": ["kind"]}, "regression": [], "survival": None}
    return labels


def replicates_of(matrix: pd.DataFrame, labels: pd.DataFrame, count: int) -> Replicates:
    split = split_samples(list(matrix.index), Split(), name="any")
    table = replicate_table(split, {}, labels, 0, count)
    versions = {"omics_matrix": "m", "preprocessed_matrix": "p", "sample_labels": "l"}
    return Replicates("toy_rna", matrix, table, labels, PREPROCESSING, 0, versions)


def run_table(home: Path, replicates: Replicates, seeds: list[int], several: bool) -> RunTable:
    split = replicates.table["split"]
    fitted = fit_preprocessing(replicates.matrix, split, PREPROCESSING)
    return RunTable(
        architecture="vanillix",
        data=training_task(
            "toy_rna", fitted.apply(replicates.matrix), split.to_frame(), replicates.labels
        ),
        runs=with_seeds(CONFIGURATIONS, seeds),
        settings=SETTINGS,
        inputs={
            "preprocessed_matrix/toy_rna": "p",
            "data_split/toy_rna": content_hash(split.to_frame()),
            "sample_labels/toy_rna": "l",
        },
        home=Home(home),
        replicates=replicates if several else None,
    )


def test_a_replicate_is_its_own_split_and_fit(matrix: pd.DataFrame, labels: pd.DataFrame) -> None:
    replicates = replicates_of(matrix, labels, 3)
    # A feature that varies on train only where this sample is in it.
    (only, *_) = replicates.table.index[replicates.table["split_1"] == "valid"]
    matrix = matrix.copy()
    matrix.loc[only, "g29"] = 1
    replicates = replace(replicates, matrix=matrix)
    shapes = set()
    for replicate in range(6):  # beyond those of the table as well
        split, data = replicates.split(replicate), replicates.data(replicate)
        expected = fit_preprocessing(matrix, split, PREPROCESSING)
        np.testing.assert_array_equal(data.matrix, expected.apply(matrix).to_numpy())
        assert replicates.fitted(replicate).features == expected.features
        train = data.matrix[data.split == "train"].astype(np.float64)
        np.testing.assert_allclose(train.mean(axis=0), 0, atol=1e-6)
        np.testing.assert_allclose(train.std(axis=0), 1, atol=1e-5)
        assert list(data.split) == list(split)
        (target,) = data.targets.classification
        assert target.classes == ("a", "b")
        shapes.add(data.n_features)
    assert shapes == {29, 30}


def test_keys_depend_on_neither_their_number_nor_on_the_study_having_several(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    alone = run_table(tmp_path, replicates_of(matrix, labels, 1), [0], several=False)
    three = run_table(tmp_path, replicates_of(matrix, labels, 3), [0, 1, 2], several=True)
    five = run_table(tmp_path, replicates_of(matrix, labels, 5), [0, 1, 2, 3, 4], several=True)

    def keys_of(table: RunTable) -> dict[tuple[str, int], str]:
        runs = table.runs[["config_id", "seed"]].itertuples(index=False, name=None)
        return dict(zip(runs, table.keys(), strict=True))

    keys = keys_of(three)
    assert len(set(keys.values())) == 6
    assert [keys["0", 0], keys["1", 0]] == alone.keys()
    assert keys.items() <= keys_of(five).items()
    seeds = run_table(tmp_path, replicates_of(matrix, labels, 1), [0, 1], several=False)
    assert not set(seeds.keys()[1::2]) & set(keys.values())


@pytest.mark.slow
def test_no_shard_mixes_replicates_and_results_are_those_of_a_run_trained_alone(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    replicates = replicates_of(matrix, labels, 3)
    table = run_table(tmp_path, replicates, [0, 1, 2], several=True)
    shards = table.plan()
    assert len({shard.shard_id for shard in shards}) == len(shards)
    assert sorted(row for shard in shards for row in shard.rows) == list(range(6))
    for shard in shards:
        assert table.runs["seed"].iloc[shard.rows].nunique() == 1
    closed, _ = table.train_missing(lambda progress: None)
    assert columns_of_test(closed) == []
    results, curves = table.collect(open_test=True)
    pd.testing.assert_frame_equal(results[closed.columns], closed)
    opened = table.test_scores()
    assert list(opened["replicate"]) == list(results["replicate"])
    assert columns_of_test(opened) == columns_of_test(results) != []
    assert table.plan() == []
    assert list(results["replicate"]) == list(results["split_seed"]) == list(results["seed"])
    assert len(curves) == 6
    measured = ["valid_recon_loss", "test_r2", "auc_kind_valid", "auc_kind_test"]
    for row in range(len(table.runs)):
        run = table.runs.iloc[[row]].reset_index(drop=True)
        data = replicates.data(int(run["seed"].iloc[0]))
        alone = train_shard(data, "vanillix", run, [[0]], SETTINGS, table.cost()).runs
        np.testing.assert_allclose(
            alone[measured].to_numpy("float64")[0],
            results[measured].iloc[row].to_numpy("float64"),
            rtol=1e-6,
        )
    by_replicate = results.pivot(index="config_id", columns="replicate", values="valid_recon_loss")
    assert (by_replicate.nunique(axis=1) == 3).all()


@pytest.mark.slow
def test_shards_side_by_side_leave_what_they_leave_one_by_one(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    replicates = replicates_of(matrix, labels, 3)
    one, two = (run_table(tmp_path / n, replicates, [0, 1, 5], several=True) for n in "ab")
    for shard in one.plan():
        one.train(shard, lambda progress: None)
    told: list[Progress] = []
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        results, curves = two.train_missing(told.append)
    finally:
        torch.set_num_threads(before)
    expected, expected_curves = one.collect()
    seconds = [n for n in results if n.endswith("runtime") or n == "prices"]
    pd.testing.assert_frame_equal(results.drop(columns=seconds), expected.drop(columns=seconds))
    pd.testing.assert_frame_equal(
        curves.drop(columns="runtime"), expected_curves.drop(columns="runtime")
    )
    assert told[-1].runs_total == 6
    assert told[-1].runs_done == 6


def test_whoever_listens_ends_all_shards(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    table = run_table(tmp_path, replicates_of(matrix, labels, 3), [0, 1, 5, 6], several=True)
    settings = replace(SETTINGS, epochs=100_000)

    def stop(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        replace(table, settings=settings).train_missing(stop)


def test_every_replicate_is_drawn_and_fitted_once(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    fits: list[pd.Series] = []

    @functools.wraps(fit_preprocessing)
    def counted(
        values: pd.DataFrame,
        split: pd.Series,
        settings: Preprocessing,
        modalities: np.ndarray | None,
    ) -> FittedPreprocessing:
        fits.append(split)
        return fit_preprocessing(values, split, settings, modalities)

    monkeypatch.setattr(replicates_module, "fit_preprocessing", counted)
    replicates = replicates_of(matrix, labels, 3)
    table = run_table(tmp_path, replicates, [1, 2, 7], several=True)
    table.train_missing(lambda progress: None)
    table.keys()
    assert len(fits) == 3
    # A table of other runs of the task, as each round of a race has one, asks for them again.
    again = replace(table, runs=with_seeds(CONFIGURATIONS.head(1), [7, 8]))
    again.train_missing(lambda progress: None)
    assert len(fits) == 4
    data = table.data_of(7)
    assert (replicates.n_features(7), replicates.n_train(7)) == (data.n_features, data.n_train)
    # What is fitted on other values is never taken for it.
    replace(replicates, matrix=2 * matrix).data(7)
    assert len(fits) == 5


def test_a_study_with_one_replicate_has_no_such_columns(
    tmp_path: Path, matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    table = run_table(tmp_path, replicates_of(matrix, labels, 1), [0], several=False)
    results, _ = table.train_missing(lambda progress: None)
    assert not {"replicate", "split_seed"} & set(results)


def test_values_that_nothing_can_be_trained_on_are_refused(
    matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    replicates = replicates_of(matrix, labels, 2)
    huge = matrix * 1.0
    huge["g1"] = np.where(replicates.split(4) == "train", huge["g1"], 1e60)
    with pytest.raises(InputError, match="in replicate 4 of toy_rna, scaled values are not finite"):
        replace(replicates, matrix=huge).data(4)


def test_classes_of_a_class_loss_stay_with_their_samples(
    matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    site = pd.Series(np.array(["x", "y", "z"])[np.arange(120) % 3], matrix.index).mask(
        np.arange(120) == 5
    )
    with_site = labels.assign(site=site)
    with_site.attrs = labels.attrs | {"class_loss": "site"}
    expected = np.where(np.arange(120) == 5, -1, np.arange(120) % 3)
    one = replicates_of(matrix, with_site, 2)
    kept = np.arange(120) % 7 != 0
    for data, of in ((one.data(1), expected), (one.data(1, kept), expected[kept])):
        assert data.classes is not None
        assert data.classes.tolist() == of.tolist()
    split = one.table[["split"]]
    table = one.fitted(0).apply(matrix)
    written = training_task("toy_rna", table, split, with_site)
    assert written.classes is not None
    assert written.classes.tolist() == expected.tolist()
    # The label decides neither what is scored nor who is drawn.
    plain = replicates_of(matrix, labels, 2)
    assert one.table.equals(plain.table)
    assert [t.label for t in one.targets.classification] == ["kind"]
    assert plain.data(1).classes is None


def test_a_replicate_on_another_split_is_fitted_on_that(
    matrix: pd.DataFrame, labels: pd.DataFrame
) -> None:
    one = replicates_of(matrix, labels, 3)
    own, other = one.split(1), one.split(2)
    assert not own.equals(other)
    moved = one.data(1, split=other)
    np.testing.assert_array_equal(moved.matrix, one.data(2).matrix)
    assert moved.split.tolist() == other.tolist()
    assert one.data(1, split=own).matrix.tolist() == one.data(1).matrix.tolist()
    # What the replicate itself is stays what it was.
    assert one.split(1).equals(own)
