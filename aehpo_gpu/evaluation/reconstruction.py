"""How well a sample is reconstructed: the R2 of the study.

Here belongs the measure; the reconstruction losses that are trained belong to training.
"""

from __future__ import annotations

import torch
from torch import Tensor


def r2_per_sample(target: Tensor, reconstruction: Tensor, n_features: Tensor) -> Tensor:
    """R2 of each sample over its own scaled features.

    ``1 - SS_res / SS_tot`` with SS_tot around the mean of the sample's features, as
    ``sklearn.metrics.r2_score(target, reconstruction)`` of one sample's features. A sample whose
    features are all equal has R2 1 where it is reconstructed exactly and 0 elsewhere, as there.

    Parameters
    ----------
    target, reconstruction
        (runs, samples, features), padded with zeros behind the features a run has.
    n_features
        (runs,) features of each run, without the padding.

    Returns
    -------
    Tensor
        (runs, samples) float64, at most 1. Not finite where the reconstruction is not.
    """
    count = n_features.to(target.device)[:, None]
    residual = (target - reconstruction).square().sum(-1, dtype=torch.float64)
    mean = (target.sum(-1, dtype=torch.float64) / count).to(target.dtype)
    inside = torch.arange(target.shape[-1], device=target.device) < count[..., None]
    deviation = torch.where(inside, target - mean[..., None], 0.0)
    total = deviation.square().sum(-1, dtype=torch.float64)
    constant = total == 0
    r2 = 1 - residual / torch.where(constant, 1.0, total)
    return torch.where(constant & torch.isfinite(residual), (residual == 0).to(r2.dtype), r2)
