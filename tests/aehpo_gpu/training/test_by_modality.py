"""Intermediate fusion: no weight joins modalities outside, whatever the optimiser does."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs
from torch import nn

from aehpo_assets.errors import InputError
from aehpo_gpu.export.module import module_of_run
from aehpo_gpu.training.by_modality import absent_weights, modality_numbers
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

SETTINGS = TrainingSettings(epochs=4, device="cpu", precision="float64")
MODALITIES = np.array(["rna", "cna"] * 16 + ["rna"] * 16)
NUMBERS = modality_numbers(MODALITIES, 48)


@pytest.fixture
def joint(task: TrainingTask) -> TrainingTask:
    return replace(task, task="toy_rna+cna", modalities=MODALITIES)


def trained(
    data: TrainingTask, runs: pd.DataFrame, architecture: str = "intermediate_fusion"
) -> FleetTraining:
    training = FleetTraining(architecture, runs, ResidentMatrix(data, SETTINGS), SETTINGS)
    training.advance(training.epochs)
    return training


RULES = {
    "optimizer": ["adamw", "adam", "sgd", "rmsprop"],
    "weight_decay": [0.1, 0.1, 0.01, 0.01],
    "momentum": [0.0, 0.0, 0.9, 0.5],
    "lr_fixed": [1e-2, 1e-2, 1e-4, 1e-3],
    "k_filter": [48, 40, 48, 20],
    "modality_balance": [0.0, 1.0, 0.5, 1.0],
}


def test_no_weight_ever_joins_modalities_outside(joint: TrainingTask) -> None:
    training = trained(joint, make_runs(4, **RULES))
    for run, features in enumerate(RULES["k_filter"]):
        module = module_of_run(training.network, run, 0.0)
        ends = [m for m in module.modules() if isinstance(m, nn.Linear)]
        first, last = ends[0].weight, ends[-1].weight.T
        same = torch.arange(len(first))[:, None] % 2 == torch.from_numpy(NUMBERS[:features])
        assert first.shape == last.shape == same.shape
        for weight in (first, last):
            assert (weight[~same] == 0).all()
            assert (weight[same] != 0).all()


def test_a_modality_reaches_its_own_units_and_the_latents(joint: TrainingTask) -> None:
    module = module_of_run(trained(joint, make_runs(1, modality_balance=0.5)).network, 0, 0.0)
    x = torch.from_numpy(joint.matrix[:20].astype(np.float64))
    moved = x.clone()
    moved[:, NUMBERS == 1] += 1
    first = module.encoder[0]
    apart = (first(x) - first(moved)).abs().amax(0)
    assert (apart[0::2] == 0).all()
    assert (apart[1::2] > 0).all()
    assert (module.encode(x)["mean"] != module.encode(moved)["mean"]).any(0).all()


@pytest.mark.parametrize("balance", [0.0, 1.0])
def test_the_error_weighs_modalities(joint: TrainingTask, balance: float) -> None:
    """The gradient of the output's bias is that of the weighed squared error."""
    runs = make_runs(1, modality_balance=balance, beta=0.0)
    network = FleetTraining(
        "intermediate_fusion", runs, ResidentMatrix(joint, SETTINGS), SETTINGS
    ).network
    x = torch.from_numpy(joint.matrix[:32].astype(np.float64))
    noise = network.draw_noise(0, range(32))
    network.training_losses(x, noise, 0.0).total.sum().backward()
    # The output, which the bias is added to, from the plain error of the same batch.
    found = network.stack.layers[-1].bias_gradient[0, 0, :48].clone()
    plain = FleetTraining(
        "intermediate_fusion",
        runs.assign(modality_balance=0.0),
        ResidentMatrix(joint, SETTINGS),
        SETTINGS,
    ).network
    plain.training_losses(x, noise, 0.0).total.sum().backward()
    expected = plain.stack.layers[-1].bias_gradient[0, 0, :48]
    weights = np.array([48 / 2 / 32, 48 / 2 / 16])[NUMBERS] ** balance
    torch.testing.assert_close(found, expected * torch.from_numpy(weights))
    assert (32 * weights[NUMBERS == 0][0]).round(9) == (32 if balance == 0 else 24)


def test_of_one_modality_it_is_varix(task: TrainingTask) -> None:
    runs = make_runs(2, modality_balance=[0.0, 1.0], drop_p=[0.2, 0.1])
    ours, varix = trained(task, runs), trained(task, runs, "varix")
    torch.testing.assert_close(ours.latents, varix.latents)
    for name, values in varix.metrics.items():
        torch.testing.assert_close(ours.metrics[name], values)


def test_a_run_in_a_fleet_is_what_it_is_alone(joint: TrainingTask) -> None:
    runs = make_runs(
        3, k_filter=[48, 20, 32], modality_balance=[0.0, 1.0, 0.3], enc_factor=[2.0, 1.3, 3.0]
    )
    together = trained(joint, runs)
    together_kept = FleetTraining(
        "intermediate_fusion", runs, ResidentMatrix(joint, SETTINGS), SETTINGS
    )
    together_kept.advance(2)
    together_kept.keep(np.array([False, True, True]))
    together_kept.advance(4)
    torch.testing.assert_close(together_kept.latents, together.latents[1:])
    for run in range(3):
        alone = trained(joint, runs.iloc[[run]])
        torch.testing.assert_close(alone.latents[0], together.latents[run])


def test_weights_that_are_not_there_do_not_count(joint: TrainingTask) -> None:
    cost = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
    runs = make_runs(1, n_layers=2, modality_balance=0.0)
    (ours, varix) = (
        train_shard(joint, name, runs, [[0]], SETTINGS, cost).runs.iloc[0]
        for name in ("intermediate_fusion", "varix")
    )
    # 24 units beside 48 features: 12 of 24 see 32, and 12 see 16.
    absent = 2 * (48 * 24 - 12 * 32 - 12 * 16)
    for name in ("weights_and_biases", "trainable_parameters"):
        assert varix[name] - ours[name] == absent
    assert ours["status"] == "ok"


@pytest.mark.parametrize("widths", [[48, 4], [48, 1, 1]])
def test_what_has_no_unit_for_each_modality_is_refused(widths: list[int]) -> None:
    with pytest.raises(InputError, match=r"n_layers.*for each of 2 modalities.*2 or more"):
        absent_weights([widths], NUMBERS)
    assert absent_weights([widths], np.zeros(48, dtype=int)).tolist() == [0]
