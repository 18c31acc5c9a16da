"""Representations of several modalities at once that need no tuning: PCA joined, PLS, CCA.

Each takes a matrix a modality, all of the same samples, and is fitted on train. MOFA has a module
of its own, what they are compared with belongs to ``representations``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aehpo_gpu.evaluation.references import NO_COMPONENT, principal_components

Views = Sequence[np.ndarray]
"""(samples, features) of each modality."""


def scaled_blocks(
    views: Views, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Principal components of all modalities, each of which has the same variance in all.

    So the widest does not outvote the others (block scaling; Westerhuis et al. 1998).
    """
    blocks = []
    for view in views:
        values = view.astype(np.float64)
        total = values[train].var(axis=0).sum()
        blocks.append(values / np.sqrt(total if total > 0 else 1.0))
    return principal_components(np.hstack(blocks), train, dims)


def components_of_each(
    views: Views, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """First principal components of each modality, joined: as even a share of each as there is."""
    most = [_components(view, train, max(dims)) for view in views]
    found = []
    for dim in dims:
        shares = [dim // len(views) + (at < dim % len(views)) for at in range(len(views))]
        found.append(np.hstack([of[:, :share] for of, share in zip(most, shares, strict=True)]))
    return found


def partial_least_squares(
    views: Views, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Pairs of directions, one in each of two modalities, of the largest covariance (PLS-SVD)."""
    both = [_components(view, train, min(view.shape[1], int(train.sum()))) for view in views]
    pairs = _pairs(both, train)
    return [pairs[:, :dim] for dim in dims]


def canonical_correlation(
    views: Views, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Pairs of directions, one in each of two modalities, of the largest correlation (CCA).

    Of more features than samples any two modalities correlate perfectly. So each is reduced to its
    first principal components, as many as are asked for in all, and the more correlated half of
    the pairs is taken.
    """
    most = [_components(view, train, max(dims)) for view in views]
    found = []
    for dim in dims:
        white = []
        for components in most:
            first = components[:, :dim]
            white.append(first / first[train].std(axis=0))
        found.append(_pairs(white, train)[:, :dim])
    return found


def _components(view: np.ndarray, train: np.ndarray, most: int) -> np.ndarray:
    """Principal components of a modality that vary on train, at most so many."""
    limit = min(most, view.shape[1], int(train.sum()))
    (components,) = principal_components(view, train, [limit])
    deviation = components[train].std(axis=0)
    return components[:, deviation > NO_COMPONENT * deviation.max()]


def _pairs(views: Views, train: np.ndarray) -> np.ndarray:
    """Scores on the singular vectors of the cross product of two modalities, pair after pair."""
    one, other = views
    left, _, right = np.linalg.svd(one[train].T @ other[train], full_matrices=False)
    scores = np.stack([one @ left, other @ right.T], axis=2)
    return scores.reshape(len(one), -1)
