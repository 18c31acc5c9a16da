"""Stopping runs of a batch: who goes on does not notice, who is stopped costs nothing more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs
from rounding import Rounding, rounding_error

from aehpo_gpu.training import fleets
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
SETTINGS = TrainingSettings(epochs=6, fidelities=(2, 4), device="cpu")
SECONDS = ["fleet_runtime", "evaluation_runtime"]

DIFFERENT = {
    "k_filter": [48, 32, 48, 16],
    "enc_factor": [2.0, 1.3, 3.7, 1.0],
    "latent_dim_fixed": [4, 8, 2, 3],
    "lr_fixed": [1e-3, 1e-2, 3e-4, 5e-3],
    "drop_p": [0.0, 0.3, 0.5, 0.1],
}
"""Runs of which each is the widest in something, so that a stack narrows whoever leaves."""


def in_pieces(
    task: TrainingTask,
    runs: pd.DataFrame,
    architecture: str,
    leaving: dict[int, Sequence[int]],
    **settings: object,
) -> FleetTraining:
    """Train a fleet that the given runs leave after the given epochs."""
    chosen = TrainingSettings(**({"epochs": 12} | settings))  # type: ignore[arg-type]
    training = FleetTraining(architecture, runs, ResidentMatrix(task, chosen), chosen)
    for epoch, runs_leaving in leaving.items():
        training.advance(epoch)
        training.keep(~np.isin(training.members, runs_leaving))
    training.advance(chosen.epochs)
    return training


@pytest.fixture(scope="module")
def untouched(task: TrainingTask) -> Callable[[str, str], tuple[FleetTraining, Rounding]]:
    """Trains the runs of :data:`DIFFERENT` to the end, once each; with what rounding may do."""

    @cache
    def train(architecture: str, precision: str) -> tuple[FleetTraining, Rounding]:
        runs, tolerance = make_runs(4, **DIFFERENT), Rounding(1e-8, 1e-7)
        if precision == "float32":
            tolerance = rounding_error(task, runs, architecture, 12)
        return in_pieces(task, runs, architecture, {}, precision=precision), tolerance

    return train


@pytest.mark.parametrize("architecture", ["vanillix", "varix", "disentanglix"])
@pytest.mark.parametrize("precision", ["float64", pytest.param("float32", marks=pytest.mark.slow)])
@pytest.mark.parametrize("leaving", [{3: [1]}, {3: [0, 2]}, {3: [3], 7: [0, 1]}], ids=str)
def test_runs_that_go_on_are_as_if_nobody_had_left(
    task: TrainingTask,
    untouched: Callable[[str, str], tuple[FleetTraining, Rounding]],
    architecture: str,
    precision: str,
    leaving: dict[int, Sequence[int]],
) -> None:
    runs = make_runs(4, **DIFFERENT)
    undisturbed, tolerance = untouched(architecture, precision)
    training = in_pieces(task, runs, architecture, leaving, precision=precision)
    gone = sorted(run for left in leaving.values() for run in left)
    assert sorted([*training.members, *gone]) == [0, 1, 2, 3]
    for name, values in training.metrics.items():
        expected = undisturbed.metrics[name][training.members]
        np.testing.assert_allclose(values, expected, rtol=tolerance.metrics, err_msg=name)
    width = training.latents.shape[2]
    np.testing.assert_allclose(
        training.latents,
        undisturbed.latents[training.members, :, :width],
        rtol=0,
        atol=tolerance.latents,
    )


@pytest.mark.parametrize("architecture", ["vanillix", "varix"])
def test_runs_of_one_width_go_on_bit_for_bit(task: TrainingTask, architecture: str) -> None:
    runs = make_runs(4, lr_fixed=DIFFERENT["lr_fixed"], drop_p=0.2)
    undisturbed = in_pieces(task, runs, architecture, {})
    training = in_pieces(task, runs, architecture, {3: [1], 7: [2]})
    assert training.members.tolist() == [0, 3]
    assert torch.equal(training.latents, undisturbed.latents[[0, 3]])
    assert torch.equal(training.network.stack.values, undisturbed.network.stack.values[[0, 3]])
    for name, values in training.metrics.items():
        assert torch.equal(values, undisturbed.metrics[name][[0, 3]]), name


def test_who_leaves_takes_its_parameters_along(task: TrainingTask) -> None:
    runs = make_runs(2, k_filter=[48, 16], latent_dim_fixed=[16, 2], drop_p=[0.4, 0.0])
    training = in_pieces(task, runs, "vanillix", {3: [0]})
    alone = in_pieces(task, runs.iloc[[1]], "vanillix", {})
    assert training.network.stack.values.shape == alone.network.stack.values.shape
    assert training.optimiser.first.shape == training.optimiser.second.shape
    assert training.optimiser.first.shape == alone.network.stack.values.shape
    assert training.network.width == 16
    assert not training.network.layout.has_dropout


def test_a_diverged_run_that_leaves_does_not_touch_the_others(task: TrainingTask) -> None:
    runs = make_runs(3, lr_fixed=[1e-3, 1e30, 1e-2])
    training = in_pieces(task, runs, "varix", {3: [1]})
    assert not training.diverged.any()
    undisturbed = in_pieces(task, runs, "varix", {})
    assert undisturbed.diverged.tolist() == [False, True, False]
    assert torch.equal(training.latents, undisturbed.latents[[0, 2]])


def four_runs() -> tuple[pd.DataFrame, list[list[int]]]:
    """Runs of two depths, and fleets for them."""
    return make_runs(4, n_layers=[2, 3, 2, 3], latent_dim_fixed=[2, 4, 8, 4]), [[0, 2], [3, 1]]


def test_a_batch_that_nobody_leaves_is_a_shard(task: TrainingTask) -> None:
    runs, pairs = four_runs()
    rows = train_rungs(
        task, "varix", runs, pairs, SETTINGS, COST, lambda epoch, rows: [True] * len(rows)
    )
    shard = train_shard(task, "varix", runs, pairs, SETTINGS, COST)
    last = rows[rows["epoch"] == 6].drop(columns=["epoch", *SECONDS]).reset_index(drop=True)
    pd.testing.assert_frame_equal(last, shard.runs.drop(columns=SECONDS), check_exact=True)
    curves = shard.curves.set_index(["config_id", "epoch"])
    ours = rows.set_index(["config_id", "epoch"])
    for name in ("train_recon_loss", "valid_r2", "test_total_loss"):
        pd.testing.assert_series_equal(ours[name].reindex(curves.index), curves[name])


def test_stopped_runs_are_rows_that_pay_for_what_they_took(task: TrainingTask) -> None:
    runs, pairs = four_runs()
    asked: list[tuple[int, list[str]]] = []

    def decide(epoch: int, rows: pd.DataFrame) -> list[bool]:
        asked.append((epoch, rows["config_id"].tolist()))
        score = rows["weighted_avg_auc_downstream_performance_valid"]
        assert score.between(0, 1).all()
        return [run not in {2: "13", 4: "0"}[epoch] for run in rows["config_id"]]

    rows = train_rungs(task, "varix", runs, pairs, SETTINGS, COST, decide)
    assert asked == [(2, ["0", "1", "2", "3"]), (4, ["0", "2"])]
    last = rows.drop_duplicates("config_id", keep="last").set_index("config_id")
    assert last["epoch"].to_dict() == {"1": 2, "3": 2, "0": 4, "2": 6}
    assert (last["epochs"] == 6).all()
    assert (last["status"] == "ok").all()
    whole = train_shard(task, "varix", runs, pairs, SETTINGS, COST).runs.set_index("config_id")
    share = last["training_runtime"] / whole["training_runtime"].reindex(last.index)
    np.testing.assert_allclose(share, last["epoch"] / 6)


def test_a_diverged_run_is_stopped_whatever_the_answer(task: TrainingTask) -> None:
    runs = make_runs(2, lr_fixed=[1e30, 1e-3])
    rows = train_rungs(
        task, "vanillix", runs, [[0, 1]], SETTINGS, COST, lambda epoch, rows: [True] * len(rows)
    )
    assert rows["config_id"].tolist() == ["0", "1", "1", "1"]
    assert rows["status"].tolist() == ["diverged", "ok", "ok", "ok"]


def test_a_batch_ends_when_nobody_goes_on(task: TrainingTask) -> None:
    runs, pairs = four_runs()
    seen: list[Progress] = []
    rows = train_rungs(
        task,
        "varix",
        runs,
        pairs,
        SETTINGS,
        COST,
        lambda epoch, rows: [False] * len(rows),
        seen.append,
    )
    assert set(rows["epoch"]) == {2}
    assert seen[-1].runs_done == pytest.approx(4 / 3)


def test_progress_can_cancel_a_batch(task: TrainingTask) -> None:
    runs, pairs = four_runs()

    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    endless = TrainingSettings(epochs=10**7, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        train_rungs(
            task, "varix", runs, pairs, endless, COST, lambda epoch, rows: [True] * 4, cancel
        )


def test_a_fleet_too_large_for_the_memory_begins_in_parts(
    task: TrainingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []

    class SmallDevice(FleetTraining):
        def __init__(self, architecture: str, runs: pd.DataFrame, *rest: object):
            sizes.append(len(runs))
            if len(runs) > 2:
                raise torch.OutOfMemoryError
            super().__init__(architecture, runs, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(fleets, "FleetTraining", SmallDevice)
    rows = train_rungs(
        task,
        "vanillix",
        make_runs(5),
        [[4, 1, 2, 3, 0]],
        SETTINGS,
        COST,
        lambda epoch, rows: [epoch < 4 or run != "1" for run in rows["config_id"]],
    )
    assert sizes == [5, 2, 3, 1, 2]
    assert rows.groupby("config_id")["epoch"].max().tolist() == [6, 4, 6, 6, 6]
