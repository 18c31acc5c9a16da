"""The kernel of a Gaussian process, found by what the values make likely.

Matérn 5/2 with one length scale a column, and what one configuration has beside it; the noise of
each row is given. Written out here, and not scikit-learn's, because the gradient of the likelihood
needs no (rows, rows, columns) array: sums over pairs are products of matrices.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

import numpy as np

FIT_ROWS = 2000
"""Most rows that hyperparameters are fitted to; the posterior takes all."""

FIRST_ROWS = 500
"""Rows on which the search for them begins where there are more: their optimum is near."""

_ENOUGH = {"ftol": 1e-6}
"""Where a search for the most probable ones ends: what is left to gain decides nothing."""

JITTER = 1e-8
"""Share of the variance that is added to the diagonal, so that equal rows can be told apart."""

_LENGTHS = (0.05, 50.0)
_AMPLITUDES = (1e-4, 1e2)
_LEFT = (1e-6, 2.0)

_AMPLITUDE_PRIOR = (0.5, 1.0)
_LENGTH_PRIOR = (1.0, 1.0)
_ROUGHNESS_PRIOR = (0.1, 1.5)
_NUGGET_PRIOR = (0.3, 1.5)
"""Median and standard deviation of the logarithm: half of the variance for the process, and length
scales of the order of a hyperparameter's range. From a hundred noisy means the likelihood alone
takes noise for structure too readily, and promises what is not there."""

_STRENGTHS = 10 ** np.linspace(-1.5, 0.5, 9)
"""How much stronger or weaker than the most probable one the process may be."""

_NOTHING = 0.5
"""Probability, before anything was seen, that no hyperparameter matters and all values are one."""

_SELDOM = 1e-3
"""Probability below which a strength is left out."""

_STARTS = (1.0, 0.3)
"""Length scales that the search for the likelihood's maximum begins with."""


