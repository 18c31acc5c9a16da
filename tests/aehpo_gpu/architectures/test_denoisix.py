"""Corruption: of training samples alone, not scaled, the same draws in any fleet."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from plain_training import make_runs

from aehpo_gpu.architectures.denoisix import corrupted
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SETTINGS = TrainingSettings(epochs=4, precision="float64", device="cpu")


def trained(
    task: TrainingTask, runs: pd.DataFrame, architecture: str = "denoisix"
) -> FleetTraining:
    training = FleetTraining(architecture, runs, ResidentMatrix(task, SETTINGS), SETTINGS)
    training.advance(SETTINGS.length)
    return training


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_masking_sets_a_share_to_zero_and_scales_nothing_up() -> None:
    x = torch.ones(200, 50)
    found = corrupted(x, noise(0, 200, 50), "masking", 0.2)
    assert set(found.unique().tolist()) == {0.0, 1.0}
    assert float((found == 0).float().mean()) == pytest.approx(0.2, abs=0.02)
    # Keras' Dropout, which Tybalt's repository corrupts by, makes them larger.
    dropped = torch.nn.functional.dropout(x, 0.2)
    assert dropped.max() == 1.25


def test_a_swapped_entry_is_that_of_another_sample() -> None:
    x = torch.arange(60.0).reshape(20, 3)
    found = corrupted(x, noise(0, 20, 3), "swap", 0.3)
    changed = found != x
    assert torch.equal(changed, noise(0, 20, 3) < 0.3)
    assert all(set(found[:, j].tolist()) <= set(x[:, j].tolist()) for j in range(3))
    assert torch.equal(corrupted(x, noise(0, 20, 3), "swap", 0.0), x)


@pytest.mark.slow
def test_noise_is_added() -> None:
    x, drawn = torch.zeros(4, 3), noise(0, 4, 3)
    torch.testing.assert_close(corrupted(x, drawn, "gaussian", 0.5), 0.5 * drawn)


@pytest.mark.parametrize("kind", ["masking", "swap", "gaussian"])
def test_a_run_in_a_fleet_is_the_run_alone_and_its_padding_stays_zero(
    task: TrainingTask, kind: str
) -> None:
    # 42 of 48 lanes: what pads the widest run must not be corrupted either.
    widths = {"k_filter": [42, 32, 16], "latent_dim_fixed": [4, 8, 3]}
    runs = make_runs(3, **widths, corruption=kind, noise_p=0.3)
    together = trained(task, runs)
    for position in range(3):
        alone = trained(task, runs.iloc[[position]])
        for name, values in alone.metrics.items():
            found = float(together.metrics[name][position])
            assert found == pytest.approx(float(values[0]), rel=1e-8), (position, name)
    first, shape = together.network.stack.layers[0], together.network.layout.shapes[0]
    for run, inputs in enumerate(shape.inputs):
        assert first.weight[run, :inputs].any()
        assert not first.weight[run, inputs:].any()


def test_without_noise_it_is_vanillix_and_evaluation_sees_clean_samples(task: TrainingTask) -> None:
    plain = trained(task, make_runs(), "vanillix")
    quiet = trained(task, make_runs(corruption="masking", noise_p=0.0))
    assert torch.equal(plain.latents, quiet.latents)
    loud = trained(task, make_runs(corruption="masking", noise_p=0.5))
    assert not torch.equal(plain.latents, loud.latents)
    again = trained(task, make_runs(corruption="masking", noise_p=0.5))
    assert torch.equal(again.latents, loud.latents)


def test_runs_of_different_corruption_share_no_fleet(task: TrainingTask) -> None:
    kinds = {"corruption": ["masking", "swap"] * 4, "noise_p": [0.1, 0.1, 0.2, 0.2] * 2}
    runs = make_runs(8, **kinds)
    fleets = plan_fleets("denoisix", runs, 48, 200, TrainingSettings(epochs=1, device="cpu"))
    for fleet in fleets:
        own = runs.iloc[list(fleet.rows)]
        assert own[["corruption", "noise_p"]].drop_duplicates().shape[0] == 1
    assert len(fleets) == 4
    with pytest.raises(ValueError, match="several values of corruption"):
        trained(task, runs.iloc[:2])
