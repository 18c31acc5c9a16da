"""The logistic regressions of many runs against scikit-learn's, one by one."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from aehpo_gpu.evaluation import logistic
from aehpo_gpu.evaluation.logistic import fit_logistic_regression, predict_probabilities


def draw(
    seed: int, n_runs: int, n_samples: int, latent_dim: int, n_classes: int, signal: float = 1.0
) -> tuple[np.ndarray, np.ndarray]:
    """Latents (runs, samples, latent_dim) that know something of unevenly frequent classes."""
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(1, n_classes + 1)
    more = rng.choice(n_classes, n_samples - 2 * n_classes, p=share / share.sum())
    codes = rng.permutation(np.r_[np.arange(n_classes), np.arange(n_classes), more])
    centres = signal * rng.normal(size=(n_runs, n_classes, latent_dim))
    return rng.normal(size=(n_runs, n_samples, latent_dim)) + centres[:, codes], codes


def fit(latents: np.ndarray, codes: np.ndarray) -> torch.Tensor:
    n_classes = int(codes.max()) + 1
    return fit_logistic_regression(torch.from_numpy(latents), torch.from_numpy(codes), n_classes)


def scikit_learn(latents: np.ndarray, codes: np.ndarray) -> LogisticRegression:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return LogisticRegression(
            C=1.0, class_weight="balanced", solver="newton-cholesky", tol=1e-10, max_iter=1000
        ).fit(latents, codes)


def objective(coefficients: torch.Tensor, latents: np.ndarray, codes: np.ndarray) -> float:
    """What scikit-learn documents that it minimises, written down once more."""
    n_classes = len(coefficients)
    X, y = torch.from_numpy(latents).double(), torch.from_numpy(codes)
    weight = len(y) / (n_classes * torch.bincount(y).double())
    logits = X @ coefficients[:, :-1].T + coefficients[:, -1]
    loss = torch.nn.functional.cross_entropy(logits, y, reduction="none") @ weight[y]
    slopes = coefficients[:, :-1]
    penalised = slopes[1] - slopes[0] if n_classes == 2 else slopes
    return float(loss + penalised.square().sum() / 2)


def rows(model: LogisticRegression) -> torch.Tensor:
    coefficients = np.c_[model.coef_, model.intercept_]
    if len(coefficients) == 1:
        coefficients = np.r_[-coefficients / 2, coefficients / 2]
    return torch.from_numpy(coefficients)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**31),
    n_classes=st.integers(2, 6),
    latent_dim=st.integers(1, 10),
    signal=st.sampled_from([0.0, 0.5, 2.0, 8.0]),
)
def test_finds_the_optimum_of_scikit_learn(
    seed: int, n_classes: int, latent_dim: int, signal: float
) -> None:
    latents, codes = draw(seed, 2, 60, latent_dim, n_classes, signal)
    coefficients = fit(latents, codes)
    probabilities = predict_probabilities(torch.from_numpy(latents), coefficients)
    for run in range(2):
        model = scikit_learn(latents[run], codes)
        np.testing.assert_allclose(coefficients[run], rows(model), atol=1e-4)
        np.testing.assert_allclose(probabilities[run], model.predict_proba(latents[run]), atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1e3, 1e6, "mixed", "offset"])
def test_finds_the_optimum_at_any_scale(n_classes: int, scale: float | str) -> None:
    latents, codes = draw(3, 1, 120, 7, n_classes)
    if scale == "mixed":
        latents = latents * np.logspace(-6, 6, 7)
    elif scale == "offset":
        latents = latents + 1e6
    else:
        latents = latents * scale
    found = objective(fit(latents, codes)[0], latents[0], codes)
    assert found <= objective(rows(scikit_learn(latents[0], codes)), latents[0], codes) * (1 + 1e-9)


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("kind", ["separable", "duplicated", "wide", "outlier", "heavy"])
def test_finds_the_optimum_of_hard_problems(n_classes: int, kind: str) -> None:
    latents, codes = draw(5, 1, 80, 6, n_classes, 30.0 if kind == "separable" else 1.0)
    if kind == "duplicated":
        latents = np.concatenate([latents, latents, latents[..., :1] * 1e5], -1)
    elif kind == "wide":
        latents = np.random.default_rng(1).normal(size=(1, 80, 150))
    elif kind == "outlier":
        latents[0, 7] *= 1e6
    elif kind == "heavy":
        latents = np.random.default_rng(2).standard_cauchy(latents.shape)
    found = objective(fit(latents, codes)[0], latents[0], codes)
    assert found <= objective(rows(scikit_learn(latents[0], codes)), latents[0], codes) * (1 + 1e-8)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**31), n_classes=st.integers(2, 5), padding=st.integers(1, 6))
def test_columns_of_zeros_are_inert(seed: int, n_classes: int, padding: int) -> None:
    latents, codes = draw(seed, 2, 40, 4, n_classes)
    padded = np.concatenate([latents, np.zeros((2, 40, padding))], -1)
    coefficients = fit(padded, codes)
    assert bool((coefficients[..., 4:-1] == 0).all())
    kept = torch.cat([coefficients[..., :4], coefficients[..., -1:]], -1)
    torch.testing.assert_close(kept, fit(latents, codes), rtol=0, atol=1e-6)


@settings(max_examples=5, deadline=None)
@given(seed=st.integers(0, 2**31), n_classes=st.integers(2, 5))
def test_a_run_does_not_depend_on_its_batch(seed: int, n_classes: int) -> None:
    latents, codes = draw(seed, 4, 40, 3, n_classes)
    latents *= np.array([1e-6, 1.0, 1e3, 1e6])[:, None, None]
    together = fit(latents, codes)
    for run in range(4):
        alone = fit(latents[run : run + 1], codes)[0]
        scale = alone.abs().max()
        torch.testing.assert_close(together[run] / scale, alone / scale, rtol=0, atol=1e-6)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    latents, codes = draw(0, 5, 60, 4, 3)
    whole = fit(latents, codes)
    monkeypatch.setitem(logistic.CHUNK_BYTES, "cpu", 1)
    torch.testing.assert_close(fit(latents, codes), whole, rtol=0, atol=1e-6)


def test_is_repeatable_bit_for_bit() -> None:
    latents, codes = draw(0, 5, 60, 4, 3)
    assert torch.equal(fit(latents, codes), fit(latents, codes))


@pytest.mark.parametrize("value", [0.0, 0.1, 1e6, -1e-8])
def test_constant_latents_tell_nothing(value: float) -> None:
    _, codes = draw(0, 1, 30, 1, 3)
    latents = np.full((1, 30, 2), value, dtype=np.float32)
    coefficients = fit(latents, codes)
    assert bool((coefficients[..., :-1] == 0).all())
    probabilities = predict_probabilities(torch.from_numpy(latents), coefficients)
    torch.testing.assert_close(probabilities, torch.full_like(probabilities, 1 / 3))


def test_refuses_a_class_without_samples() -> None:
    with pytest.raises(ValueError, match="every class needs a sample"):
        fit_logistic_regression(torch.zeros(1, 4, 2), torch.tensor([0, 1, 0, 1]), 3)


def test_refuses_shapes_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        fit_logistic_regression(torch.zeros(1, 4, 2), torch.tensor([0, 1, 0]), 2)
