"""Schedules of the learning rate are those of torch.optim.lr_scheduler."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from plain_training import make_runs
from torch.optim import lr_scheduler

from aehpo_gpu.training.annealing import annealing_weight
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.schedule import RateSchedule
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

CONSTANT = RateSchedule("constant", 0.95, 10, 0.0, 0)
TORCH: dict[str, tuple[RateSchedule, Callable[..., object]]] = {
    "constant": (CONSTANT, lambda o: lr_scheduler.LambdaLR(o, lambda epoch: 1.0)),
    "step": (
        RateSchedule("step", 0.3, 4, 0.0, 0),
        lambda o: lr_scheduler.StepLR(o, step_size=4, gamma=0.3),
    ),
    "exponential": (
        RateSchedule("exponential", 0.95, 10, 0.0, 0),
        lambda o: lr_scheduler.ExponentialLR(o, gamma=0.95),
    ),
    "cosine": (
        RateSchedule("cosine", 0.95, 7, 0.1, 0),
        lambda o: lr_scheduler.CosineAnnealingWarmRestarts(o, T_0=7, eta_min=0.1 * 0.02),
    ),
    "warm-up, then exponential": (
        RateSchedule("exponential", 0.9, 10, 0.0, 5),
        lambda o: lr_scheduler.SequentialLR(
            o,
            [
                lr_scheduler.LinearLR(o, start_factor=1 / 5, total_iters=4),
                lr_scheduler.ExponentialLR(o, gamma=0.9),
            ],
            milestones=[5],
        ),
    ),
}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("name", TORCH)
def test_a_schedule_is_that_of_torch(name: str) -> None:
    ours, make = TORCH[name]
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.02)
    scheduler = make(optimiser)
    for epoch in range(20):
        rate = optimiser.param_groups[0]["lr"]
        assert 0.02 * ours.multiplier(epoch) == pytest.approx(rate, rel=1e-9)
        optimiser.step()
        scheduler.step()  # type: ignore[attr-defined]


def test_only_a_constant_rate_without_warm_up_never_changes() -> None:
    assert CONSTANT.is_constant
    assert not RateSchedule("constant", 0.95, 10, 0.0, 1).is_constant
    assert not TORCH["cosine"][0].is_constant


def test_annealing_by_kappa_and_by_fifths() -> None:
    by_kappa = [annealing_weight("linear-warmup", epoch, 50, 0.3) for epoch in range(5)]
    assert by_kappa == pytest.approx([0, 0.3, 0.6, 0.9, 1])
    # A kappa of 0 is what Tybalt's published code trains: its loss never sees the weight change.
    assert annealing_weight("linear-warmup", 49, 50, 0.0) == 0
    fifths = [annealing_weight("5phase-constant", epoch, 10) for epoch in range(10)]
    assert fifths == [0, 0, 1e-3, 1e-3, 1e-2, 1e-2, 0.1, 0.1, 1, 1]
    assert annealing_weight("5phase-constant", 2, 3) == 0.1


def test_each_run_of_a_fleet_has_its_own_schedules(task: TrainingTask) -> None:
    """Every rule, schedule and annealing beside all others is what it is alone."""
    kinds = {
        "optimizer": ["adamw", "adam", "sgd", "rmsprop"],
        "lr_fixed": [1e-2, 1e-2, 1e-5, 1e-3],
        "lr_schedule": ["exponential", "step", "constant", "cosine"],
        "lr_period": 2,
        "warmup_epochs": [0, 2, 0, 3],
        "clip_norm": [5.0, 0.0, 0.0, 1.0],
        "annealing": ["no-annealing", "linear-warmup", "logistic-mid", "5phase-constant"],
        "kappa": 0.2,
        "k_filter": [48, 32, 48, 16],
        "latent_dim_fixed": [4, 8, 2, 3],
    }
    runs = make_runs(4, **kinds)
    settings = TrainingSettings(epochs=6, precision="float64", device="cpu")
    matrix = ResidentMatrix(task, settings)
    together = FleetTraining("varix", runs, matrix, settings)
    together.advance(3)
    # One leaves; the others keep what they have.
    together.keep(np.array([True, True, False, True]))
    together.advance(6)
    for position, member in enumerate(together.members):
        alone = FleetTraining("varix", runs.iloc[[member]], matrix, settings)
        alone.advance(6)
        for name, values in alone.metrics.items():
            found = float(together.metrics[name][position])
            assert found == pytest.approx(float(values[0]), rel=1e-8), (member, name)


def test_the_last_rate_of_a_fleet_is_that_of_its_schedule(task: TrainingTask) -> None:
    runs = make_runs(2, lr_schedule=["exponential", "constant"], lr_gamma=0.5)
    settings = TrainingSettings(epochs=3, device="cpu")
    training = FleetTraining("vanillix", runs, ResidentMatrix(task, settings), settings)
    training.advance(3)
    assert training.optimiser.learning_rates.tolist() == pytest.approx([2.5e-4, 1e-3])
