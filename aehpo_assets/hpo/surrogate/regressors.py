"""The model of one objective on one task: which of several, and what it says of true means.

The models themselves belong to ``gaussian_process`` and ``trees``; fitting all objectives of all
tasks to ``surrogate``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import NormalDist
from typing import Protocol

import numpy as np

from aehpo_assets.hpo.surrogate.gaussian_process import GaussianProcess
from aehpo_assets.hpo.surrogate.kernel import FIRST_ROWS, Kernel, fit_kernel
from aehpo_assets.hpo.surrogate.misfit import misfit_variance, variance_inflation
from aehpo_assets.hpo.surrogate.student import noise_beside_neighbours
from aehpo_assets.hpo.surrogate.trees import TREES, TreePosterior, shrunken

GAUSSIAN_PROCESS = "gaussian_process"
REGRESSORS = (GAUSSIAN_PROCESS, *TREES)
"""Names of the models."""


class Posterior(Protocol):
    """What every model can say, on the model scale."""

    suffix: str

    @property
    def length_scales(self) -> np.ndarray:
        """(columns,) what counts as one unit of distance in each."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Posterior mean, (rows,)."""

    def variance(self, X: np.ndarray) -> np.ndarray:
        """Posterior variance, (rows,)."""

    def covariance(self, X: np.ndarray) -> np.ndarray:
        """Posterior covariance, (rows, rows)."""

    def save(self, path: Path) -> None:
        """Write the fitted model."""


@dataclass(frozen=True)
class Means:
    """What a model is fitted on: configurations, their means, and what these are worth.

    Attributes
    ----------
    X
        (rows, columns) encoded configurations.
    y
        (rows,) means of their replicates, on the model scale.
    noise
        (rows,) variance of the noise of each mean.
    degrees
        (rows,) degrees of freedom that this is known with.
    """

    X: np.ndarray
    y: np.ndarray
    noise: np.ndarray
    degrees: np.ndarray

    def at(self, rows: np.ndarray) -> Means:
        """Take some rows."""
        return Means(self.X[rows], self.y[rows], self.noise[rows], self.degrees[rows])


@dataclass(frozen=True)
class ObjectiveModel:
    """A fitted model, and the noise of the runs that it was fitted on.

    Attributes
    ----------
    name
        One of :data:`REGRESSORS`.
    posterior
        Of the true mean of any configuration, on the model scale.
    noise
        Variance of a single replicate about its configuration's mean, on the model scale.
    noise_known
        Whether it was measured, by replicates.
    """

    name: str
    posterior: Posterior
    noise: float
    noise_known: bool


@dataclass(frozen=True)
class HeldOut:
    """What a model says of configurations that it did not see.

    Attributes
    ----------
    mean, variance
        (rows,) of their true means; NaN where there is a single fold.
    misfit
        For trees the variance by which they miss true means; for the process what its own had to
        be multiplied by.
    """

    mean: np.ndarray
    variance: np.ndarray
    misfit: float

    def log_densities(self, means: Means) -> np.ndarray:
        """(rows,) logarithms of the density of the held-out means, their noise included."""
        total = np.maximum(self.variance + means.noise, 1e-12)
        return -0.5 * (np.log(2 * np.pi * total) + (means.y - self.mean) ** 2 / total)


