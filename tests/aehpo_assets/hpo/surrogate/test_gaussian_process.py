"""The Gaussian process is the textbook's, and scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from aehpo_assets.hpo.surrogate.gaussian_process import (
    GaussianProcess,
    Kernel,
    _Likelihood,
    centre_and_scale,
    fit_kernel,
)


def noisy(rows: int, columns: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    X = generator.random((rows, columns))
    noise = generator.uniform(0.01, 0.4, rows)
    y = 5 + np.sin(4 * X[:, 0]) + X[:, -1] ** 2 + generator.normal(0, np.sqrt(noise))
    return X, y, noise


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


def test_nothing_more_probable_is_found_where_scikit_learn_ends() -> None:
    """With many rows the prior hardly matters: both end near each other."""
    X, y, noise = noisy(250, 3, 0)
    mean, scale = centre_and_scale(y)
    kernel = ConstantKernel(1, (1e-4, 1e2)) * Matern(np.ones(3), (0.05, 50), nu=2.5)
    theirs = GaussianProcessRegressor(kernel, alpha=noise / scale**2).fit(X, (y - mean) / scale)
    ours = fit_kernel(X, y, noise)
    likelihood = _Likelihood(X, (y - mean) / scale, noise / scale**2, None)
    own = np.log([ours.amplitude, *ours.length_scales, ours.roughness])
    for roughness in (1e-6, ours.roughness):
        their = np.append(theirs.kernel_.theta, np.log(roughness))
        assert likelihood.loss(own)[0] < likelihood.loss(their)[0] + 0.01
    assert theirs.log_marginal_likelihood(own[:-1]) > theirs.log_marginal_likelihood_value_ - 4


@pytest.mark.parametrize("replicates", [None, np.arange(1, 31) % 4 + 1])
def test_gradient_is_that_of_the_likelihood(replicates: np.ndarray | None) -> None:
    X, y, noise = noisy(30, 2, 1)
    mean, scale = centre_and_scale(y)
    likelihood = _Likelihood(X, (y - mean) / scale, noise, replicates)
    at = np.log([0.5, 0.3, 2.0, 0.2])
    error = check_grad(lambda x: likelihood.loss(x)[0], lambda x: likelihood.loss(x)[1], at)
    assert error < 1e-4


def test_the_noise_of_single_runs_is_found_where_nobody_measured_it() -> None:
    generator = np.random.default_rng(0)
    X = generator.random((300, 2))
    y = 2 * np.sin(4 * X[:, 0]) + generator.normal(0, 0.5, 300)
    kernel = fit_kernel(X, y, np.zeros(300), replicates=np.ones(300))
    assert kernel.nugget * y.var() == pytest.approx(0.25, rel=0.25)


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
