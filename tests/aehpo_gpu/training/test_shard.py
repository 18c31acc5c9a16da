"""A shard's rows: every run once, in order, whatever the fleets."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import SCORES
from aehpo_gpu.training import fleets
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.rungs import scored_together
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
SETTINGS = TrainingSettings(epochs=3, fidelities=(1,), device="cpu")
DOUBLE = TrainingSettings(epochs=3, fidelities=(1,), device="cpu", precision="float64")


def runs_of_two_depths() -> pd.DataFrame:
    return make_runs(
        4, n_layers=[2, 3, 2, 3], latent_dim_fixed=[2, 4, 8, 4], k_filter=[48, 48, 16, 99]
    )


def test_the_rows_are_those_of_the_runs_in_their_order(task: TrainingTask) -> None:
    runs = runs_of_two_depths()
    result = train_shard(task, "varix", runs, [[1, 3], [2, 0]], SETTINGS, COST)
    assert list(result.runs["config_id"]) == ["0", "1", "2", "3"]
    pd.testing.assert_frame_equal(result.runs[list(runs)], runs, check_dtype=False)
    assert list(result.runs["k_filter_effective"]) == [48, 48, 16, 48]
    assert (result.runs["status"] == "ok").all()
    assert result.runs["auc_grade_valid"].between(0, 1).all()
    assert (result.runs["training_runtime"] > 0).all()
    assert set(result.curves["epoch"]) == {1, 3}
    assert len(result.curves) == 8


def test_fleets_change_no_number_but_seconds(task: TrainingTask) -> None:
    runs = runs_of_two_depths()
    seconds = ["fleet_runtime", "evaluation_runtime"]
    together, alone = (
        train_shard(task, "varix", runs, fleets, DOUBLE, COST).runs.drop(columns=seconds)
        for fleets in ([[0, 2], [1, 3]], [[0], [1], [2], [3]])
    )
    pd.testing.assert_frame_equal(together, alone, rtol=1e-8)


def test_learning_curves_hold_scores_where_they_are_asked_for(task: TrainingTask) -> None:
    runs = make_runs(3, latent_dim_fixed=[2, 4, 2])
    settings = TrainingSettings(epochs=3, fidelities=(1,), score_fidelities=True, device="cpu")
    result = train_shard(task, "varix", runs, [[2, 0], [1]], settings, COST)
    last = result.curves[result.curves["epoch"] == 3].set_index("config_id")
    first = result.curves[result.curves["epoch"] == 1].set_index("config_id")
    rows = result.runs.set_index("config_id")
    for score in SCORES:
        pd.testing.assert_series_equal(last[score].reindex(rows.index), rows[score])
        assert first[score].between(0, 1).all()
        assert (first[score] != last[score].reindex(first.index)).any()
    plain = train_shard(task, "varix", runs, [[2, 0], [1]], SETTINGS, COST)
    assert not set(SCORES) & set(plain.curves)


def test_a_diverged_run_is_a_row(task: TrainingTask) -> None:
    runs = make_runs(2, lr_fixed=[1e-3, 1e30])
    rows = train_shard(task, "vanillix", runs, [[0, 1]], SETTINGS, COST).runs
    assert list(rows["status"]) == ["ok", "diverged"]
    assert "non-finite" in rows["error"][1]
    assert np.isfinite(rows["weighted_avg_auc_downstream_performance"]).all()


OUT_OF_MEMORY = [
    torch.OutOfMemoryError(),
    RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to ..."),
]
"""What torch raises on a GPU, and on the CPU."""


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=["GPU", "CPU"])
def test_a_fleet_too_large_for_the_memory_is_split(
    task: TrainingTask, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = fleets.FleetTraining, []

    def small_device(architecture, runs, *rest):
        sizes.append(len(runs))
        if len(runs) > 2:
            raise error
        return real(architecture, runs, *rest)

    monkeypatch.setattr(fleets, "FleetTraining", small_device)
    rows = train_shard(task, "vanillix", make_runs(5), [[0, 1, 2, 3, 4]], SETTINGS, COST).runs
    assert sizes == [5, 2, 3, 1, 2]
    assert list(rows["config_id"]) == ["0", "1", "2", "3", "4"]


def test_latents_are_scored_in_groups_that_fit() -> None:
    fleets = [(pd.Index([n]), torch.zeros(1, size)) for n, size in enumerate((10, 30, 5, 90, 5))]
    for most, expected in ((160, [[0, 1], [2], [3], [4]]), (math.inf, [[0, 1, 2, 3, 4]])):
        groups = list(scored_together(fleets, most))
        assert [[rows[0] for rows, _ in group] for group in groups] == expected


def test_k_filter_below_the_latents_is_refused(task: TrainingTask) -> None:
    runs = make_runs(1, k_filter=2, latent_dim_fixed=4)
    with pytest.raises(InputError, match="below its latent dimension 4"):
        train_shard(task, "vanillix", runs, [[0]], SETTINGS, COST)


def test_progress_counts_runs_and_can_cancel(task: TrainingTask) -> None:
    seen: list[Progress] = []
    train_shard(task, "vanillix", make_runs(3), [[0, 1], [2]], SETTINGS, COST, seen.append)
    assert seen[-1].runs_done == 3
    assert seen[-1].fraction == 1
    assert "3.0 of 3 runs" in str(seen[-1])

    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_shard(task, "vanillix", make_runs(3), [[0, 1], [2]], SETTINGS, COST, cancel)


@pytest.fixture
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


@pytest.mark.usefixtures("four_threads")
def test_fleets_side_by_side_give_the_same_bits_as_one_after_another(task: TrainingTask) -> None:
    runs, fleets = runs_of_two_depths(), [[0], [1, 3], [2]]
    seconds = ["fleet_runtime", "evaluation_runtime"]
    tables = []
    for threads in (4, 1):
        torch.set_num_threads(threads)
        shard = train_shard(task, "varix", runs, fleets, SETTINGS, COST)
        tables.append((shard.runs.drop(columns=seconds), shard.curves))
        assert torch.get_num_threads() == threads
    for side_by_side, in_turn in zip(*tables, strict=True):
        pd.testing.assert_frame_equal(side_by_side, in_turn, check_exact=True)


@pytest.mark.usefixtures("four_threads")
def test_cancelling_stops_fleets_side_by_side_within_seconds(task: TrainingTask) -> None:
    def cancel(progress: Progress) -> None:
        raise KeyboardInterrupt

    endless = TrainingSettings(epochs=10**7, device="cpu")
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        train_shard(task, "vanillix", make_runs(3), [[0], [1], [2]], endless, COST, cancel)
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("four_threads")
def test_an_error_in_one_fleet_ends_the_others(
    task: TrainingTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fleets.FleetTraining

    def failing(architecture, runs, *rest):
        if runs["config_id"].iloc[0] == "1":
            raise ZeroDivisionError
        return real(architecture, runs, *rest)

    monkeypatch.setattr(fleets, "FleetTraining", failing)
    endless = TrainingSettings(epochs=10**7, device="cpu")
    with pytest.raises(ZeroDivisionError):
        train_shard(task, "vanillix", make_runs(2), [[0], [1]], endless, COST)
