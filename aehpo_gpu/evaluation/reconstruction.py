"""How well a sample is reconstructed: the R2 of the study.

Here belongs the measure; the reconstruction losses that are trained belong to training.
"""

from __future__ import annotations

import torch
from torch import Tensor


def spread_of_samples(values: Tensor) -> Tensor:
    """Squared deviation of each sample from the mean of its features: the denominator of R2.

    Parameters
    ----------
    values
        (samples, features).

    Returns
    -------
    Tensor
        (samples,); exactly 0 where all features are equal.
    """
    return values.var(1, correction=0) * values.shape[1]


def r2_of_samples(squared_error: Tensor, spread: Tensor) -> Tensor:
    """R2 of each sample over its own scaled features.

    ``1 - SS_res / SS_tot``, as ``sklearn.metrics.r2_score`` (with its default ``force_finite``) of
    one sample's features: a sample whose features are all equal has R2 1 where it is reconstructed
    exactly and 0 elsewhere.

    Parameters
    ----------
    squared_error
        (runs, samples) summed over the features.
    spread
        (runs, samples) from :func:`spread_of_samples`.

    Returns
    -------
    Tensor
        (runs, samples), at most 1. Not finite where the reconstruction is not.
    """
    # Of an error that is not finite, 0 times it is not either.
    of_constant = torch.where(squared_error == 0, 1.0, 0 * squared_error)
    return torch.where(spread > 0, 1 - squared_error / spread, of_constant)
