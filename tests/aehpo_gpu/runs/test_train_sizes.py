"""Runs on smaller train parts: fitted on those alone, as long as on the whole, kept like others."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.names import BASELINE, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.hpo.columns import TEST_SCORE, VALID_SCORE, columns_of_test
from aehpo_assets.store.home import Home
from aehpo_assets.study.data import Preprocessing
from aehpo_assets.study.results import TrainSizes
from aehpo_gpu.runs.table import RunTable
from aehpo_gpu.runs.train_sizes import (
    Part,
    SizedTask,
    chosen_components,
    compared_runs,
    of_equal_steps,
    parts_of_task,
)
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.task import TrainingSettings

NAMES = [
    "k_filter",
    "n_layers",
    "enc_factor",
    "latent_dim_fixed",
    "lr_fixed",
    "batch_size",
    "drop_p",
]
VERSIONS = {"omics_matrix": "o", "preprocessed_matrix": "p", "sample_labels": "l"}
SETTINGS = TrainingSettings(epochs=2, device="cpu")


def replicates() -> Replicates:
    source = np.random.default_rng(0)
    ids = pd.Index([f"s{i:02d}" for i in range(60)], name="sample_id")
    hidden = source.normal(size=60)
    values = np.outer(hidden, source.normal(size=12)) + source.normal(size=(60, 12))
    labels = pd.DataFrame({"sex": np.where(hidden > 0, "f", "m")}, index=ids)
    labels.attrs = {"objective": {"sex": ["sex"]}}
    split = pd.DataFrame({"split": (["train"] * 7 + ["valid"] + ["test"] * 2) * 6}, index=ids)
    matrix = pd.DataFrame(values, ids, [f"g{i}" for i in range(12)])
    return Replicates("toy_rna", matrix, split, labels, Preprocessing(), 0, VERSIONS)


def runs() -> pd.DataFrame:
    rows = [("3", RECOMMENDED, 16), ("d", UNTUNED_DEFAULT, 32)]
    return pd.DataFrame(
        [
            [config_id, origin, seed, 12, 2, 2.0, 2, 1e-2, batch, 0.0]
            for config_id, origin, batch in rows
            for seed in (1, 2)
        ],
        columns=["config_id", "origin", "seed", *NAMES],
    )


@pytest.fixture(scope="module")
def sized(tmp_path_factory: pytest.TempPathFactory) -> SizedTask:
    of, own = replicates(), runs()
    whole = RunTable(
        architecture="vanillix",
        data=of.data(0),
        runs=own[["config_id", *NAMES, "seed"]],
        settings=SETTINGS,
        inputs=of.inputs(0),
        home=Home(tmp_path_factory.mktemp("home")),
        replicates=of,
    )
    origins = dict(zip(own["config_id"], own["origin"], strict=True))
    return SizedTask(whole, of, redrawn=True, origins=origins)


def test_a_part_is_fitted_on_its_own_train_samples(sized: SizedTask) -> None:
    small, *_ = parts_of_task(TrainSizes(sizes=[20]), sized.of, [1, 2], redrawn=True)
    assert (small.seed, small.size) == (1, 20)
    (first, _) = sized.tables(small)
    data, whole = first.data, sized.of.data(1)
    assert (data.n_train, len(data.split)) == (20, (whole.split != "train").sum() + 20)
    # Standardised by these twenty: by all train samples, they would be off.
    np.testing.assert_allclose(data.matrix[data.split == "train"].mean(0), 0, atol=1e-6)
    assert small.kept is not None
    (target,), (of_all,) = data.targets.classification, sized.of.targets.classification
    assert target.codes.tolist() == of_all.codes[small.kept].tolist()
    assert target.weight == of_all.weight
    assert first.inputs != sized.of.inputs(1)
    assert set(sized.of.inputs(0)) != set(sized.of.inputs(0, np.ones(60, dtype=bool)))


def test_a_run_has_the_steps_of_the_whole(sized: SizedTask) -> None:
    part = Part(1, 20, np.r_[np.ones(58, dtype=bool), [False] * 2])
    tables = list(sized.tables(part))
    # 42 train samples are 3 batches of 16 an epoch, and 2 of 32.
    assert [table.settings.steps for table in tables] == [6, 4]
    assert {table.settings.epochs for table in tables} == {None}
    of_steps = replace(sized, whole=replace(sized.whole, settings=TrainingSettings(steps=9)))
    (both,) = of_steps.tables(part)
    assert both.runs["config_id"].tolist() == ["3", "d"]
    run = pd.Series({"batch_size": 16, "max_epochs": 1})
    assert of_equal_steps(SETTINGS, run, 42).steps == 3
    by_steps = TrainingSettings(steps=50, fidelities=(45,))
    assert of_equal_steps(by_steps, run, 42) == by_steps


@pytest.mark.slow
def test_runs_and_pca_are_scored_on_valid_alone(sized: SizedTask) -> None:
    parts = parts_of_task(TrainSizes(sizes=[20]), sized.of, [1, 2], redrawn=True)
    assert [(part.size, part.seed) for part in parts] == [(20, 1), (20, 2), (42, 1), (42, 2)]
    scores = pd.concat(
        [
            table
            for part in parts
            for table in (sized.scores(part, lambda _: None), sized.pca(part, 99, 30))
        ],
        ignore_index=True,
    )
    assert len(scores) == 4 * 3
    assert scores.groupby("origin")["latent_dim"].max().to_dict() == {
        BASELINE: 12,
        RECOMMENDED: 2,
        UNTUNED_DEFAULT: 2,
    }
    assert scores[VALID_SCORE].between(0, 1).all()
    assert TEST_SCORE not in scores
    assert columns_of_test(scores) == []
    # Another time nothing is trained, and what was validated is the part of all samples.
    again = [table.plan() for part in parts for table in sized.tables(part)]
    assert again == [[]] * len(again)
    assert sized.whole.plan() == []
    whole = scores[(scores["train_size"] == 42) & (scores["origin"] == RECOMMENDED)]
    validated = sized.whole.collect()[0]
    assert whole[VALID_SCORE].tolist() == validated[VALID_SCORE].tolist()[:2]


def test_what_was_validated_is_what_is_compared() -> None:
    own = runs()
    validated = own.assign(rank=1, status="ok", **{VALID_SCORE: [0.7, 0.8, 0.9, 0.9]})
    worse = validated[validated["origin"] == RECOMMENDED]
    worse = worse.assign(config_id="9", **{VALID_SCORE: 0.1})
    found = compared_runs(pd.concat([worse, validated]), NAMES, 1)
    assert found[["config_id", "seed"]].values.tolist() == [["3", 1], ["d", 1]]
    # A default that is recommended stands there once.
    same = compared_runs(validated.assign(config_id="3"), NAMES, 5)
    assert same["origin"].tolist() == [RECOMMENDED] * 2


def test_pca_has_the_components_that_valid_chose() -> None:
    table = pd.DataFrame(
        {"method": "pca", "latent_dim": [2, 4], "features": [8, 12], VALID_SCORE: [0.9, 0.8]}
    )
    assert chosen_components(table, 7) == (8, 2)
    assert chosen_components(pd.DataFrame(), 7)[1] == 7
