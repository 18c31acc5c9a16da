"""How much better one candidate is than another, and what its difference rests on.

What is compared, and which scores count, belongs to ``validation_summary``; what can be said of a
difference to ``aehpo_assets.noise.verdict``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.noise.pooled import Noise, replicate_scores
from aehpo_assets.noise.power import quantile
from aehpo_assets.noise.verdict import Difference


@dataclass(frozen=True)
class Estimate:
    """A mean over replicates.

    Attributes
    ----------
    mean
        Mean, NaN where nothing is known.
    standard_error
        Standard error of the mean, NaN where the noise is not known.
    degrees
        Degrees of freedom of the standard error.
    replicates
        Number of replicates.
    """

    mean: float
    standard_error: float = math.nan
    degrees: float = math.inf
    replicates: int = 1

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.3f}"
        return f"{self.mean:.3f}{error}"

    def interval(self) -> tuple[float, float]:
        """Return the 95 % bounds of a mean score, which lies within 0 and 1; NaN for no noise."""
        if math.isnan(self.standard_error):
            return math.nan, math.nan
        half = quantile(0.975, self.degrees) * self.standard_error
        return max(0.0, self.mean - half), min(1.0, self.mean + half)


def trained_estimate(runs: pd.DataFrame, score: str, noise: Noise | None) -> Estimate:
    """Estimate the score of an autoencoder: its noise is that of all of its task.

    Parameters
    ----------
    runs
        Its runs, every score finite.
    score
        Name of the score.
    noise
        Noise of a replicate, None where it is not known.
    """
    values = replicate_scores(runs, score)["score"]
    if noise is None:
        return Estimate(float(values.mean()), replicates=len(values))
    return Estimate(float(values.mean()), noise.error(len(values)), noise.degrees, len(values))


def own_estimate(values: pd.Series, *, has_seed: bool) -> Estimate:
    """Estimate the score of a baseline, which has a noise of its own.

    Parameters
    ----------
    values
        Scores, one a seed.
    has_seed
        Whether a seed decides: what has none would be the same again.
    """
    count = len(values)
    if not has_seed:
        return Estimate(float(values.mean()), 0.0, math.inf, count)
    return Estimate(float(values.mean()), float(values.sem()), count - 1, count)


def difference(one: Estimate, other: Estimate, *, same_noise: bool) -> Difference:
    """Compare two means.

    Parameters
    ----------
    one, other
        The means.
    same_noise
        Whether both standard errors come from the same pooled noise; otherwise the degrees of
        freedom are those of Welch (Biometrika 34, 1947).

    Returns
    -------
    Difference
        ``one`` less ``other``.
    """
    error = math.hypot(one.standard_error, other.standard_error)
    degrees = one.degrees if same_noise else _welch(one, other)
    # What has no noise needs no replicates: those of the other side count.
    noisy = [side.replicates for side in (one, other) if side.standard_error != 0]
    replicates = min(noisy, default=one.replicates)
    return Difference(one.mean - other.mean, error, degrees, replicates)


def _welch(one: Estimate, other: Estimate) -> float:
    first, second = one.standard_error**2, other.standard_error**2
    squares = sum(
        part**2 / side.degrees
        for part, side in ((first, one), (second, other))
        if part > 0 and not math.isinf(side.degrees)
    )
    return (first + second) ** 2 / squares if squares > 0 else math.inf


def mean_difference(differences: pd.Series) -> Difference:
    """Return the mean of some differences, with the error that their own spread gives it."""
    count = len(differences)
    return Difference(float(differences.mean()), float(differences.sem()), count - 1, count)
