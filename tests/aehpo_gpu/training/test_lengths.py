"""Runs with a length of their own, and runs that stop early, in one fleet and alone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_assets.analysis.convergence import FALL, convergence, with_fall
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.space import search_space
from aehpo_assets.space.training import refuse_lengths
from aehpo_assets.store.run_archive import run_keys
from aehpo_assets.study.data import Preprocessing
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.export.export import export_model
from aehpo_gpu.runs.latents import train_latents
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.defaults import training_defaults
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.shard import ShardResult, train_shard
from aehpo_gpu.training.stopping import EarlyStopping, StoppingRule
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
SETTINGS = TrainingSettings(epochs=30, fidelities=(5, 20), device="cpu", precision="float64")
LOSS = "valid_total_loss"
OWN = {"max_epochs": [5, 12, 30, 30], "patience": [0, 0, 2, 0], "lr_fixed": [1e-3, 1e-3, 0.3, 1e-3]}


@pytest.fixture(scope="module")
def runs() -> pd.DataFrame:
    return make_runs(4, **OWN, k_filter=[48, 32, 48, 48], latent_dim_fixed=[4, 8, 2, 4])


@pytest.fixture(scope="module")
def shard(task: TrainingTask, runs: pd.DataFrame) -> ShardResult:
    return train_shard(task, "varix", runs, [[0, 1, 2, 3]], SETTINGS, COST)


@pytest.mark.slow
def test_each_run_ends_where_it_ends_alone(
    task: TrainingTask, runs: pd.DataFrame, shard: ShardResult
) -> None:
    together = shard.runs
    assert together["config_id"].tolist() == ["0", "1", "2", "3"]
    assert together["epochs"].tolist()[:2] == [5, 12]
    assert together["epochs"].iloc[3] == 30
    assert together["early_stopped"].tolist() == [False, False, True, False]
    for position in range(4):
        alone = train_shard(task, "varix", runs.iloc[[position]], [[0]], SETTINGS, COST).runs
        assert alone["epochs"].iloc[0] == together["epochs"].iloc[position]
        for name in ("train_recon_loss", "valid_vae_loss", LOSS, "test_r2"):
            expected = pytest.approx(alone[name].iloc[0], rel=1e-7)
            assert together[name].iloc[position] == expected, (position, name)


def test_a_shorter_run_is_the_run_of_a_shorter_study(
    task: TrainingTask, runs: pd.DataFrame, shard: ShardResult
) -> None:
    shorter = TrainingSettings(epochs=12, device="cpu", precision="float64")
    plain = runs.iloc[[1]].drop(columns=["max_epochs", "patience"])
    expected = train_shard(task, "varix", plain, [[0]], shorter, COST).runs.iloc[0]
    # The annealing runs over its own epochs, or the weights would differ.
    for name in ("train_recon_loss", "train_total_loss", "valid_r2"):
        assert shard.runs[name].iloc[1] == pytest.approx(expected[name], rel=1e-7)
    assert shard.runs["training_runtime"].iloc[1] == pytest.approx(expected["training_runtime"])


def test_curves_end_with_the_run_and_tell_whether_it_had_converged(shard: ShardResult) -> None:
    curves = shard.curves
    epochs = {run: own["epoch"].tolist() for run, own in curves.groupby("config_id")}
    stopped = int(shard.runs["epochs"].iloc[2])
    # A run with a length of its own is looked at before its own last tenth.
    assert epochs["0"] == [4, 5]
    assert epochs["1"] == [5, 10, 12]
    assert epochs["2"] == [*(at for at in (5, 20) if at < stopped), stopped]
    assert epochs["3"] == [5, 20, 30]
    told = with_fall(shard.runs, curves).assign(origin="sampled")
    assert told[FALL].iloc[:2].notna().all()
    still = convergence(told.assign(**{FALL: told[FALL].mask(told["early_stopped"])}))
    assert not bool(still["still_falling"].iloc[2])


def test_searches_see_a_run_that_ended_as_what_it_was(shard: ShardResult) -> None:
    space = search_space("varix", {"max_epochs": [5, 12, 30], "patience": [None, 2]})
    tables = curves_blackboxes({"t": shard.curves}, {"t": shard.runs}, space, [5, 20, 30])
    (box,) = tables.tasks.values()
    r2 = box.objectives_evaluations[:, 0, :, list(box.objectives_names).index("valid_r2")]
    expected = shard.runs["valid_r2"].to_numpy()
    np.testing.assert_allclose(r2[:, -1], expected, rtol=1e-6)
    np.testing.assert_allclose(r2[0], [expected[0]] * 3, rtol=1e-6)
    seconds = box.objectives_evaluations[0, 0, :, 0]
    assert seconds[0] == seconds[2] > 0


def test_whoever_decides_is_not_asked_about_runs_that_ended(
    task: TrainingTask, runs: pd.DataFrame, shard: ShardResult
) -> None:
    asked: list[tuple[int, list[str]]] = []

    def decide(epoch: int, rows: pd.DataFrame) -> list[bool]:
        asked.append((epoch, rows["config_id"].tolist()))
        return [True] * len(rows)

    rows = train_rungs(task, "varix", runs, [[0, 1, 2, 3]], SETTINGS, COST, decide)
    stopped = int(shard.runs["epochs"].iloc[2])
    second = [name for name in ("2", "3") if name == "3" or stopped > 20]
    assert asked == [(5, ["1", "2", "3"]), (20, second)]
    last = rows.drop_duplicates("config_id", keep="last").set_index("config_id")
    np.testing.assert_allclose(last[LOSS].sort_index(), shard.runs[LOSS], rtol=1e-9)


def test_nobody_is_left_to_ask(task: TrainingTask) -> None:
    rows = train_rungs(
        task, "vanillix", make_runs(2, max_epochs=3), [[0], [1]], SETTINGS, COST, lambda *_: [1 / 0]
    )
    assert rows["epoch"].tolist() == [2, 2, 3, 3]


def test_lengths_in_steps(task: TrainingTask) -> None:
    settings = TrainingSettings(steps=40, fidelities=(20,), device="cpu")
    # 210 train samples in batches of 32 are 7 steps an epoch.
    runs = make_runs(3, max_steps=[10, 40, 40], patience=[0, 0, 1], min_delta=1e9)
    found = train_shard(task, "vanillix", runs, [[0, 1, 2]], settings, COST)
    assert found.runs["epochs"].tolist()[:2] == [2, 6]
    last = found.curves.drop_duplicates("config_id", keep="last").set_index("config_id")
    assert last["step"].to_dict()["0"] == 10
    assert last["step"].to_dict()["1"] == 40
    early = found.runs.iloc[2]
    # The first loss is the lowest so far, and no later one lies so far below it.
    assert early["early_stopped"]
    assert early["epochs"] == 2
    assert last["step"]["2"] == 14


def test_latents_are_those_of_the_end(task: TrainingTask, runs: pd.DataFrame) -> None:
    ids = pd.Index([f"s{i}" for i in range(300)])
    together = train_latents(task, "varix", runs, SETTINGS, ids)
    alone = train_latents(task, "varix", runs.iloc[[2]].reset_index(drop=True), SETTINGS, ids)
    np.testing.assert_allclose(together["2"], alone["2"], atol=1e-6)
    assert list(together) == ["0", "1", "2", "3"]


def test_a_fleet_is_priced_by_the_runs_that_it_still_has() -> None:
    settings = TrainingSettings(epochs=100, device="cpu")

    def seconds(**own: Any) -> float:
        return sum(
            f.estimated_seconds
            for f in plan_fleets("vanillix", make_runs(8, **own), 48, 200, settings)
        )

    whole = seconds()
    assert seconds(max_epochs=100) == whole
    assert seconds(max_epochs=50) == pytest.approx(whole / 2)
    assert whole / 2 < seconds(max_epochs=[50] * 7 + [100]) < whole


def test_the_rule() -> None:
    rule = EarlyStopping([StoppingRule(2, 0.0, 1), StoppingRule(2, 0.5, 1), StoppingRule(0, 0, 1)])
    full, none = np.ones(3), np.zeros(3)
    assert not rule.stops(1, np.array([5.0, 5.0, 5.0]), full).any()
    assert not rule.stops(2, np.array([4.9, 4.9, 6.0]), full).any()
    # Too small a fall is none; a loss of another weight does not count at all.
    assert not rule.stops(3, np.array([9.0, 9.0, 9.0]), none).any()
    assert rule.stops(4, np.array([4.8, 4.8, 9.0]), full).tolist() == [False, True, False]
    assert not rule.stops(5, np.array([np.nan, 1.0, 9.0]), full).any()
    rule.take([0])
    assert rule.stops(6, np.array([4.8]), np.ones(1)).tolist() == [True]
    late = EarlyStopping([StoppingRule(1, 0.0, 3)])
    assert [late.stops(at, np.array([1.0]), np.ones(1))[0] for at in (1, 2, 3)] == [
        False,
        False,
        True,
    ]


@pytest.mark.parametrize(
    ("space", "message"),
    [
        ({"max_steps": [5]}, r"space.max_steps: the study counts in epochs.*Name max_epochs"),
        ({"max_epochs": [10, 31]}, r"space.max_epochs: allows 31.*study's 30 epochs"),
    ],
)
def test_lengths_that_no_run_can_have(space: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        refuse_lengths(space, "epoch", 30, Path("study.yaml"))
    refuse_lengths({"max_epochs": [10, 30]}, "epoch", 30)


def test_a_run_of_the_studys_own_length_is_the_run_that_names_none() -> None:
    runs = make_runs(3, max_epochs=[30, 30, 12], patience=[0, 2, 0])
    defaults = training_defaults(ARCHITECTURES["varix"]) | {"max_epochs": SETTINGS.length}
    named = run_keys(runs, {}, defaults)
    plain = run_keys(make_runs(3), {}, defaults)
    assert named[0] == plain[0]
    assert len({*named, plain[0]}) == 3


def test_an_export_is_of_the_epoch_at_which_the_run_stopped(
    task: TrainingTask, runs: pd.DataFrame, shard: ShardResult, tmp_path: Path
) -> None:
    raw = pd.DataFrame(task.matrix, columns=[f"f{i}" for i in range(48)])
    fitted = fit_preprocessing(raw, pd.Series(task.split), Preprocessing(scaler="none"))
    run = runs.iloc[[2]].reset_index(drop=True)
    module = export_model(tmp_path / "model", task, "varix", run, SETTINGS, fitted)
    config = json.loads((tmp_path / "model" / "config.json").read_text())
    assert config["epochs"] == shard.runs["epochs"].iloc[2] < 30
    alone = train_latents(task, "varix", run, SETTINGS, pd.RangeIndex(300))["2"]
    with torch.no_grad():
        x = torch.tensor(task.matrix, dtype=torch.float64)
        latents = module.encode(x)["mean"]
    np.testing.assert_allclose(latents, alone, atol=1e-6)
