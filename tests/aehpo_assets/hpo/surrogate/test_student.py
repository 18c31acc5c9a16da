"""The noise of means, where it is estimated, by what their neighbours say."""

from __future__ import annotations

import numpy as np
import pytest
from noisy_means import noisy

from aehpo_assets.hpo.surrogate.gaussian_process import GaussianProcess
from aehpo_assets.hpo.surrogate.kernel import Kernel, fit_kernel
from aehpo_assets.hpo.surrogate.student import noise_beside_neighbours

KERNEL = Kernel(0.5, np.full(2, 0.5), 0.01)


def settled_noise(
    kernel: Kernel, X: np.ndarray, y: np.ndarray, noise: np.ndarray, degrees: np.ndarray
) -> np.ndarray:
    def posterior(noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        process = GaussianProcess(kernel, X, y, noise)
        return process.predict(X), process.variance(X)

    return noise_beside_neighbours(posterior, y, noise, degrees)


def test_noise_that_is_known_for_certain_stays() -> None:
    X, y, noise = noisy(30, 2, 0)
    degrees = np.where(np.arange(30) < 10, np.inf, 4.0)
    found = settled_noise(KERNEL, X, y, noise, degrees)
    np.testing.assert_array_equal(found[:10], noise[:10])
    assert (found[10:] != noise[10:]).all()


def test_where_it_ends_it_is_what_variances_and_misses_say_together() -> None:
    X, y, noise = noisy(40, 2, 1)
    degrees = np.linspace(2, 20, 40)
    found = settled_noise(KERNEL, X, y, noise, degrees)
    process = GaussianProcess(KERNEL, X, y, found)
    missed = (y - process.predict(X)) ** 2 + process.variance(X)
    np.testing.assert_allclose(found, (degrees * noise + missed) / (degrees + 1), rtol=0.02)


def test_replicates_that_agree_by_luck_far_from_their_neighbours_are_believed_less() -> None:
    """The posterior mean of one mean that lies far off, beside that of Student by quadrature."""
    generator = np.random.default_rng(2)
    X = generator.random((60, 2))
    y = 0.1 * generator.normal(size=60)
    y[0] = 1.0
    noise, degrees = np.full(60, 0.01), np.full(60, 5.0)
    kernel = fit_kernel(X, y, noise)
    before = GaussianProcess(kernel, X, y, noise).predict(X)
    settled = settled_noise(kernel, X, y, noise, degrees)
    after = GaussianProcess(kernel, X, y, settled).predict(X)
    assert settled[0] == settled.max() > 5 * noise[0]
    assert np.median(settled) < 1.3 * noise[0]
    assert after[0] < 0.8 * before[0]
    # What the others say of it, against a Student-t density of its mean.
    others = GaussianProcess(kernel, X[1:], y[1:], settled[1:])
    scale = y.std() / y[1:].std()
    middle, spread = others.predict(X[:1])[0], np.sqrt(others.variance(X[:1])[0]) * scale
    grid = np.linspace(-1, 2, 4001)
    density = np.exp(-0.5 * ((grid - middle) / spread) ** 2)
    density *= (1 + (1.0 - grid) ** 2 / (5 * 0.01)) ** -3
    assert after[0] == pytest.approx((grid * density).sum() / density.sum(), abs=0.15)
