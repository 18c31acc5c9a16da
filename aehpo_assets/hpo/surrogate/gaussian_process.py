"""An exact Gaussian process over configurations whose means have a known noise.

The kernel is Matérn 5/2 with one length scale a column, and what one configuration has beside it;
the noise of each row is given. Written out here, and not scikit-learn's, because the gradient of
the likelihood needs no (rows, rows, columns) array: sums over pairs are products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

FIT_ROWS = 2000
"""Most rows that hyperparameters are fitted to; the posterior takes all."""

FIRST_ROWS = 500
"""Rows on which the search for them begins where there are more: their optimum is near."""

_CHUNK = 4_000_000
"""Elements of the largest array of a prediction."""

_ENOUGH = {"ftol": 1e-6}
"""Where a search for the most probable ones ends: what is left to gain decides nothing."""

_JITTER = 1e-8
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
    """

    amplitude: float
    length_scales: np.ndarray
    roughness: float = 0.0
    nugget: float = 0.0


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
    return _largest_likelihood(X, y, noise, replicates, order[:most], start)


def _largest_likelihood(
    X: np.ndarray,
    y: np.ndarray,
    noise: np.ndarray,
    replicates: np.ndarray | None,
    rows: np.ndarray,
    start: Kernel | None,
) -> Kernel:
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

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
    with threadpool_limits(1):
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
        noise = self.noise + _JITTER
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


class GaussianProcess:
    """The posterior of the true mean of any configuration, given means with known noise.

    Equal to scikit-learn's ``GaussianProcessRegressor`` with ``alpha`` the noise, apart from the
    constant mean and the scale, which are those of the values, and from the roughness.

    Parameters
    ----------
    kernel
        Output of :func:`fit_kernel`.
    X, y, noise
        (rows, columns), (rows,), (rows,): configurations, means, variances of their noise.
    inflation
        What the posterior's variance is multiplied by: hyperparameters that were fitted are not
        known for certain.
    """

    suffix = ".npz"

    def __init__(
        self,
        kernel: Kernel,
        X: np.ndarray,
        y: np.ndarray,
        noise: np.ndarray,
        inflation: float = 1.0,
    ):
        self.inflation = inflation
        self.kernel = replace(kernel, nugget=0.0)
        self.X, self.noise = X, noise
        self.mean, self.scale = centre_and_scale(y)
        self.weights = self._solve((y - self.mean) / self.scale)

    @property
    def length_scales(self) -> np.ndarray:
        """(columns,) what counts as one unit of distance in each."""
        return self.kernel.length_scales

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Posterior mean, (rows,); a row's bits do not depend on what it is asked with."""
        standardised = np.empty(len(X))
        step = max(1, _CHUNK // max(1, self.X.size))
        for begin in range(0, len(X), step):
            rows = slice(begin, begin + step)
            standardised[rows] = (self._covariance(X[rows], self.X) * self.weights).sum(axis=1)
        return self.mean + self.scale * standardised

    def covariance(self, X: np.ndarray) -> np.ndarray:
        """Posterior covariance, (rows, rows)."""
        half = self._half(X)
        return self.inflation * self.scale**2 * (self._covariance(X, X) - half.T @ half)

    def variance(self, X: np.ndarray) -> np.ndarray:
        """Posterior variance, (rows,)."""
        step = max(1, _CHUNK // max(1, self.X.size))
        parts = [
            self.kernel.amplitude
            + self.kernel.roughness
            - (self._half(X[begin : begin + step]) ** 2).sum(axis=0)
            for begin in range(0, len(X), step)
        ]
        return self.inflation * self.scale**2 * np.maximum(np.concatenate(parts), 0)

    def _covariance(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        lengths = self.kernel.length_scales
        gaps = (one / lengths)[:, None, :] - (other / lengths)[None]
        scaled = np.sqrt(5 * (gaps**2).sum(axis=2))
        matern = self.kernel.amplitude * (1 + scaled + scaled**2 / 3) * np.exp(-scaled)
        return matern + self.kernel.roughness * (scaled == 0)

    @cached_property
    def _factor(self) -> np.ndarray:
        """Cholesky factor of the covariance of what was seen, on the standard scale."""
        from scipy.linalg import cholesky
        from threadpoolctl import threadpool_limits

        step = max(1, _CHUNK // max(1, self.X.size))
        blocks = [
            self._covariance(self.X[begin : begin + step], self.X)
            for begin in range(0, len(self.X), step)
        ]
        covariance = np.concatenate(blocks)
        covariance[np.diag_indices_from(covariance)] += self.noise / self.scale**2 + _JITTER
        with threadpool_limits(1):
            return cholesky(covariance, lower=True, overwrite_a=True)

    def _solve(self, y: np.ndarray) -> np.ndarray:
        from scipy.linalg import cho_solve
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return cho_solve((self._factor, True), y)

    def _half(self, X: np.ndarray) -> np.ndarray:
        from scipy.linalg import solve_triangular
        from threadpoolctl import threadpool_limits

        with threadpool_limits(1):
            return solve_triangular(self._factor, self._covariance(self.X, X), lower=True)

    def save(self, path: Path) -> None:
        """Write what was seen, the kernel and the weights."""
        np.savez(
            path,
            X=self.X,
            noise=self.noise,
            weights=self.weights,
            length_scales=self.kernel.length_scales,
            constants=np.array(
                [
                    self.kernel.amplitude,
                    self.kernel.roughness,
                    self.mean,
                    self.scale,
                    self.inflation,
                ]
            ),
        )

    @classmethod
    def restore(cls, path: Path) -> GaussianProcess:
        """Read what :meth:`save` wrote."""
        process = cls.__new__(cls)
        with np.load(path, allow_pickle=False) as content:
            process.X, process.noise = content["X"], content["noise"]
            process.weights = content["weights"]
            amplitude, roughness, *rest = map(float, content["constants"])
            process.mean, process.scale, process.inflation = rest
            process.kernel = Kernel(amplitude, content["length_scales"], roughness)
        return process
