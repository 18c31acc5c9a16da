"""Runs of every kind, side by side in one fleet, are what plain PyTorch makes of each alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from plain_kinds import train_alone
from plain_training import make_runs

from aehpo_assets.errors import InputError
from aehpo_assets.space.training import (
    ACTIVATIONS,
    INITIALISATIONS,
    LOSS_REDUCTIONS,
    OPTIMIZERS,
    RECONSTRUCTIONS,
)
from aehpo_assets.study import Study
from aehpo_gpu.runs.preflight import check_architectures
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

EPOCHS = 4
WIDTHS = {"k_filter": [48, 32, 16], "enc_factor": [2.0, 1.3, 3.7], "latent_dim_fixed": [4, 8, 3]}


def fleet_of(kinds: dict[str, list[Any]], **common: object) -> pd.DataFrame:
    """One run a kind, of widths that differ, so that all but the widest are padded."""
    count = max(len(values) for values in kinds.values())
    widths = {name: [values[i % 3] for i in range(count)] for name, values in WIDTHS.items()}
    return make_runs(count, **(widths | kinds | common))


def trained(
    task: TrainingTask, runs: pd.DataFrame, architecture: str = "vanillix", **settings: Any
) -> FleetTraining:
    chosen = TrainingSettings(
        **({"epochs": EPOCHS, "precision": "float64", "device": "cpu"} | settings)
    )
    training = FleetTraining(architecture, runs, ResidentMatrix(task, chosen), chosen)
    training.advance(chosen.length)
    return training


def assert_as_alone(
    task: TrainingTask, runs: pd.DataFrame, architecture: str = "vanillix", **settings: Any
) -> FleetTraining:
    """Every run of the fleet has the metrics and the latents of the plain one."""
    fleet = trained(task, runs, architecture, **settings)
    for position, (_, row) in enumerate(runs.iterrows()):
        row = (
            row
            if "annealing" in row
            else pd.concat([row, pd.Series({"annealing": "logistic-mid"})])
        )
        _, metrics, latents = train_alone(task, row, EPOCHS, architecture)
        for name, value in metrics.items():
            found = float(fleet.metrics[name][position])
            assert found == pytest.approx(value, rel=1e-8, abs=1e-9), (position, name)
        ours = fleet.latents[position].numpy()
        np.testing.assert_allclose(ours[:, : latents.shape[1]], latents, rtol=1e-6, atol=1e-8)
        assert not ours[:, latents.shape[1] :].any()
    return fleet


def unit_interval(task: TrainingTask) -> TrainingTask:
    matrix = 1 / (1 + np.exp(-task.matrix))
    return TrainingTask(task.task, matrix, task.split, task.targets)


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.4], ids=["no dropout", "dropout"])
@pytest.mark.parametrize("architecture", ["vanillix", "varix"])
def test_every_activation_with_and_without_batch_norm(
    task: TrainingTask, dropout: float, architecture: str
) -> None:
    kinds = [(f, norm) for norm in (1, 0) for f in ACTIVATIONS]
    runs = fleet_of(
        {"activation": [f for f, _ in kinds], "batch_norm": [norm for _, norm in kinds]},
        drop_p=dropout,
    )
    fleet = assert_as_alone(task, runs, architecture)
    assert not fleet.diverged.any()
    # They differ, or the comparison would say nothing.
    assert len(set(fleet.metrics["valid_recon_loss"].tolist())) == len(kinds)


def test_the_padding_of_every_activation_stays_zero(task: TrainingTask) -> None:
    runs = fleet_of({"activation": list(ACTIVATIONS) * 2, "batch_norm": [1] * 9 + [0] * 9})
    fleet = trained(task, runs)
    for layer, shape in zip(fleet.network.stack.layers, fleet.network.layout.shapes, strict=True):
        for run, (inputs, outputs) in enumerate(zip(shape.inputs, shape.outputs, strict=True)):
            assert layer.weight[run, :inputs, :outputs].any()
            assert not layer.weight[run, inputs:].any(), (run, runs["activation"][run])
            assert not layer.weight[run, :, outputs:].any(), (run, runs["activation"][run])
            assert not layer.bias[run, :, outputs:].any()


@pytest.mark.slow
def test_every_initialisation_in_every_scope(task: TrainingTask) -> None:
    kinds = [(init, scope) for scope in ("all", "hidden") for init in INITIALISATIONS]
    runs = fleet_of(
        {"init": [init for init, _ in kinds], "init_scope": [scope for _, scope in kinds]},
        bias_init=(["constant", "zeros", "torch"] * 5)[: len(kinds)],
    )
    assert_as_alone(task, runs)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["vanillix", "varix"])
def test_every_error(task: TrainingTask, architecture: str) -> None:
    names = ["mse", *RECONSTRUCTIONS, "mse"]
    runs = fleet_of({"reconstruction": names}, logcosh_scale=2.0, huber_delta=0.3, quantile=0.3)
    assert_as_alone(unit_interval(task), runs, architecture)


def test_every_reduction(task: TrainingTask) -> None:
    runs = fleet_of({"loss_reduction": list(LOSS_REDUCTIONS)}, clip_norm=0.0, mn_weight=0.05)
    assert_as_alone(task, runs, "varix")


def test_every_optimiser_beside_every_schedule(task: TrainingTask) -> None:
    schedules = ["constant", "step", "exponential", "cosine"] * 3
    optimisers = [*OPTIMIZERS, *OPTIMIZERS[1:], *OPTIMIZERS[:1], *OPTIMIZERS]
    rates = {"sgd": 1e-5, "adam": 1e-3, "adamw": 1e-2, "rmsprop": 1e-3}
    runs = fleet_of(
        {
            "optimizer": optimisers,
            "lr_schedule": schedules,
            "lr_fixed": [rates[one] for one in optimisers],
            "clip_norm": [5.0] * 6 + [0.0] * 6,
            "weight_decay": [1e-3, 0.0, 0.1] * 4,
            "momentum": [0.0] * 4 + [0.9] * 8,
        },
        lr_period=2,
        lr_gamma=0.5,
        lr_floor=0.1,
        # Without BatchNorm, no gradient is nothing but rounding, which Adam would scale up.
        batch_norm=0,
        activation="tanh",
    )
    assert_as_alone(task, runs)


@pytest.mark.slow
def test_everything_at_once(task: TrainingTask) -> None:
    """What a study draws independently of each other, in the order that it comes in."""
    source = np.random.default_rng(0)
    count = 24
    draw = {
        "activation": ACTIVATIONS,
        "batch_norm": (0, 1),
        "reconstruction": RECONSTRUCTIONS,
        "init": ("xavier_uniform", "kaiming_uniform", "torch_default"),
        "loss_reduction": LOSS_REDUCTIONS,
        "lr_schedule": ("constant", "exponential"),
        "annealing": ("no-annealing", "linear-warmup"),
        "optimizer": ("adamw", "sgd"),
    }
    kinds = {name: source.choice(values, count).tolist() for name, values in draw.items()}
    runs = fleet_of(kinds, lr_fixed=1e-4, drop_p=source.uniform(0, 0.5, count).tolist())
    assert_as_alone(unit_interval(task), runs, "varix")


def test_a_run_of_a_kind_in_float32_is_that_of_its_fleet(task: TrainingTask) -> None:
    """The first step agrees to the last digits, whoever stands beside it."""
    runs = fleet_of(
        {"activation": list(ACTIVATIONS), "reconstruction": ["mse", "mae", "huber"] * 3}
    )
    fleet = trained(task, runs, precision="float32", epochs=1)
    for position in range(len(runs)):
        alone = trained(task, runs.iloc[[position]], precision="float32", epochs=1)
        for name, values in alone.metrics.items():
            found = float(fleet.metrics[name][position])
            assert found == pytest.approx(float(values[0]), rel=1e-4, abs=1e-5), (position, name)


def test_the_defaults_named_are_the_defaults_not_named(task: TrainingTask) -> None:
    plain = make_runs(3, **WIDTHS, drop_p=0.2)
    named = plain.assign(
        optimizer="adamw",
        weight_decay=1e-3,
        clip_norm=5,
        lr_schedule="constant",
        activation="relu",
        batch_norm=1,
        init="xavier_uniform",
        reconstruction="mse",
        loss_reduction="sum",
        annealing="logistic-mid",
    )
    ours, theirs = (trained(task, runs, "varix", precision="float32") for runs in (plain, named))
    assert torch.equal(ours.latents, theirs.latents)


def test_cross_entropy_of_data_beyond_0_and_1_is_refused_before_training(
    task: TrainingTask,
) -> None:
    runs = make_runs(2, reconstruction=["mse", "bce"])
    cost = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
    settings = TrainingSettings(epochs=1, device="cpu")
    with pytest.raises(InputError, match=r"configuration 1 is trained by bce.*minmax"):
        train_rungs(task, "vanillix", runs, [[0, 1]], settings, cost)
    rows = train_rungs(unit_interval(task), "vanillix", runs, [[0, 1]], settings, cost)
    assert rows["status"].tolist() == ["ok", "ok"]


def test_a_scaler_that_leaves_0_and_1_is_refused_with_the_study() -> None:
    content = {
        "name": "s",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 2},
        "space": {"reconstruction": ["mse", "bce"]},
        "epochs": 1,
    }
    with pytest.raises(
        InputError, match=r"space.reconstruction: varix is trained by bce.*scaler standard"
    ):
        check_architectures(Study.model_validate(content), Path("study.yaml"))
    scaled = content | {"preprocessing": {"scaler": "minmax"}}
    check_architectures(Study.model_validate(scaled), Path("study.yaml"))


def test_the_planner_puts_runs_of_one_kind_side_by_side() -> None:
    runs = make_runs(
        40, activation=["relu", "tanh", "sigmoid", "relu"] * 10, batch_norm=[0, 1] * 20
    )
    settings = TrainingSettings(epochs=1, device="cpu")
    (fleet,) = plan_fleets("vanillix", runs, 48, 200, settings)
    kinds = runs.iloc[list(fleet.rows)][["activation", "batch_norm"]].agg(tuple, axis=1).tolist()
    assert sorted(fleet.rows) == list(range(40))
    assert [kind for kind, _ in itertools.groupby(kinds)] == sorted(set(kinds))
    # Kinds decide no fleet, only the order within.
    (plain,) = plan_fleets("vanillix", make_runs(40), 48, 200, settings)
    assert plain.rows == tuple(range(40))
