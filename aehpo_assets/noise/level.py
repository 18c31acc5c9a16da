"""What splits do to the level of all scores, and how far that leaves a predicted score open.

A split makes all scores of a task higher or lower alike: its valid samples are easier, or its train
samples better. It ranks nothing, but a study of a few splits does not know the level that many
would have, and whoever trains a recommendation again, on another split, sees by how much.
"""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from aehpo_assets.noise.pooled import Noise


def split_effect(components: pd.DataFrame, score: str) -> Noise | None:
    """Return the variance of what a split does to all configurations alike.

    Parameters
    ----------
    components
        As of :func:`aehpo_assets.noise.summary.noise_tables`.
    score
        Name of the score.

    Returns
    -------
    Noise or None
        One degree of freedom less than there are splits; infinite with none where several splits
        say nothing. None where all runs have the same split.
    """
    rows = components[components["score"] == score]
    if rows.empty or int(rows["splits"].iloc[0]) < 2:
        return None
    row = rows.iloc[0]
    if not row["known"] or math.isnan(row["split"]):
        return Noise(math.inf, 0)
    # The mean of a split has the noise of its runs too, by which the estimate was lowered: whether
    # a level is off by the one or by the other is all the same.
    variance = float(row["split"] + row["replicate"] / row["configurations"])
    return Noise(variance, int(row["splits"]) - 1)


def level_of_mean(effect: Noise | None) -> Noise | None:
    """Return the variance of the mean level over the splits of a study, None where it is known.

    Parameters
    ----------
    effect
        Output of :func:`split_effect`.
    """
    if effect is None or not effect.degrees:
        return None
    return Noise(effect.variance / (effect.degrees + 1), effect.degrees)


def half_width(
    variance: np.ndarray,
    probability: float,
    level: np.ndarray | float = 0.0,
    degrees: float = math.inf,
) -> np.ndarray:
    """Return half the width of intervals of true scores, whose level may be uncertain.

    Parameters
    ----------
    variance
        (rows,) variance of each score about the level.
    probability
        That an interval is to hold the true score.
    level
        Variance of the level, one for all or (rows,).
    degrees
        Degrees of freedom of the estimate of that.

    Returns
    -------
    numpy.ndarray
        (rows,): of a normal distribution where the level is known, else of Student's t, whose
        degrees of freedom are those of the level by its share of the variance. Satterthwaite
        (Biometrics Bulletin 2, 1946) divides by the square of that, and intervals of 90 % from two
        splits hold .83 to .90 of true scores then; so they hold .87 to .92.
    """
    from scipy.stats import t

    both = variance + level
    with np.errstate(divide="ignore", invalid="ignore"):
        of_all = degrees * both / np.broadcast_to(level, both.shape)
    quantile = t.ppf(0.5 + probability / 2, np.nan_to_num(of_all, nan=np.inf))
    return np.asarray(quantile * np.sqrt(both))
