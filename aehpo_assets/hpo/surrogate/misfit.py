"""By how much models miss the true means of configurations that they did not see.

They are held against means that are noisy themselves: what noise explains is no fault of theirs.
"""

from __future__ import annotations

import numpy as np


def misfit_variance(residuals: np.ndarray, noise: np.ndarray) -> float:
    """Return the variance by which a model misses true means, by maximum likelihood.

    Parameters
    ----------
    residuals
        (rows,) means of configurations that it did not see, less what it predicted.
    noise
        (rows,) variance of the noise of these means.
    """
    most = float((residuals**2).max(initial=0))
    if not most > 0:
        return 0.0
    return most * _likeliest_factor(residuals, noise, np.full(len(residuals), most), 1.0)


def variance_inflation(residuals: np.ndarray, noise: np.ndarray, variance: np.ndarray) -> float:
    """Return what a model's variances have to be multiplied by, by maximum likelihood.

    Parameters
    ----------
    residuals, noise
        As for :func:`misfit_variance`.
    variance
        (rows,) what the model took its misfit for.

    Returns
    -------
    float
        At least 1.
    """
    if not (variance > 0).all():
        return 1.0
    return max(1.0, _likeliest_factor(residuals, noise, variance, _MOST_INFLATION))


_MOST_INFLATION = 25.0
"""Five times the standard deviation: beyond it a model knows nothing of its misfit."""


def _likeliest_factor(
    residuals: np.ndarray, noise: np.ndarray, variance: np.ndarray, most: float
) -> float:
    """Return the factor in [0, most] of the variances under which residuals are most likely."""
    from scipy.optimize import minimize_scalar

    squares = residuals**2
    least = 1e-12 * max(float(squares.max(initial=0)), float(variance.max()))

    def loss(factor: float) -> float:
        total = np.maximum(factor * variance + noise, least)
        return float((np.log(total) + squares / total).sum())

    found = minimize_scalar(loss, bounds=(0, most), method="bounded", options={"xatol": 1e-5})
    factor = float(found.x)
    return factor if loss(factor) < loss(0.0) else 0.0
