"""Runs of so many optimiser steps: as many epochs as these are with the batch size of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from plain_training import make_runs

from aehpo_assets.space.batches import epochs_of_steps, steps_per_epoch
from aehpo_gpu.runs.latents import train_latents
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
SECONDS = ["fleet_runtime", "evaluation_runtime"]
SETTINGS = TrainingSettings(steps=20, fidelities=(8,), device="cpu")
RUNS = make_runs(3, batch_size=[32, 64, 32], n_layers=[2, 2, 3], beta=0.1)
"""Of the 210 train samples, 32 at a time are 7 steps and 64 at a time 4."""

FLEETS: list[Sequence[int]] = [[0], [1], [2]]


@given(steps=st.integers(1, 10_000), samples=st.integers(2, 5000), batch_size=st.integers(2, 512))
def test_the_epochs_are_the_fewest_that_have_the_steps(
    steps: int, samples: int, batch_size: int
) -> None:
    epochs, batches = (
        epochs_of_steps(steps, samples, batch_size),
        steps_per_epoch(samples, batch_size),
    )
    assert (epochs - 1) * batches < steps <= epochs * batches


def test_a_run_of_steps_is_the_run_of_as_many_epochs(task: TrainingTask) -> None:
    result = train_shard(task, "varix", RUNS, FLEETS, SETTINGS, COST)
    assert result.runs["epochs"].tolist() == [3, 5, 3]
    for row, epochs in enumerate((3, 5, 3)):
        # Annealing runs over the epochs of the run, so its end is the same.
        chosen = TrainingSettings(epochs=epochs, device="cpu")
        alone = train_shard(task, "varix", RUNS.iloc[[row]], [[0]], chosen, COST).runs
        ours = result.runs.iloc[[row]].reset_index(drop=True)
        pd.testing.assert_frame_equal(
            ours.drop(columns=SECONDS), alone.drop(columns=SECONDS), check_exact=True
        )


def test_learning_curves_are_kept_at_steps(task: TrainingTask) -> None:
    curves = train_shard(task, "varix", RUNS, FLEETS, SETTINGS, COST).curves
    kept = curves.sort_values(["config_id", "step"])
    assert kept["step"].tolist() == [8, 20] * 3
    assert kept["epoch"].tolist() == [2, 3, 2, 5, 2, 3]
    ends = kept.groupby("config_id")["runtime"].max()
    np.testing.assert_allclose(
        kept["runtime"] / ends[kept["config_id"]].to_numpy(), [2 / 3, 1, 2 / 5, 1, 2 / 3, 1]
    )


def test_steps_within_an_epoch_are_reached_at_its_end(task: TrainingTask) -> None:
    settings = TrainingSettings(steps=21, fidelities=(20,), device="cpu")
    curves = train_shard(task, "varix", RUNS.iloc[[0]], [[0]], settings, COST).curves
    assert curves["step"].tolist() == [20, 21]
    assert curves["epoch"].tolist() == [3, 3]
    metrics = curves.drop(columns="step")
    pd.testing.assert_series_equal(metrics.iloc[0], metrics.iloc[1], check_names=False)


def test_runs_are_stopped_at_steps(task: TrainingTask) -> None:
    asked: list[int] = []

    def decide(step: int, rows: pd.DataFrame) -> list[bool]:
        asked.append(step)
        return [config_id != "1" for config_id in rows["config_id"]]

    rows = train_rungs(task, "varix", RUNS, FLEETS, SETTINGS, COST, decide)
    assert asked == [8]
    last = rows.drop_duplicates("config_id", keep="last").set_index("config_id")
    assert last["step"].to_dict() == {"1": 8, "0": 20, "2": 20}
    assert (last.loc[["0", "2"], "epoch"] == last.loc[["0", "2"], "epochs"]).all()
    assert last.loc["1", "epoch"] < last.loc["1", "epochs"]


def test_the_plan_knows_how_long_steps_take(task: TrainingTask) -> None:
    def seconds(runs: pd.DataFrame, settings: TrainingSettings) -> float:
        (fleet,) = plan_fleets("varix", runs, task.n_features, task.n_train, settings)
        return fleet.estimated_seconds

    for row, epochs in ((0, 3), (1, 5)):
        run = RUNS.iloc[[row]]
        of_epochs = seconds(run, TrainingSettings(epochs=epochs, device="cpu"))
        assert seconds(run, SETTINGS) == pytest.approx(of_epochs)


def test_latents_are_those_at_the_end(task: TrainingTask) -> None:
    samples = pd.RangeIndex(len(task.matrix))
    found = train_latents(task, "varix", RUNS.iloc[[1]], SETTINGS, samples)
    chosen = TrainingSettings(epochs=5, device="cpu")
    expected = train_latents(task, "varix", RUNS.iloc[[1]], chosen, samples)
    pd.testing.assert_frame_equal(found["1"], expected["1"], check_exact=True)


def test_what_is_not_set_is_no_part_of_a_runs_identity() -> None:
    identity = TrainingSettings(epochs=3).identity()
    assert list(identity) == [
        "epochs",
        "fidelities",
        "annealing",
        "vae_loss",
        "precision",
        "device",
        "score_fidelities",
    ]
    assert "epochs" not in SETTINGS.identity()
    assert SETTINGS.identity()["steps"] == 20