def fit_objective(
    means: Means,
    folds: np.ndarray,
    seed: int,
    candidates: Sequence[str],
    start: Kernel | None = None,
) -> tuple[str, Posterior, HeldOut, dict[str, float]]:
    """Fit the candidate under which unseen means are most likely.

    A later candidate takes the place of an earlier one if it is clearly better: the more noise, the
    less the likelihoods tell, and what trees promise of the best of many is then worth less than
    their likelihood. At two standard errors, trees took one in eight of 200 simulated tables of 96
    noisy means, promised .025 too much there, and recommended what was truly worse by .02 than what
    the process did.

    Parameters
    ----------
    means
        What to fit.
    folds
        (rows,) fold of every configuration.
    seed
        Seed of the models.
    candidates
        Of :data:`REGRESSORS`, the preferred one first.
    start
        Where the search for the kernel begins, if one is known.

    Returns
    -------
    name : str
    posterior : Posterior
        Fitted on all.
    held_out : HeldOut
        Of the chosen model.
    log_likelihoods : dict
        Candidate to its mean out-of-fold log-likelihood a configuration, on the model scale.
    """
    fitted = None
    held_out: dict[str, HeldOut] = {}
    for name in candidates:
        if name == GAUSSIAN_PROCESS:
            fitted = _fit_process(means, seed, start)
            held_out[name] = _process_out_of_fold(means, folds, *fitted)
        else:
            held_out[name] = _trees_out_of_fold(name, means, folds, seed)
    best = candidates[0]
    for name in candidates[1:]:
        if is_clearly_likelier(held_out[name], held_out[best], means, len(candidates) - 1):
            best = name
    likely = {name: float(found.log_densities(means).mean()) for name, found in held_out.items()}
    chosen = held_out[best]
    if best == GAUSSIAN_PROCESS:
        assert fitted is not None
        kernel, own = fitted
        posterior: Posterior = GaussianProcess(kernel, own.X, own.y, own.noise, chosen.misfit)
        return best, posterior, chosen, likely
    trees = TREES[best](seed).fit(means.X, means.y)
    known = np.isfinite(chosen.mean)
    own, held = means.at(known), chosen.mean[known]
    noise = noise_beside_neighbours(
        lambda noise: tuple(shrunken(held, own.y, noise, chosen.misfit).T),
        *(own.y, own.noise, own.degrees),
    )
    trained = shrunken(held, own.y, noise, chosen.misfit)
    return best, TreePosterior(trees, own.X, trained, chosen.misfit), chosen, likely


_BY_LUCK = 0.01
"""Probability that any of the rivals of the first candidate seems better by luck."""


def is_clearly_likelier(one: HeldOut, other: HeldOut, means: Means, rivals: int = 1) -> bool:
    """Whether means are likelier under one than under the other, which so many rivals attempt."""
    gains = one.log_densities(means) - other.log_densities(means)
    errors = NormalDist().inv_cdf(1 - _BY_LUCK / rivals)
    # NaN (a single fold) compares as false.
    return bool(gains.mean() > errors * gains.std() / np.sqrt(len(gains)))


def _fit_process(means: Means, seed: int, start: Kernel | None) -> tuple[Kernel, Means]:
    """Return the kernel, and the means with the noise that their neighbours leave them."""
    kernel = fit_kernel(means.X, means.y, means.noise, seed, start=start)
    if np.isinf(means.degrees).all():
        return kernel, means

    def posterior(noise: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        process = GaussianProcess(kernel, means.X, means.y, noise)
        return process.predict(means.X), process.variance(means.X)

    noise = noise_beside_neighbours(posterior, means.y, means.noise, means.degrees)
    return fit_kernel(means.X, means.y, noise, seed, start=kernel), replace(means, noise=noise)


def _process_out_of_fold(
    means: Means, folds: np.ndarray, kernel: Kernel, settled: Means
) -> HeldOut:
    mean, variance = np.full((2, len(folds)), np.nan)
    for held, seen in _splits(folds):
        # A few numbers that so many rows agree on tell nothing of those held out.
        own, known = kernel, settled.at(seen)
        if seen.sum() <= FIRST_ROWS:
            own, known = _fit_process(means.at(seen), 0, kernel)
        process = GaussianProcess(own, known.X, known.y, known.noise)
        mean[held] = process.predict(means.X[held])
        variance[held] = process.variance(means.X[held])
    if np.isnan(mean).any():
        return HeldOut(mean, variance, 1.0)
    inflation = variance_inflation(means.y - mean, means.noise, variance)
    return HeldOut(mean, inflation * variance, inflation)


def _trees_out_of_fold(name: str, means: Means, folds: np.ndarray, seed: int) -> HeldOut:
    mean = np.full(len(folds), np.nan)
    for held, seen in _splits(folds):
        mean[held] = TREES[name](seed).fit(means.X[seen], means.y[seen]).predict(means.X[held])
    if np.isnan(mean).any():
        return HeldOut(mean, mean, float("nan"))
    misfit = misfit_variance(means.y - mean, means.noise)
    return HeldOut(mean, np.full(len(folds), misfit), misfit)


def _splits(folds: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Rows held out and rows seen; none where there is a single fold."""
    numbers = np.unique(folds)
    return [(folds == fold, folds != fold) for fold in numbers] if len(numbers) > 1 else []
