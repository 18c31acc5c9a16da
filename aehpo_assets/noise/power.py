"""What so many replicates can decide, and how many a decision needs.

All of it is of a two-sided test between two means of replicates. What several comparisons share,
they share as in the first step of Holm's method: each has its part of the level.
"""

from __future__ import annotations

import math

LEVEL = 0.05
"""Level of a two-sided test: how often it finds a difference where there is none."""

POWER = 0.8
"""How often a test is to find a difference that is there."""


def replicates_to_detect(
    gain: float,
    variance: float,
    *,
    power: float = POWER,
    comparisons: int = 1,
    configurations: int | None = None,
) -> int:
    """Return the replicates of each side that find a difference.

    Parameters
    ----------
    gain
        The true difference, above zero.
    variance
        Variance of a replicate about its configuration's mean
        (:attr:`~aehpo_assets.noise.components.VarianceComponents.replicate`).
    power
        Share of studies in which the difference is to be found.
    comparisons
        Comparisons that are reported together.
    configurations
        Configurations whose replicates are all that the test knows the noise by: so it is with test
        scores, which nobody saw before. By default the noise is known.

    Returns
    -------
    int
        At least 2: a single replicate says nothing of its own noise.

    Raises
    ------
    ValueError
        If the gain is not above zero.
    """
    if not gain > 0:
        raise ValueError("a gain to be detected lies above zero")
    distance = standard_errors_to_detect(power=power, comparisons=comparisons)
    count = max(2, math.ceil(2 * variance * (distance / gain) ** 2))
    if configurations is None:
        return count
    # What a split does to all of them takes a degree of freedom each.
    while (
        smallest_gain(
            count,
            variance,
            power=power,
            comparisons=comparisons,
            degrees=(configurations - 1) * (count - 1),
        )
        > gain
    ):
        count += 1
    return count


def smallest_gain(
    replicates: int,
    variance: float,
    *,
    power: float = POWER,
    comparisons: int = 1,
    degrees: float = math.inf,
) -> float:
    """Return the smallest difference that so many replicates of each side find.

    Parameters
    ----------
    replicates
        Of each side.
    variance, power, comparisons
        As for :func:`replicates_to_detect`.
    degrees
        As for :func:`standard_errors_to_detect`.
    """
    distance = standard_errors_to_detect(degrees, power=power, comparisons=comparisons)
    return distance * math.sqrt(2 * variance / replicates)


def standard_errors_to_detect(
    degrees: float = math.inf, *, power: float = POWER, comparisons: int = 1
) -> float:
    """Return how many standard errors a difference has that is found with some power.

    Parameters
    ----------
    degrees
        Degrees of freedom of the standard error; infinite where it is known.
    power, comparisons
        As for :func:`replicates_to_detect`.
    """
    level = LEVEL / comparisons
    return quantile(1 - level / 2, degrees) + quantile(power, degrees)


def quantile(probability: float, degrees: float) -> float:
    """Return a quantile of Student's distribution; of the normal one for infinite degrees."""
    from scipy.stats import norm, t

    if math.isinf(degrees):
        return float(norm.ppf(probability))
    return float(t.ppf(probability, degrees))
