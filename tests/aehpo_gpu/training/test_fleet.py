"""A fleet is what its runs are alone: parity, independence, divergence, determinism."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from plain_training import make_runs, plain_model, train_plain
from rounding import alone, begin, first_gradients, largest_difference, rounding_error
from torch import nn

from aehpo_gpu.training.epoch import batch_bounds
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.fleets import Fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

DIFFERENT = {
    "k_filter": [48, 32, 48, 16],
    "enc_factor": [2.0, 1.3, 3.7, 1.0],
    "latent_dim_fixed": [4, 8, 2, 3],
    "lr_fixed": [1e-3, 1e-2, 3e-4, 5e-3],
    "beta": [0.1, 1.0, 0.01, 0.3],
}


def train(
    task: TrainingTask, runs: pd.DataFrame, architecture: str = "vanillix", **settings: object
) -> FleetTraining:
    chosen = TrainingSettings(**({"epochs": 5} | settings))  # type: ignore[arg-type]
    training = FleetTraining(architecture, runs, ResidentMatrix(task, chosen), chosen)
    training.advance(chosen.epochs)
    return training


def final(training: FleetTraining) -> pd.DataFrame:
    return pd.DataFrame({name: v.numpy() for name, v in training.metrics.items()})


def test_every_run_of_a_fleet_equals_plain_pytorch(task: TrainingTask) -> None:
    runs, tolerance = make_runs(4, **DIFFERENT), 1e-9
    metrics = final(train(task, runs, precision="float64"))
    settings = TrainingSettings(epochs=5, precision="float64")
    for position, run in runs.iterrows():
        model, x = train_plain(task, run, settings)
        with torch.no_grad():
            squared = (model.decoder(model.encode(x)[0]) - x).square().sum(1).double()
            spread = (x - x.mean(1, keepdim=True)).square().sum(1)
        for part in ("train", "valid", "test"):
            rows = torch.as_tensor(task.split == part)
            row = metrics.iloc[position]
            assert row[f"{part}_recon_loss"] == pytest.approx(
                float(squared[rows].mean()), rel=tolerance
            )
            r2 = float((1 - squared[rows] / spread[rows]).mean())
            assert row[f"{part}_r2"] == pytest.approx(r2, rel=tolerance, abs=tolerance)


def test_the_first_step_in_float32_is_that_of_plain_pytorch(task: TrainingTask) -> None:
    runs, samples = make_runs(4, **DIFFERENT), 18
    together = begin(task, runs, "vanillix", 1, "float32")
    gradients = first_gradients(together, samples)
    for position, run in runs.iterrows():
        model = plain_model(task, run, TrainingSettings(epochs=1))
        x = torch.tensor(task.matrix[task.split == "train"][:samples, : int(run["k_filter"])])
        (model.decoder(model.encode(x)[0]) - x).square().sum().backward()
        linear = [module for module in model.modules() if isinstance(module, nn.Linear)]
        start = 0
        for shape, module in zip(together.network.layout.shapes, linear, strict=True):
            inputs, outputs = shape.stacked
            stop = start + inputs * outputs
            ours = gradients[int(position), start:stop].view(inputs, outputs)
            theirs = module.weight.grad.T
            ours = ours[: theirs.shape[0], : theirs.shape[1]]
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5 * float(theirs.abs().max()))
            start = stop + (3 if shape.hidden else 1) * outputs


@pytest.mark.parametrize(
    "architecture",
    ["vanillix", "varix", "disentanglix", "logcosh_vae", "infovae", "dipvae", "sparsix"],
)
@pytest.mark.parametrize("dropout", [0.0, [0.0, 0.3, 0.5, 0.9]], ids=["no dropout", "dropout"])
def test_a_run_in_a_fleet_equals_the_run_alone_in_float64(
    task: TrainingTask, architecture: str, dropout: object
) -> None:
    words = {"kernel": ["imq", "rbf_median", "imq", "rbf_tutorial"], "dip_variant": ["I", "II"] * 2}
    runs = make_runs(4, **DIFFERENT, **words, drop_p=dropout)
    together = train(task, runs, architecture, epochs=8, precision="float64")
    for position in range(len(runs)):
        alone = train(task, runs.iloc[[position]], architecture, epochs=8, precision="float64")
        ours, theirs = final(together).iloc[position], final(alone).iloc[0]
        np.testing.assert_allclose(ours, theirs, rtol=1e-8)
        latents = alone.latents[0].numpy()
        np.testing.assert_allclose(
            together.latents[position, :, : latents.shape[1]], latents, rtol=1e-6, atol=1e-9
        )
        assert not together.latents[position, :, latents.shape[1] :].any()


@pytest.mark.parametrize("architecture", ["vanillix", "varix", "disentanglix"])
@pytest.mark.parametrize("samples", [2, 18, 32, 210])
def test_the_first_step_of_a_run_does_not_depend_on_the_fleet(
    task: TrainingTask, architecture: str, samples: int
) -> None:
    runs = make_runs(4, **DIFFERENT, drop_p=[0.0, 0.3, 0.5, 0.9])
    together = begin(task, runs, architecture, 1, "float32")
    gradients = first_gradients(together, samples)
    for position in range(len(runs)):
        alone = begin(task, runs.iloc[[position]], architecture, 1, "float32")
        theirs = first_gradients(alone, samples)
        stack, shapes = together.network.stack, alone.network.layout.shapes
        ours = stack.rearranged(gradients, torch.tensor([position]), shapes)
        assert theirs.abs().max() > 0
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6 * float(theirs.abs().max()))


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["vanillix", "varix"])
@pytest.mark.parametrize("epochs", [5, 12])
def test_a_fleet_changes_a_run_in_float32_no_more_than_rounding_does(
    task: TrainingTask, architecture: str, epochs: int
) -> None:
    runs = make_runs(4, **DIFFERENT)
    together = final(train(task, runs, architecture, epochs=epochs))
    difference = largest_difference(together, alone(task, runs, architecture, epochs))
    assert difference <= rounding_error(task, runs, architecture, epochs).metrics


def test_the_mmd_loss_is_independent_of_the_fleet(task: TrainingTask) -> None:
    runs = make_runs(4, **DIFFERENT)
    settings = {"vae_loss": "mmd", "precision": "float64", "annealing": "no-annealing"}
    together = final(train(task, runs, "varix", **settings))
    assert (together["train_vae_loss"] > 0).all()
    for position in range(len(runs)):
        alone = final(train(task, runs.iloc[[position]], "varix", **settings)).iloc[0]
        np.testing.assert_allclose(together.iloc[position], alone, rtol=1e-8)


def test_the_same_fleet_gives_the_same_bits(task: TrainingTask) -> None:
    runs = make_runs(4, **DIFFERENT, drop_p=0.3)
    first, second = (train(task, runs, "varix") for _ in range(2))
    assert torch.equal(first.latents, second.latents)
    pd.testing.assert_frame_equal(final(first), final(second), check_exact=True)


def test_another_seed_gives_another_result(task: TrainingTask) -> None:
    first, second = (train(task, make_runs(drop_p=0.3, seed=seed)) for seed in (0, 1))
    assert not np.allclose(final(first), final(second))


@pytest.mark.parametrize("architecture", ["vanillix", "varix"])
def test_a_run_that_diverges_does_not_touch_the_others(
    task: TrainingTask, architecture: str
) -> None:
    runs = make_runs(4, **DIFFERENT, drop_p=0.2)
    healthy = train(task, runs, architecture)
    bad = runs.copy()
    bad.loc[2, "lr_fixed"] = 1e30
    result = train(task, bad, architecture)
    assert result.diverged.tolist() == [False, False, True, False]
    others = [0, 1, 3]
    assert torch.equal(result.latents[others], healthy.latents[others])
    pd.testing.assert_frame_equal(
        final(result).iloc[others], final(healthy).iloc[others], check_exact=True
    )
    assert not healthy.diverged.any()


def test_what_is_reached_at_fidelities_changes_nothing(task: TrainingTask) -> None:
    runs, settings = make_runs(2), TrainingSettings(epochs=5, fidelities=(1, 3))
    fleets = Fleets("vanillix", runs, [[0, 1]], ResidentMatrix(task, settings), settings)
    reached = fleets.advance(settings.rungs)
    assert [found.epoch for found in reached] == [1, 3, 5]
    assert [found.latents is None for found in reached] == [True, True, False]
    undisturbed = train(task, runs)
    for name, values in undisturbed.metrics.items():
        assert torch.equal(reached[-1].metrics[name], values)
    losses = [float(found.metrics["train_recon_loss"][0]) for found in reached]
    assert losses == sorted(losses, reverse=True)
    assert all(found.seconds[0] > 0 for found in reached)


def test_a_shorter_training_is_the_beginning_of_a_longer_one_without_annealing(
    task: TrainingTask,
) -> None:
    settings = TrainingSettings(epochs=5, annealing="no-annealing")
    longer = FleetTraining("varix", make_runs(), ResidentMatrix(task, settings), settings)
    longer.advance(3)
    shorter = train(task, make_runs(), "varix", epochs=3, annealing="no-annealing")
    pd.testing.assert_frame_equal(final(longer), final(shorter), check_exact=True)


def test_training_can_be_cancelled_from_a_step(task: TrainingTask) -> None:
    shares = []

    def stop(share: float) -> None:
        shares.append(share)
        if share > 0.5:
            raise KeyboardInterrupt

    settings = TrainingSettings(epochs=4)
    training = FleetTraining("vanillix", make_runs(), ResidentMatrix(task, settings), settings)
    with pytest.raises(KeyboardInterrupt):
        training.advance(settings.epochs, stop)
    assert shares == sorted(shares)


def test_more_features_than_the_task_has_are_cut_to_all_of_them(task: TrainingTask) -> None:
    all_of_them, more = (final(train(task, make_runs(k_filter=k))) for k in (48, 4096))
    pd.testing.assert_frame_equal(all_of_them, more, check_exact=True)


def test_bfloat16_products_train_too(task: TrainingTask) -> None:
    reduced, full = (
        final(train(task, make_runs(), precision=p))["train_r2"].item()
        for p in ("bfloat16", "float32")
    )
    assert reduced != full
    assert reduced == pytest.approx(full, abs=0.05)


@given(samples=st.integers(2, 5000), batch_size=st.integers(2, 512))
def test_batches_cover_every_sample_once_and_none_is_alone(samples: int, batch_size: int) -> None:
    bounds = list(batch_bounds(samples, batch_size))
    assert bounds[0][0] == 0
    assert bounds[-1][1] == samples
    assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(bounds))
    sizes = [stop - start for start, stop in bounds]
    assert min(sizes) >= 2
    assert max(sizes) <= batch_size + 1
    assert all(size == batch_size for size in sizes[:-1])
