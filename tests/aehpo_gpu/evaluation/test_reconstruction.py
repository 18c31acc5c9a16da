"""The R2 of reconstructed samples against scikit-learn's, sample by sample."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from plain_training import make_runs
from sklearn.metrics import r2_score

from aehpo_gpu.evaluation.reconstruction import r2_of_samples, spread_of_samples
from aehpo_gpu.export.module import module_of_run
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


def r2(target: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """R2 of one run, (samples,)."""
    x, y = torch.from_numpy(target), torch.from_numpy(guess)
    return r2_of_samples((y - x).square().sum(1)[None], spread_of_samples(x)[None])[0].numpy()


def of_scikit_learn(target: np.ndarray, guess: np.ndarray) -> np.ndarray:
    return np.array([r2_score(x, y) for x, y in zip(target, guess, strict=True)])


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**31), count=st.integers(2, 300), double=st.booleans())
def test_equals_scikit_learn(seed: int, count: int, double: bool) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=(5, count)).astype(np.float64 if double else np.float32)
    guess = target + rng.normal(size=(5, count)).astype(target.dtype)
    tolerance = 1e-12 if double else 1e-4
    np.testing.assert_allclose(
        r2(target, guess), of_scikit_learn(target, guess), rtol=tolerance, atol=tolerance
    )


@settings(max_examples=40, deadline=None)
@given(value=st.integers(-8, 8), count=st.integers(2, 300), double=st.booleans())
def test_a_sample_of_equal_features_is_right_or_wrong_as_in_scikit_learn(
    value: int, count: int, double: bool
) -> None:
    target = np.full((2, count), value / 4, dtype=np.float64 if double else np.float32)
    guess = target.copy()
    guess[1, 0] += 0.5
    assert r2(target, guess).tolist() == of_scikit_learn(target, guess).tolist() == [1.0, 0.0]


@settings(max_examples=40, deadline=None)
@given(value=st.floats(-4, 4, width=32), count=st.integers(2, 300))
def test_rounding_makes_no_spread_of_equal_features(value: float, count: int) -> None:
    assert spread_of_samples(torch.full((3, count), value)).tolist() == [0.0] * 3


def test_exact_and_mean_reconstructions() -> None:
    target = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    guess = np.array([[1.0, 2.0, 3.0], [2.0, 2.0, 2.0]])
    np.testing.assert_allclose(r2(target, guess), [1, 0], atol=1e-15)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
@pytest.mark.parametrize("target", [[1.0, 1.0], [1.0, 2.0]], ids=["constant", "varied"])
def test_a_reconstruction_that_is_not_finite_is_not_hidden(
    target: list[float], wrong: float
) -> None:
    assert not np.isfinite(r2(np.array([target]), np.array([[wrong, 1.0]]))).any()


def test_the_r2_of_a_run_is_scikit_learns_over_its_own_features(task: TrainingTask) -> None:
    matrix = task.matrix.copy()
    matrix[::7] = 0.25
    flat = TrainingTask(task.task, matrix, task.split, task.targets)
    runs = make_runs(2, k_filter=[48, 20])
    chosen = TrainingSettings(epochs=3, precision="float64", device="cpu")
    training = FleetTraining("vanillix", runs, ResidentMatrix(flat, chosen), chosen)
    training.advance(chosen.epochs)
    for row, features in enumerate(runs["k_filter"]):
        module = module_of_run(training.network, row, 0.0).double().eval()
        x = torch.tensor(matrix[:, :features], dtype=torch.float64)
        with torch.no_grad():
            guess = module(x)
        expected = of_scikit_learn(x.numpy(), guess.numpy())
        for part in ("train", "valid", "test"):
            found = float(training.metrics[f"{part}_r2"][row])
            assert found == pytest.approx(expected[task.split == part].mean(), rel=1e-9)
