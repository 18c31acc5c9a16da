"""How much better one configuration is than another, and how surely.

What is compared, and which scores count, belongs to ``validation_summary``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

CONFIDENCE = 0.95
"""Confidence of the interval of a difference."""

BEATS = "beats"
DOES_NOT_BEAT = "does not beat"
UNDECIDED = "cannot be told apart from"


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes
    ----------
    mean
        Mean, NaN where nothing is known.
    standard_error
        Standard error of the mean, NaN with a single seed.
    """

    mean: float
    standard_error: float = math.nan

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        error = "" if math.isnan(self.standard_error) else f" ± {self.standard_error:.3f}"
        return f"{self.mean:.3f}{error}"


@dataclass(frozen=True)
class Improvement:
    """A difference of two means over seeds, with its 95 % interval.

    The interval is Student's over the seeds. It covers the chance of training: initial weights,
    order of the batches, dropout, noise of the latents. It does not cover the chance of which
    samples were held out, as every seed is scored on the same ones. It rests on differences that
    are about normal, which few seeds can neither show nor make up for: two seeds widen the standard
    error by a factor of 12.7, three by 4.3, five by 2.8.

    Attributes
    ----------
    mean
        Mean difference, NaN where a side is missing.
    lower, upper
        Bounds of the interval, NaN with a single seed.
    seeds
        Number of seeds that it rests on.
    """

    mean: float
    lower: float = math.nan
    upper: float = math.nan
    seeds: int = 0

    @property
    def outcome(self) -> str:
        """The difference in words, by the three digits that are reported."""
        if round(self.lower, 3) > 0:
            return BEATS
        return DOES_NOT_BEAT if round(self.upper, 3) < 0 else UNDECIDED

    def __str__(self) -> str:
        if math.isnan(self.mean):
            return "-"
        bounds = "" if math.isnan(self.lower) else f" [{self.lower:+.3f}, {self.upper:+.3f}]"
        return f"{self.mean:+.3f}{bounds}"


def improvement(one: pd.Series, other: pd.Series) -> Improvement:
    """Compare the scores of two configurations.

    Parameters
    ----------
    one, other
        Scores without missing values, by seed.

    Returns
    -------
    Improvement
        ``one`` less ``other``: paired by seed where both have the same seeds, else with Welch's
        degrees of freedom (Biometrika 34, 1947).
    """
    if one.empty or other.empty:
        return Improvement(math.nan)
    one, other = one.sort_index(), other.sort_index()
    if one.index.is_unique and one.index.equals(other.index):
        return mean_interval(one - other)
    first, second = float(one.sem()) ** 2, float(other.sem()) ** 2
    squares = first**2 / max(len(one) - 1, 1) + second**2 / max(len(other) - 1, 1)
    degrees = (first + second) ** 2 / squares if squares else len(one) + len(other) - 2
    mean = float(one.mean() - other.mean())
    return _interval(mean, math.sqrt(first + second), degrees, min(len(one), len(other)))


def mean_interval(differences: pd.Series) -> Improvement:
    """Return the mean of some differences with its interval.

    Parameters
    ----------
    differences
        One number a seed (or a task, whose number ``seeds`` then is).
    """
    if differences.empty:
        return Improvement(math.nan)
    count = len(differences)
    return _interval(float(differences.mean()), float(differences.sem()), count - 1, count)


def _interval(mean: float, error: float, degrees: float, seeds: int) -> Improvement:
    if math.isnan(error):
        return Improvement(mean, seeds=seeds)
    from scipy.stats import t

    half = float(t.ppf((1 + CONFIDENCE) / 2, degrees)) * error
    return Improvement(mean, mean - half, mean + half, seeds)
