"""What so many replicates can decide, and how many a decision needs.

All of it is the normal approximation of a two-sided test between two means of replicates whose
noise is known; a noise that was itself estimated asks for slightly more.
"""

from __future__ import annotations

import math

LEVEL = 0.05
"""Level of a two-sided test: how often it finds a difference where there is none."""

POWER = 0.8
"""How often a test is to find a difference that is there."""


def replicates_to_detect(gain: float, variance: float, power: float = POWER) -> int:
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
    return max(2, math.ceil(2 * variance * (_distance(power) / gain) ** 2))


def smallest_gain(replicates: int, variance: float, power: float = POWER) -> float:
    """Return the smallest difference that so many replicates of each side find."""
    return _distance(power) * math.sqrt(2 * variance / replicates)


def _distance(power: float) -> float:
    """Standard errors between no difference and one that is found with this power."""
    from scipy.stats import norm

    return float(norm.ppf(1 - LEVEL / 2) + norm.ppf(power))