@dataclass(frozen=True)
class Kernel:
    """Hyperparameters of the process, for values of mean 0 and variance 1.

    Attributes
    ----------
    amplitude
        Variance of the process.
    length_scales
        (columns,) how far one has to go in each for the value to become another.
    roughness
        Variance of what a configuration truly has beside the process: where the kernel is wrong,
        its own runs still count.
    nugget
        Variance of a single replicate where it is not known; 0 where it is.
    strengths
        How many times as strong as that process and roughness may be, each with its probability.
        Among configurations that are all the same, the most probable strength is above 0.
    """

    amplitude: float
    length_scales: np.ndarray
    roughness: float = 0.0
    nugget: float = 0.0
    strengths: tuple[tuple[float, float], ...] = ((1.0, 1.0),)

    def covariance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Covariance of true values, each of one with each of the other, at strength 1."""
        gaps = (one / self.length_scales)[:, None, :] - (other / self.length_scales)[None]
        scaled = np.sqrt(5 * (gaps**2).sum(axis=2))
        matern = self.amplitude * (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
        return matern + self.roughness * (scaled == 0)


def fit_kernel(
    X: np.ndarray,
    y: np.ndarray,
    noise: np.ndarray,
    seed: int = 0,
    *,
    start: Kernel | None = None,
    replicates: np.ndarray | None = None,
    most: int = FIT_ROWS,
) -> Kernel:
    """Find the most probable hyperparameters: marginal likelihood times a weak prior of each.

    Parameters
    ----------
    X
        (rows, columns) in [0, 1].
    y
        (rows,) means.
    noise
        (rows,) variance of the noise of each mean; where ``replicates`` are given, the least that
        it is.
    seed
        Seed of the draws of rows, above :data:`FIRST_ROWS` and ``most``.
    start
        Where the search begins; several starts of its own by default.
    replicates
        (rows,) replicates of each mean, where the noise of one is to be found as well.
    most
        Rows that are looked at.

    Returns
    -------
    Kernel
        For ``(y - mean) / deviation``; the nugget is what a replicate has above ``noise``.
    """
    order = np.random.default_rng(seed).permutation(len(y))
    if min(len(y), most) > FIRST_ROWS and start is None:
        start = _largest_likelihood(X, y, noise, replicates, order[:FIRST_ROWS], None)
    kernel = _largest_likelihood(X, y, noise, replicates, order[:most], start)
    few = np.sort(order[:FIRST_ROWS])
    return replace(kernel, strengths=_strengths(kernel, X[few], y[few], noise[few]))


def _strengths(
    kernel: Kernel, X: np.ndarray, y: np.ndarray, noise: np.ndarray
) -> tuple[tuple[float, float], ...]:
    """Return the strengths that the values leave possible, by their marginal likelihoods."""
    from scipy.linalg import cho_solve, cholesky

    mean, scale = centre_and_scale(y)
    values = (y - mean) / scale
    covariance = kernel.covariance(X, X)
    own = np.diag(noise / scale**2 + JITTER)
    strengths = [0.0, *_STRENGTHS.tolist()]
    logs = np.log([_NOTHING, *np.full(len(_STRENGTHS), (1 - _NOTHING) / len(_STRENGTHS))])
    with on_one_thread():
        for one, strength in enumerate(strengths):
            factor = cholesky(strength * covariance + own, lower=True)
            logs[one] -= 0.5 * values @ cho_solve((factor, True), values)
            logs[one] -= np.log(np.diag(factor)).sum()
    likely = np.exp(logs - logs.max())
    likely[likely < _SELDOM * likely.sum()] = 0
    likely /= likely.sum()
    return tuple((s, p) for s, p in zip(strengths, likely.tolist(), strict=True) if p)


def _largest_likelihood(
    X: np.ndarray,
    y: np.ndarray,
    noise: np.ndarray,
    replicates: np.ndarray | None,
    rows: np.ndarray,
    start: Kernel | None,
) -> Kernel:
    from scipy.optimize import minimize

    rows = np.sort(rows)
    X, y, noise = X[rows], y[rows], noise[rows]
    replicates = None if replicates is None else replicates[rows]
    mean, scale = centre_and_scale(y)
    likelihood = _Likelihood(X, (y - mean) / scale, noise / scale**2, replicates)
    columns = X.shape[1]
    lengths = [np.full(columns, length) for length in _STARTS]
    starts = [Kernel(0.5, length, 0.1, 0.5) for length in lengths] if start is None else [start]
    bounds = [tuple(np.log(_AMPLITUDES)), *[tuple(np.log(_LENGTHS))] * columns]
    bounds += [tuple(np.log(_LEFT))]
    best = None
    # Sums in another order, as with other numbers of threads, would end in other optima.
    with on_one_thread():
        for first in starts:
            last = first.roughness if replicates is None else first.nugget
            begin = np.log([first.amplitude, *first.length_scales, max(last, _LEFT[0])])
            begin = np.clip(begin, *np.array(bounds).T)
            found = minimize(likelihood.loss, begin, jac=True, method="L-BFGS-B", bounds=bounds)
            if best is None or found.fun < best.fun:
                best = found
    assert best is not None
    values = np.exp(best.x)
    last = float(values[-1])
    roughness, nugget = (last, 0.0) if replicates is None else (0.0, last)
    return Kernel(float(values[0]), values[1 : columns + 1], roughness, nugget)


def on_one_thread() -> AbstractContextManager[Any]:
    """Return a block in which linear algebra has one thread: its sums have one order then."""
    return _linear_algebra().limit(limits=1)


@cache
def _linear_algebra() -> Any:
    """Return what sets its threads; to look for the libraries takes longer than a small process."""
    import scipy.linalg  # noqa: F401
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def centre_and_scale(y: np.ndarray) -> tuple[float, float]:
    """Return the mean and the standard deviation of values, 1 where they are all equal."""
    scale = float(y.std())
    return float(y.mean()), scale if scale > 1e-12 else 1.0


@dataclass(frozen=True)
class _Likelihood:
    X: np.ndarray
    y: np.ndarray
    noise: np.ndarray
    replicates: np.ndarray | None

    def loss(self, logs: np.ndarray) -> tuple[float, np.ndarray]:
        """Negative logarithm of likelihood times prior, and its gradient by the logarithms."""
        from scipy.linalg import cho_solve, cholesky, lapack

        columns = self.X.shape[1]
        amplitude, lengths = np.exp(logs[0]), np.exp(logs[1 : columns + 1])
        Z = self.X / lengths
        squares = (Z**2).sum(axis=1)
        scaled = np.sqrt(5 * np.maximum(squares[:, None] + squares[None] - 2 * Z @ Z.T, 0))
        decay = amplitude * np.exp(-scaled)
        matern = decay * (1 + scaled + scaled**2 / 3)
        noise = self.noise + JITTER
        counts = np.ones(len(self.y)) if self.replicates is None else self.replicates
        of_nugget = np.exp(logs[-1]) / counts
        covariance = matern.copy()
        covariance[np.diag_indices_from(covariance)] += noise + of_nugget
        try:
            factor = cholesky(covariance, lower=True, check_finite=False)
        except np.linalg.LinAlgError:
            return 1e10, np.zeros(len(logs))
        weights = cho_solve((factor, True), self.y, check_finite=False)
        inverse, _ = lapack.dpotri(factor, lower=1)
        inverse = np.tril(inverse) + np.tril(inverse, -1).T
        value = 0.5 * self.y @ weights + np.log(np.diag(factor)).sum()
        value += 0.5 * len(self.y) * np.log(2 * np.pi)
        pull = np.outer(weights, weights) - inverse
        gradient = np.empty(len(logs))
        gradient[0] = 0.5 * (pull * matern).sum()
        pairs = pull * (5 / 3) * decay * (1 + scaled)
        gradient[1 : columns + 1] = pairs.sum(axis=1) @ Z**2 - (Z * (pairs @ Z)).sum(axis=0)
        gradient[-1] = 0.5 * (np.diag(pull) * of_nugget).sum()
        away = (logs - self._prior[0]) / self._prior[1]
        return float(value + 0.5 * away @ away), away / self._prior[1] - gradient

    @cached_property
    def _prior(self) -> tuple[np.ndarray, np.ndarray]:
        last = _ROUGHNESS_PRIOR if self.replicates is None else _NUGGET_PRIOR
        lengths = [_LENGTH_PRIOR] * self.X.shape[1]
        medians, spreads = np.array([_AMPLITUDE_PRIOR, *lengths, last]).T
        return np.log(medians), spreads
