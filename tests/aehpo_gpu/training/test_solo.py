"""The solo path: plain PyTorch beside every stacked architecture, and what does not stack."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.solo_module import module_of
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.timing import time_step
from aehpo_gpu.training.work import TERMS, run_work, step_work

SETTINGS = TrainingSettings(epochs=3, device="cpu", precision="float64")
COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))
OWN: dict[str, dict[str, object]] = {
    "denoisix": {"corruption": "swap", "noise_p": 0.2},
    "adage": {"corruption": "masking", "noise_p": 0.2, "n_layers": 1},
    "categorix": {"categories": 5},
    "iwae of one draw": {"importance_samples": 1},
}
STACKED = [
    name
    for name, one in ARCHITECTURES.items()
    # Layers with masks have tests of their own beside plain ones.
    if one.stacks and one.balance is None and one.decoder is None
]


def trained(
    task: TrainingTask, architecture: str, runs: pd.DataFrame, *, solo: bool
) -> FleetTraining:
    training = FleetTraining(
        architecture, runs, ResidentMatrix(task, SETTINGS), SETTINGS, solo=solo
    )
    training.advance(SETTINGS.length)
    return training


@pytest.mark.parametrize("architecture", [*STACKED, "iwae of one draw"])
def test_every_stacked_architecture_is_what_plain_pytorch_makes_of_it(
    task: TrainingTask, architecture: str
) -> None:
    own = OWN.get(architecture, {})
    architecture = architecture.partition(" ")[0]
    kinds = {
        "activation": ["relu", "tanh", "sigmoid"],
        "optimizer": ["adamw", "rmsprop", "sgd"],
        "reconstruction": ["mse", "huber", "mse"],
        "loss_reduction": ["sum", "mean", "mean_mn"],
        "annealing": "no-annealing",
        "init_scope": ["all", "hidden", "all"],
        "bias_init": ["constant", "torch", "zeros"],
    }
    widths = {"k_filter": [48, 32, 48], "latent_dim_fixed": [4, 8, 3]}
    runs = make_runs(3, drop_p=0.2, **widths, **kinds, **own)
    fleet = trained(task, architecture, runs, solo=False)
    for position in range(3):
        alone = trained(task, architecture, runs.iloc[[position]], solo=True)
        for name, values in alone.metrics.items():
            found = float(fleet.metrics[name][position])
            assert found == pytest.approx(float(values[0]), rel=1e-7, abs=1e-9), (position, name)
        width = alone.latents.shape[2]
        np.testing.assert_allclose(
            fleet.latents[position, :, :width], alone.latents[0], rtol=1e-6, atol=1e-8
        )


def test_a_run_alone_that_diverges_says_so(task: TrainingTask) -> None:
    runs = make_runs(1, lr_fixed=1e30, optimizer="sgd", clip_norm=0)
    assert trained(task, "vanillix", runs, solo=True).diverged.tolist() == [True]


def convolutions(count: int = 2, **changes: object) -> pd.DataFrame:
    return make_runs(count, **({"channels": 4, "enc_factor": 1.5, "drop_p": 0.1} | changes))


def test_convolutions_are_trained_run_by_run_with_rows_like_all_others(task: TrainingTask) -> None:
    settings = TrainingSettings(epochs=12, fidelities=(4,), device="cpu")
    runs = convolutions(
        3, n_layers=[3, 2, 1], k_filter=[48, 45, 48], patience=[0, 0, 1], min_delta=1e9
    )
    fleets = [fleet.rows for fleet in plan_fleets("convolix", runs, 48, 210, settings)]
    assert fleets == [(0,), (1,), (2,)]
    found = train_shard(task, "convolix", runs, fleets, settings, COST)
    assert found.runs["status"].tolist() == ["ok"] * 3
    assert found.runs["epochs"].tolist() == [12, 12, 2]
    assert (found.runs["training_runtime"] > 0).all()
    losses = found.curves[found.curves["config_id"] == "0"]["train_recon_loss"]
    assert losses.is_monotonic_decreasing
    again = train_shard(task, "convolix", runs, fleets, settings, COST)
    pd.testing.assert_series_equal(again.runs["valid_r2"], found.runs["valid_r2"])


@pytest.mark.parametrize(("features", "layers"), [(48, 3), (45, 4), (17, 2)])
def test_convolutions_give_back_as_many_features(features: int, layers: int) -> None:
    run = {"n_layers": layers, "enc_factor": 1.5, "channels": 4, "drop_p": 0.0}
    run |= {"activation": "leaky_relu", "batch_norm": 1}
    module = module_of(ARCHITECTURES["convolix"], run, [features, 4])
    x = torch.randn(6, features)
    latents = module.heads["latent"](module.encoder(x))
    assert latents.shape == (6, 4)
    assert module.decoder(latents).shape == x.shape


def test_the_work_of_a_module_is_counted_from_its_layers() -> None:
    # Without convolutions it is a linear autoencoder, whose work is known.
    plain = run_work("convolix", convolutions(1, n_layers=1), 48, [32.0])[0]
    expected = step_work(np.array([[48, 4]]), 1, 1, 32.0)[0]
    for term in ("layers", "operations"):
        assert plain[TERMS.index(term)] == expected[TERMS.index(term)]
    # 48 features in, 4 channels of 24 places out, kernels of 4: 24 * 4 * 4 products a sample.
    one = run_work("convolix", convolutions(1, n_layers=2, enc_factor=2.0), 48, [1.0])[0]
    convolution, dense = 24 * 16, 24 * 4 * 4
    expected = 6 * (2 * convolution + 2 * dense) - 2 * convolution
    assert one[TERMS.index("operations")] == expected


def test_a_step_of_a_module_is_timed() -> None:
    runs = convolutions(1)
    assert time_step("convolix", runs, 48, TrainingSettings(epochs=1, device="cpu")) > 0
