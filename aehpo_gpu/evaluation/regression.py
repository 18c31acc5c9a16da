"""Ridge regression of many runs at once: what latents tell about a number.

Here belongs the probe of regression labels, which is reported and never part of the objective.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aehpo_gpu.evaluation.logistic import CONSTANT

PENALTY = 1.0


def fit_ridge(latents: Tensor, values: Tensor) -> Tensor:
    """Fit one ridge regression a run.

    The optimum of ``sklearn.linear_model.Ridge(alpha=1.0)`` behind a ``StandardScaler``: the
    penalty is on coefficients of columns with unit deviation, so that the scale of the latents,
    which an autoencoder is free to choose, does not matter. The intercept is not penalised.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim) finite. Constant and zero columns get the coefficient 0.
    values
        (samples,) finite, shared by all runs.

    Returns
    -------
    Tensor
        (runs, latent_dim + 1) float64 in the latents' own scale; the last is the intercept.
    """
    X = latents.to(torch.float64)
    y = values.to(X)
    centre = X.mean(1, keepdim=True)
    largest = X.abs().amax(1, keepdim=True)
    X = X - centre
    scale = X.square().mean(1, keepdim=True).sqrt()
    constant = scale <= CONSTANT * largest.clamp_min(1e-60)
    scale = scale.masked_fill(constant, 1.0)
    X = (X / scale).masked_fill(constant, 0.0)
    gram = X.mT @ X
    gram.diagonal(dim1=-2, dim2=-1).add_(PENALTY)
    moment = X.mT @ (y - y.mean())[:, None]
    slopes = torch.cholesky_solve(moment, torch.linalg.cholesky(gram))[..., 0] / scale[:, 0]
    intercept = y.mean() - (slopes * centre[:, 0]).sum(-1, keepdim=True)
    return torch.cat([slopes, intercept], -1)


def r2_of_ridge(latents: Tensor, coefficients: Tensor, values: Tensor) -> Tensor:
    """R2 of the predictions, as ``sklearn.metrics.r2_score``.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim).
    coefficients
        (runs, latent_dim + 1), of ``fit_ridge``.
    values
        (samples,) finite.

    Returns
    -------
    Tensor
        (runs,) float64, at most 1; NaN where all values are equal, which leaves R2 undefined.
    """
    y = values.to(coefficients)
    slopes, intercept = coefficients[:, :-1, None], coefficients[:, -1:]
    predicted = (latents.to(coefficients) @ slopes)[..., 0] + intercept
    total = (y - y.mean()).square().sum()
    if float(total) == 0:
        return torch.full_like(predicted[:, 0], torch.nan)
    return 1 - (y - predicted).square().sum(-1) / total
