"""IWAE, categorical latents, the k largest ones, Tybalt and ADAGE, beside their definitions.

Each known defect of the reference code is shown on a toy, with the formula as it stands there; ours
does not have it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.errors import InputError
from aehpo_assets.space import (
    configurations_of,
    default_configuration,
    refuse_unread,
    search_space,
)
from aehpo_assets.study import Study
from aehpo_gpu.architectures import ARCHITECTURES, CodeBatch, LatentBatch
from aehpo_gpu.architectures.categorix import code, divergence, temperature
from aehpo_gpu.architectures.iwae import log_ratio
from aehpo_gpu.runs.preflight import check_errors, difference
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.importance import importance_losses
from aehpo_gpu.training.reduction import Reduction
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rungs import check_runs
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from aehpo_gpu.training.work import TERMS

DOUBLE = torch.float64
SETTINGS = TrainingSettings(epochs=20, device="cpu")
COST = CostModel("cpu", dict.fromkeys(TERMS, 1e-9))


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)


def batch(heads: dict[str, Tensor], latents: Tensor, **shared: int) -> LatentBatch:
    mask = latents.new_ones(len(latents), 1, latents.shape[2])
    return LatentBatch(heads, latents, mask, latents, {}, 100, "kl", {}, shared)


def one_run(**changes: object) -> pd.DataFrame:
    values: dict[str, object] = {
        "config_id": "0",
        "k_filter": 12,
        "n_layers": 2,
        "enc_factor": 2.0,
        "latent_dim_fixed": 3,
        "lr_fixed": 1e-2,
        "batch_size": 32,
        "drop_p": 0.0,
        "seed": 0,
    }
    return pd.DataFrame([values | changes])


@pytest.fixture(scope="module")
def unit_task() -> TrainingTask:
    """200 samples of 12 features between 0 and 1 that depend on two numbers."""
    source = np.random.default_rng(1)
    hidden = source.normal(size=(200, 2)) @ source.normal(size=(2, 12))
    matrix = (1 / (1 + np.exp(-2 * hidden))).astype(np.float32)
    split = np.array(["train"] * 140 + ["valid"] * 20 + ["test"] * 40)
    return TrainingTask("unit_rna", matrix, split, DownstreamTargets((), (), {}))


def trained(task: TrainingTask, architecture: str, **changes: object) -> FleetTraining:
    runs = one_run(**changes)
    training = FleetTraining(architecture, runs, ResidentMatrix(task, SETTINGS), SETTINGS)
    training.advance(SETTINGS.length)
    return training


# ---- IWAE ----------------------------------------------------------------------------------------


def test_one_draw_is_the_vae_with_the_divergence_of_that_draw() -> None:
    mean, spread, noise = normal(0, 1, 5, 3), normal(1, 1, 5, 3), normal(2, 1, 5, 3)
    scale = torch.exp(0.5 * spread)
    z = mean + scale * noise
    ratio = log_ratio(batch({"mean": mean, "log_variance": spread}, z))
    ours = torch.distributions.Normal(mean, scale).log_prob(z).sum(2)
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(2)
    torch.testing.assert_close(ratio, ours - prior)
    error = normal(3, 1, 5).square()
    losses = importance_losses(error, ratio, 2 * ratio, 1, Reduction(), 0.5, averaged=True)
    torch.testing.assert_close(losses.total, (error + ratio).sum(1))


def gaussian_bound(draws: int, seed: int) -> float:
    """Mean bound of x = z + noise with var 1/2, z ~ N(0, 1), whose encoder is N(x / 2, 1)."""
    x = normal(100, 4000)
    z = x[:, None] / 2 + normal(seed, 4000, draws)
    error = (x[:, None] - z).square().reshape(1, -1)
    heads = {"mean": (x / 2).repeat_interleave(draws)[None, :, None]}
    heads["log_variance"] = torch.zeros_like(heads["mean"])
    ratio = log_ratio(batch(heads, z.reshape(1, -1, 1)))
    losses = importance_losses(error, ratio, ratio, draws, Reduction(), 1.0, averaged=False)
    return float(losses.total) / 4000


def test_the_bound_tightens_with_the_draws_to_the_likelihood() -> None:
    bounds = [gaussian_bound(draws, draws) for draws in (1, 5, 50, 500)]
    assert bounds == sorted(bounds, reverse=True)
    # log N(x | 0, 3/2) beside the constant of the error, log sqrt(pi).
    x = normal(100, 4000)
    density = torch.distributions.Normal(0.0, math.sqrt(1.5)).log_prob(x)
    exact = float(-(density + 0.5 * math.log(math.pi)).mean())
    assert bounds[0] > exact + 0.1
    assert bounds[-1] == pytest.approx(exact, abs=0.01)


def test_the_weights_of_pytorch_vae_are_highest_for_the_worst_draw_and_ours_for_the_best() -> None:
    losses = torch.tensor([[1.0, 5.0]], dtype=DOUBLE, requires_grad=True)
    theirs = torch.softmax(losses, 1)
    assert theirs[0, 1] > theirs[0, 0]
    zero = torch.zeros(1, 2, dtype=DOUBLE)
    importance_losses(losses, zero, zero, 2, Reduction(), 1.0, averaged=True).total.backward()
    # Burda's equation 14: the gradient is weighted by the normalised importance of a draw.
    torch.testing.assert_close(losses.grad, torch.softmax(-losses.detach(), 1))


def test_runs_of_several_draws_do_not_share_a_fleet_with_others() -> None:
    assert ARCHITECTURES["iwae"].group_by == ("importance_samples",)
    assert ARCHITECTURES["categorix"].group_by == ("categories",)


# ---- categories ----------------------------------------------------------------------------------


def codes(logits: Tensor, draws: Tensor | None = None, steps: float = 0.0) -> CodeBatch:
    numbers = {"tau_start": 1.0, "tau_min": 0.5, "tau_rate": 0.01}
    values = {name: logits.new_tensor([value] * len(logits)) for name, value in numbers.items()}
    mask = logits.new_ones(len(logits), 1, logits.shape[2])
    at = logits.new_tensor([steps])
    return CodeBatch({"logits": logits}, mask, draws, values, {"categories": 3}, at)


def test_categories_are_probabilities_and_draws_of_them() -> None:
    logits = normal(0, 1, 4, 6)
    shares = code(codes(logits)).view(1, 4, 2, 3)
    torch.testing.assert_close(shares, torch.softmax(logits.view(1, 4, 2, 3), -1))
    many = torch.rand(20_000, 6, generator=torch.Generator().manual_seed(0), dtype=DOUBLE)
    drawn = code(codes(logits[:, :1].expand(1, 20_000, 6), many)).view(20_000, 2, 3)
    chosen = torch.nn.functional.one_hot(drawn.argmax(2), 3).double().mean(0)
    # Gumbel-max: the largest of the perturbed logits is a draw of the category.
    torch.testing.assert_close(chosen, shares[0, 0], atol=0.015, rtol=0)


def test_the_divergence_is_torchs_and_padding_adds_none() -> None:
    logits = normal(0, 2, 4, 8)
    found = batch({"logits": logits}, logits, categories=3)
    mask = torch.zeros(2, 1, 8, dtype=DOUBLE)
    mask[0, 0, :6], mask[1, 0, :3] = 1, 1
    masked = LatentBatch(found.heads, logits, mask, logits, {}, 100, "kl", {}, {"categories": 3})
    even = torch.distributions.Categorical(logits=torch.zeros(3, dtype=DOUBLE))
    own = torch.distributions.Categorical(logits=logits[..., :6].view(2, 4, 2, 3))
    each = torch.distributions.kl_divergence(own, even)
    expected = torch.stack([each[0].sum(), each[1, :, 0].sum()])
    torch.testing.assert_close(divergence(masked), expected)


def test_the_temperature_of_pytorch_vae_never_falls_and_ours_does() -> None:
    start, rate, steps = 0.5, 0.01, 1000
    lowest = start  # self.min_temp = temperature
    assert max(start * math.exp(-rate * steps), lowest) == start
    logits = normal(0, 1, 4, 6)
    assert float(temperature(codes(logits))) == 1.0
    assert float(temperature(codes(logits, steps=20))) == pytest.approx(math.exp(-0.2))
    assert float(temperature(codes(logits, steps=1000))) == 0.5


def test_runs_with_categories_have_all_of_them_as_latents(unit_task: TrainingTask) -> None:
    numbers = {"beta": 0.1, "categories": 4, "tau_start": 1.0, "tau_min": 0.5, "tau_rate": 1e-3}
    training = trained(unit_task, "categorix", **numbers)
    assert training.latents.shape == (1, 200, 12)
    shares = training.latents.view(200, 3, 4).sum(2)
    torch.testing.assert_close(shares, torch.ones_like(shares))
    assert not training.diverged.any()


# ---- the k largest -------------------------------------------------------------------------------


def test_the_largest_latents_are_kept_for_each_run_of_its_own() -> None:
    latents = normal(0, 3, 6, 5).requires_grad_()
    mask = torch.ones(3, 1, 5, dtype=DOUBLE)
    mask[2, 0, 2:] = 0
    active = torch.tensor([1.0, 3.0, 9.0], dtype=DOUBLE)
    numbers = {"active_latents": active}
    given = CodeBatch({"latent": latents}, mask, None, numbers, {}, torch.zeros(1))
    topk = ARCHITECTURES["topk"].code
    assert topk is not None
    kept = topk(given)
    assert (kept != 0).sum(2).tolist() == [[1] * 6, [3] * 6, [2] * 6]
    largest = latents.detach()[0].abs().max(1).values
    torch.testing.assert_close(kept[0].abs().sum(1), largest)
    kept.sum().backward()
    assert latents.grad is not None
    assert torch.equal(latents.grad, (kept != 0).double())


# ---- Tybalt and ADAGE ----------------------------------------------------------------------------


def test_the_weight_of_tybalts_divergence_is_read_once_while_it_is_zero() -> None:
    beta = {"value": 0.0}
    read = beta["value"]  # K.get_value(beta), when the graph is built
    weights = []
    for _ in range(3):
        weights.append(read)
        beta["value"] = min(1.0, beta["value"] + 1.0)
    assert weights == [0.0, 0.0, 0.0]


@pytest.mark.slow
@pytest.mark.parametrize("n_layers", [1, 2])
def test_tybalt_learns_means_and_spreads_above_zero(unit_task: TrainingTask, n_layers: int) -> None:
    warm, cold = (trained(unit_task, "tybalt", n_layers=n_layers, kappa=k) for k in (1.0, 0.0))
    for training in (warm, cold):
        assert (training.latents >= 0).all()
        assert training.latents.any()
    # Ours has the divergence that was meant, and none with a kappa of 0.
    name = "valid_vae_loss"
    assert float(warm.metrics[name]) < float(cold.metrics[name])
    assert float(cold.metrics["valid_total_loss"]) == float(cold.metrics["valid_recon_loss"])
    described = train_shard(
        unit_task, "tybalt", one_run(n_layers=n_layers, kappa=1.0), [[0]], SETTINGS, COST
    ).runs.iloc[0]
    depth = 12 * 6 + 6 + 2 * 6 if n_layers == 2 else 0
    last = 6 if n_layers == 2 else 12
    heads_of = 2 * (last * 3 + 3 + 2 * 3)
    back = (3 * 6 + 6 + 6 * 12 + 12) if n_layers == 2 else 3 * 12 + 12
    assert described["trainable_parameters"] == depth + heads_of + back


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["adage", "adage_tan"])
def test_adage_restores_what_was_masked(unit_task: TrainingTask, architecture: str) -> None:
    masked = {"corruption": "masking", "noise_p": 0.1, "n_layers": 1, "lr_fixed": 0.5}
    training = trained(unit_task, architecture, **masked)
    assert float(training.metrics["valid_recon_loss"]) < 12 * math.log(2)
    assert ((training.latents > 0) & (training.latents < 1)).all()


def test_the_published_adage_has_one_matrix_of_weights(unit_task: TrainingTask) -> None:
    masked = {"corruption": "masking", "noise_p": 0.1, "n_layers": 1}
    network: Any = trained(unit_task, "adage_tan", **masked).network
    (layer, _) = network.module.heads["latent"]
    assert sum(p.numel() for p in network.module.parameters()) == 12 * 3 + 3 + 12
    z = torch.zeros(1, 3)
    z[0, 1] = 1
    back = network.module.decoder(z) - network.module.decoder.bias
    torch.testing.assert_close(back[0], layer.weight[1])


def test_cross_entropy_by_default_needs_a_scaler_that_keeps_to_0_and_1() -> None:
    content = {
        "name": "s",
        "tasks": "all",
        "architectures": ["vanillix", "tybalt"],
        "configurations": {"count": 2},
        "epochs": 1,
    }
    with pytest.raises(InputError, match=r"tybalt is trained by bce.*scaler standard"):
        check_errors(Study.model_validate(content), Path("study.yaml"))
    check_errors(
        Study.model_validate(content | {"preprocessing": {"scaler": "minmax"}}), Path("study.yaml")
    )


# ---- more latents than features ------------------------------------------------------------------


def test_layers_may_grow_where_something_else_holds_them_back() -> None:
    wide = {"enc_factor": [0.5], "latent_dim_fixed": [256], "k_filter": [128]}
    for name in ("sparsix", "topk", "denoisix"):
        space = search_space(name, wide)
        configuration = default_configuration(space)
        assert configuration["k_filter"] < configuration["latent_dim_fixed"]
        assert space.problem(configuration) is None
        assert difference(name) is None
    with pytest.raises(InputError, match=r"space.enc_factor: allows 0.5, outside 1"):
        search_space("vanillix", wide)
    with pytest.raises(InputError, match=r"allows k_filter 128 below latent_dim_fixed 256"):
        search_space("vanillix", {"latent_dim_fixed": [256], "k_filter": [128]})


def test_networks_beyond_the_ceiling_are_refused_before_training() -> None:
    runs = one_run(k_filter=4096, enc_factor=0.5, n_layers=4, latent_dim_fixed=64)
    with pytest.raises(InputError, match=r"configuration 0 of topk has 1,\d+,\d+,\d+ weights"):
        check_runs("topk", runs, 4096)
    check_runs("topk", runs, 256)


def test_overcomplete_runs_train(unit_task: TrainingTask) -> None:
    training = trained(unit_task, "topk", enc_factor=0.5, latent_dim_fixed=30, active_latents=4)
    assert training.network.widths == [[12, 30, 30]]
    assert ((training.latents != 0).sum(2) <= 4).all()


def test_all_fit_their_spaces_and_can_be_drawn() -> None:
    for name in ("iwae", "categorix", "topk", "tybalt", "adage", "adage_tan", "convolix"):
        assert difference(name) is None
        content = {
            "name": "s",
            "tasks": "all",
            "architectures": [name],
            "configurations": {"count": 20},
            "epochs": 1,
        }
        drawn = configurations_of(Study.model_validate(content), name)
        assert len(drawn) == 20


@pytest.mark.parametrize(
    ("architecture", "space", "message"),
    [
        ("iwae", {"importance_samples": [0, 5]}, "importance_samples: allows 0"),
        ("categorix", {"categories": [1]}, "categories: allows 1.0, outside 2"),
        ("topk", {"active_latents": [0]}, "active_latents: allows 0"),
        ("tybalt", {"n_layers": [3]}, "n_layers: allows 3.0, outside 1 to 2"),
    ],
)
def test_what_no_run_can_have_is_refused_with_the_study(
    architecture: str, space: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        search_space(architecture, space)


def test_an_activation_that_adage_does_not_read_is_refused() -> None:
    with pytest.raises(InputError, match=r"space.activation: is read by none.*\(adage\)"):
        refuse_unread(["adage"], {"activation": ["tanh"]})
