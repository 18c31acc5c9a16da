"""The kernel is the most probable one, and its strength is left open as far as values leave it."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_means import noisy
from scipy.optimize import check_grad
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern

from aehpo_assets.hpo.surrogate.kernel import (
    _Likelihood,
    centre_and_scale,
    fit_kernel,
)


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


def test_structure_that_is_plain_has_about_one_strength_and_none_that_is_not() -> None:
    X, y, noise = noisy(200, 3, 4)
    plain = fit_kernel(X, y, noise).strengths
    assert all(strength > 0 for strength, _ in plain)
    assert sum(probability for _, probability in plain) == pytest.approx(1)
    nothing = np.random.default_rng(5).normal(size=200)
    without = dict(fit_kernel(X, nothing, np.ones(200)).strengths)
    assert without[0.0] > 0.5
