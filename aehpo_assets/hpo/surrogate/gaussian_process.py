"""An exact Gaussian process over configurations whose means have a known noise.

How strong its structure is, is not decided but averaged over: where all configurations are the
same, the most probable strength takes noise for structure, and promises what is not there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path

import numpy as np

from aehpo_assets.hpo.surrogate.kernel import JITTER, Kernel, centre_and_scale, on_one_thread

_CHUNK = 4_000_000
"""Elements of the largest array of a prediction."""


class GaussianProcess:
    """The posterior of the true mean of any configuration, given means with known noise.

    Equal to scikit-learn's ``GaussianProcessRegressor`` with ``alpha`` the noise, apart from the
    constant mean and the scale, which are those of the values, from the roughness, and from the
    strengths: mean and covariance are those of the mixture of processes.

    Parameters
    ----------
    kernel
        Output of :func:`aehpo_assets.hpo.surrogate.kernel.fit_kernel`.
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
        weights = self._probabilities @ self.weights
        for rows in self._chunks(X):
            covariance = self.kernel.covariance(X[rows], self.X)
            standardised[rows] = (covariance * weights).sum(axis=1)
        return self.mean + self.scale * standardised

    def covariance(self, X: np.ndarray) -> np.ndarray:
        """Posterior covariance, (rows, rows)."""
        left = self._expected_strength * self.kernel.covariance(X, X)
        for half in self._halves(X):
            left -= half.T @ half
        apart = self._apart(X)
        return self.inflation * self.scale**2 * (left + apart.T @ apart)

    def variance(self, X: np.ndarray) -> np.ndarray:
        """Posterior variance, (rows,)."""
        before = self._expected_strength * (self.kernel.amplitude + self.kernel.roughness)
        left = np.full(len(X), before)
        for rows in self._chunks(X):
            for half in self._halves(X[rows]):
                left[rows] -= (half**2).sum(axis=0)
            left[rows] += (self._apart(X[rows]) ** 2).sum(axis=0)
        return self.inflation * self.scale**2 * np.maximum(left, 0)

    def _chunks(self, X: np.ndarray) -> Iterator[slice]:
        step = max(1, _CHUNK // max(1, self.X.size))
        for begin in range(0, len(X), step):
            yield slice(begin, begin + step)

    @property
    def _probabilities(self) -> np.ndarray:
        return np.array([probability for _, probability in self.kernel.strengths])

    @property
    def _expected_strength(self) -> float:
        return sum(strength * probability for strength, probability in self.kernel.strengths)

    @cached_property
    def _factors(self) -> list[np.ndarray]:
        """Cholesky factors of the covariance of what was seen at each strength, standardised."""
        from scipy.linalg import cholesky

        blocks = [self.kernel.covariance(self.X[rows], self.X) for rows in self._chunks(self.X)]
        covariance = np.concatenate(blocks)
        own = self.noise / self.scale**2 + JITTER
        factors = []
        with on_one_thread():
            for strength, _ in self.kernel.strengths:
                total = strength * covariance
                total[np.diag_indices_from(total)] += own
                factors.append(cholesky(total, lower=True, overwrite_a=True))
        return factors

    def _solve(self, y: np.ndarray) -> np.ndarray:
        """(strengths, rows seen) what the covariance with each row adds to the mean."""
        from scipy.linalg import cho_solve

        with on_one_thread():
            return np.array(
                [
                    strength * cho_solve((factor, True), y)
                    for (strength, _), factor in zip(
                        self.kernel.strengths, self._factors, strict=True
                    )
                ]
            )

    def _halves(self, X: np.ndarray) -> Iterator[np.ndarray]:
        """(rows seen, rows) whose squares are what was learned, a strength at a time."""
        from scipy.linalg import solve_triangular

        between = self.kernel.covariance(self.X, X)
        for (strength, probability), factor in zip(
            self.kernel.strengths, self._factors, strict=True
        ):
            if strength:
                with on_one_thread():
                    half = solve_triangular(factor, between, lower=True)
                yield np.sqrt(probability) * strength * half

    def _apart(self, X: np.ndarray) -> np.ndarray:
        """(strengths, rows) by how much the means at each strength differ from that of all."""
        away = self.weights - self._probabilities @ self.weights
        return np.sqrt(self._probabilities)[:, None] * (away @ self.kernel.covariance(self.X, X))

    def save(self, path: Path) -> None:
        """Write what was seen, the kernel and the weights."""
        np.savez(
            path,
            X=self.X,
            noise=self.noise,
            weights=self.weights,
            length_scales=self.kernel.length_scales,
            strengths=np.array(self.kernel.strengths),
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
            strengths = tuple((float(s), float(p)) for s, p in content["strengths"])
            process.kernel = Kernel(
                amplitude, content["length_scales"], roughness, strengths=strengths
            )
        return process
