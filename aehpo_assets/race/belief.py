"""What is believed of the true scores of some candidates, and how replicates change it.

All of it is on the scale of the score itself: noise is measured and equality is defined on it, and
the mean of some scores is then an estimate of the true one, which the mean of their logits is not.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from aehpo_assets.noise.level import half_width

DRAWS = 4096
"""Draws by which probabilities are estimated: a probability of .95 to within .007."""

INTERVAL = 0.90
"""Probability that an interval holds the true score."""


@dataclass(frozen=True)
class Belief:
    """A joint normal distribution of the candidates' true scores.

    Attributes
    ----------
    mean
        (candidates,).
    covariance
        (candidates, candidates), symmetric; it may be singular.
    """

    mean: np.ndarray
    covariance: np.ndarray

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviation of each candidate."""
        return np.sqrt(np.maximum(np.diag(self.covariance), 0.0))

    def interval(
        self, level: np.ndarray | float = 0.0, degrees: float = math.inf
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return lower and upper ends of the 90 % intervals.

        Parameters
        ----------
        level
            (candidates,) what of each variance is that of the level that all candidates have in
            common.
        degrees
            Degrees of freedom of its estimate.
        """
        variance = np.maximum(np.diag(self.covariance), 0.0)
        of_level = np.minimum(level, variance)
        half = half_width(variance - of_level, INTERVAL, of_level, degrees)
        return self.mean - half, self.mean + half

    def raised(self, level: float) -> Belief:
        """Return the same with a level in common of which so much variance is not known."""
        return Belief(self.mean, self.covariance + level)

    def updated(self, scores: np.ndarray, noise: float, split: float) -> Belief:
        """Return what is believed once some replicates are seen.

        A score is taken for ``candidate + split + noise``. The effect of the split is common to
        all candidates of a replicate and normal about zero; integrated out, a replicate of n
        candidates adds ``(I - w 11') / noise`` to the precision, with
        ``w = split / (noise + n split)`` (Sherman & Morrison 1950).

        Parameters
        ----------
        scores
            (replicates, candidates); NaN where a candidate was not trained.
        noise
            Variance of a replicate about its candidate's mean, the effect of the split left out;
            above zero.
        split
            Variance of the effect of a split: 0 where all replicates have the same one, infinite
            where nothing is known of it, so that only differences within replicates count.
        """
        number = len(self.mean)
        precision, information = np.zeros((number, number)), np.zeros(number)
        for row in scores:
            seen = np.flatnonzero(np.isfinite(row))
            if not len(seen):
                continue
            weight = 1 / (len(seen) + noise / split) if split > 0 else 0.0
            own = row[seen]
            precision[np.ix_(seen, seen)] += (np.eye(len(seen)) - weight) / noise
            information[seen] += (own - weight * own.sum()) / noise
        # Without the inverse of the covariance, which near twins among candidates do not have.
        system = np.eye(number) + self.covariance @ precision
        covariance = np.linalg.solve(system, self.covariance)
        covariance = (covariance + covariance.T) / 2
        mean = self.mean + covariance @ (information - precision @ self.mean)
        return Belief(mean, covariance)

    def draws(self, seed: int, among: list[int]) -> np.ndarray:
        """Draw true scores: (draws, candidates), minus infinity for those not ``among`` them."""
        number = len(self.mean)
        jitter = 1e-10 * max(float(np.trace(self.covariance)) / number, 1e-12)
        factor = _root(self.covariance + jitter * np.eye(number))
        standard = np.random.default_rng(seed).standard_normal((DRAWS, number))
        drawn = np.full((DRAWS, number), -math.inf)
        drawn[:, among] = (self.mean + standard @ factor.T)[:, among]
        return drawn


def _root(covariance: np.ndarray) -> np.ndarray:
    """Return a square root, of what rounding left slightly indefinite too."""
    try:
        return np.linalg.cholesky(covariance)
    except np.linalg.LinAlgError:
        values, vectors = np.linalg.eigh(covariance)
        return vectors * np.sqrt(np.maximum(values, 0.0))


def probability_best(draws: np.ndarray) -> np.ndarray:
    """Return the share of draws in which each candidate is the best.

    Parameters
    ----------
    draws
        Output of :meth:`Belief.draws`.
    """
    return np.bincount(draws.argmax(axis=1), minlength=draws.shape[1]) / len(draws)


def probability_equivalent(draws: np.ndarray, leader: int, equivalence: float) -> float:
    """Return the probability that no candidate differs from the leader by more than a width.

    Parameters
    ----------
    draws
        Output of :meth:`Belief.draws`: those that it left out do not count.
    leader
        The candidate that the others are held against.
    equivalence
        Half-width of the region in which scores count as equal.
    """
    compared = draws[:, np.isfinite(draws[0])]
    gaps = np.abs(compared - draws[:, [leader]]).max(axis=1)
    return float((gaps <= equivalence).mean())
