"""How far the latents of several modalities are of one space."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch
from torch import Tensor


def foscttm(latents: Tensor) -> float:
    """Return the fraction of samples closer than the true match (Liu et al. 2019).

    It is the share of other samples that lie nearer than a sample's own self in another modality,
    0.5 by chance: a mean over both ways and all pairs.

    Parameters
    ----------
    latents
        (modalities, samples, latents).
    """
    shares = []
    for a, b in itertools.permutations(latents, 2):
        distances = torch.cdist(a, b)
        nearer = (distances < distances.diagonal()[:, None]).sum(1)
        shares.append(nearer.to(a.dtype).mean() / max(1, len(a) - 1))
    return float(torch.stack(shares).mean())


def modality_accuracy(train: Tensor, valid: Tensor) -> float:
    """Return how often a logistic regression tells modalities apart.

    Parameters
    ----------
    train, valid
        (modalities, samples, latents) that it is fitted to, and judged by.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    def table(latents: Tensor) -> tuple[Any, Any]:
        labels = np.arange(len(latents)).repeat(latents.shape[1])
        return latents.flatten(0, 1).cpu().double().numpy(), labels

    points, labels = table(train)
    if not np.isfinite(points).all():
        return float("nan")
    scaler = StandardScaler().fit(points)
    fitted = LogisticRegression(max_iter=1000).fit(scaler.transform(points), labels)
    points, labels = table(valid)
    return float(fitted.score(scaler.transform(points), labels))
