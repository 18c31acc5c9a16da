"""The Gaussian process is the textbook's, and scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from noisy_means import noisy
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from aehpo_assets.hpo.surrogate.gaussian_process import GaussianProcess
from aehpo_assets.hpo.surrogate.kernel import (
    Kernel,
    centre_and_scale,
    fit_kernel,
)


@settings(max_examples=20)
@given(
    st.integers(2, 40),
    st.integers(1, 4),
    st.integers(0, 1000),
    st.floats(0.1, 5),
    st.floats(0.1, 10),
)
def test_posterior_is_scikit_learns_with_alpha(
    rows: int, columns: int, seed: int, amplitude: float, length: float
) -> None:
    X, y, noise = noisy(rows, columns, seed)
    lengths = length * np.linspace(1, 2, columns)
    found = GaussianProcess(Kernel(amplitude, lengths), X, y, noise)
    mean, scale = centre_and_scale(y)
    expected = GaussianProcessRegressor(
        ConstantKernel(amplitude) * Matern(lengths, nu=2.5), alpha=noise / scale**2, optimizer=None
    ).fit(X, (y - mean) / scale)
    fresh = np.vstack([np.random.default_rng(seed + 1).random((6, columns)), X[:2]])
    means, covariance = expected.predict(fresh, return_cov=True)
    np.testing.assert_allclose(found.predict(fresh), mean + scale * means, rtol=1e-6)
    np.testing.assert_allclose(found.covariance(fresh), scale**2 * covariance, atol=1e-6)
    np.testing.assert_allclose(found.variance(fresh), np.diag(found.covariance(fresh)), atol=1e-9)


def test_strengths_are_averaged_over_as_a_mixture_of_processes() -> None:
    X, y, noise = noisy(25, 2, 3)
    strengths = ((0.0, 0.2), (0.5, 0.3), (2.0, 0.5))
    kernel = Kernel(0.6, np.array([0.4, 1.0]), 0.1, strengths=strengths)
    process = GaussianProcess(kernel, X, y, noise)
    fresh = np.vstack([np.random.default_rng(9).random((6, 2)), X[:2]])
    alone = [
        GaussianProcess(Kernel(0.6 * s, kernel.length_scales, 0.1 * s), X, y, noise)
        for s, _ in strengths
    ]
    shares = np.array([p for _, p in strengths])
    means = np.array([one.predict(fresh) for one in alone])
    mean = shares @ means
    within = sum(p * one.covariance(fresh) for p, one in zip(shares, alone, strict=True))
    between = (shares * (means - mean).T) @ (means - mean)
    np.testing.assert_allclose(process.predict(fresh), mean)
    np.testing.assert_allclose(process.covariance(fresh), within + between, atol=1e-9)
    np.testing.assert_allclose(process.variance(fresh), np.diag(within + between), atol=1e-9)


def test_little_is_promised_where_all_configurations_are_the_same() -> None:
    """The best of a hundred means of noise lies 2.5 of its standard deviations too high."""
    promised = []
    for seed in range(6):
        generator = np.random.default_rng(seed)
        X, y, noise = generator.random((96, 6)), generator.normal(size=96), np.ones(96)
        process = GaussianProcess(fit_kernel(X, y, noise), X, y, noise)
        promised.append(process.predict(X).max() - y.mean())
    assert np.mean(promised) < 0.35


def test_what_no_kernel_explains_stays_with_the_configuration() -> None:
    """Values that are noise to the kernel, but known exactly, are not shrunk away."""
    generator = np.random.default_rng(1)
    X, y = generator.random((80, 6)), generator.normal(0, 1, 80)
    noise = np.full(80, 0.01)
    process = GaussianProcess(fit_kernel(X, y, noise), X, y, noise)
    assert np.abs(process.predict(X) - y).max() < 0.3
    assert np.abs(process.predict(X + 1e-3)).mean() < np.abs(y).mean()
    assert (process.variance(X) < 0.02).all()
    assert (process.variance(generator.random((20, 6))) > 0.5).all()


def test_rows_do_not_depend_on_their_neighbours_and_survive_the_disk(tmp_path: Path) -> None:
    X, y, noise = noisy(50, 3, 2)
    process = GaussianProcess(fit_kernel(X, y, noise), X, y, noise)
    fresh = np.random.default_rng(0).random((30, 3))
    one_by_one = np.concatenate([process.predict(row[None]) for row in fresh])
    np.testing.assert_array_equal(process.predict(fresh), one_by_one)
    process.save(tmp_path / "model.npz")
    restored = GaussianProcess.restore(tmp_path / "model.npz")
    np.testing.assert_array_equal(restored.predict(fresh), process.predict(fresh))
    np.testing.assert_array_equal(restored.covariance(fresh), process.covariance(fresh))


def test_constant_values_and_a_single_row() -> None:
    X = np.random.default_rng(0).random((10, 2))
    for rows in (slice(None), slice(1)):
        y = np.full(len(X[rows]), 0.7)
        noise = np.zeros(len(y))
        process = GaussianProcess(fit_kernel(X[rows], y, noise), X[rows], y, noise)
        assert process.predict(X) == pytest.approx(0.7)
        assert np.isfinite(process.variance(X)).all()
