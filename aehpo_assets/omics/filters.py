"""Filters of features, each as an order: the k features that a study keeps are its first k.

A study cuts every ``k_filter`` as a prefix off one matrix, so a filter has to be nested: the best
64 features are among the best 128. Filters that rank (``var``, ``mad``, ``hvg``) are so by nature,
and keep what Autoencodix and scanpy keep. Autoencodix' cluster medoids are not; in their place
stands the order in which features add most to what was taken before.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from aehpo_assets.errors import InputError
from aehpo_assets.study.data import Preprocessing

BLOCK = 512
"""Features that are looked at together, so that no float64 copy of a whole matrix exists."""

MOST_KEPT = 4096
"""Features that the correlation filters put in order; the largest ``k_filter`` of the study."""

MOST_COMPARED = 20_000
"""Features, by variance, of which ``corr`` compares every pair: 1.6 GB."""


def feature_order(
    train: np.ndarray, names: np.ndarray, variance: np.ndarray, settings: Preprocessing
) -> tuple[np.ndarray, np.ndarray]:
    """Put features in the order in which a filter keeps them.

    Parameters
    ----------
    train
        (train samples, features) float32 without missing values; no feature is constant.
    names
        (features,) their names, which settle ties.
    variance
        (features,) variance on train, float64.
    settings
        The study's ``preprocessing``.

    Returns
    -------
    order : numpy.ndarray
        (features,) positions, best first.
    score : numpy.ndarray
        (features,) what they were ordered by, in that order, never rising: variance, median
        absolute deviation, distance to what was taken before, or normalised dispersion. Features
        that a correlation filter sets aside have 0 and follow by variance; ``nonzerovar`` keeps
        the order of the file and scores every feature 1.

    Raises
    ------
    InputError
        If ``hvg`` is asked of values that are no logarithms of counts.
    """
    by_variance = np.lexsort((names, -variance))
    if settings.filter == "var":
        return by_variance, variance[by_variance]
    if settings.filter == "nonzerovar":
        return np.arange(len(names)), np.ones(len(names))
    if settings.filter == "mad":
        return _ranked(_by_block(train, _mad), variance, names)
    if settings.filter == "hvg":
        return _ranked(_dispersions(train), variance, names)
    if settings.filter == "corr":
        first, score = _farthest_first(train, by_variance[:MOST_COMPARED])
    else:
        first = _unrepeated(train, by_variance, settings.correlation_limit)
        score = variance[first]
    rest = by_variance[~np.isin(by_variance, first)]
    return np.concatenate([first, rest]), np.concatenate([score, np.zeros(len(rest))])


def _ranked(
    score: np.ndarray, variance: np.ndarray, names: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    order = np.lexsort((names, -variance, -score))
    return order, score[order]


def _by_block(train: np.ndarray, measure: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    blocks = [
        measure(train[:, start : start + BLOCK].astype(np.float64))
        for start in range(0, train.shape[1], BLOCK)
    ]
    return np.concatenate(blocks)


def _mad(values: np.ndarray) -> np.ndarray:
    return np.median(np.abs(values - np.median(values, axis=0)), axis=0)


def _dispersions(train: np.ndarray) -> np.ndarray:
    """Normalised dispersions of scanpy (Satija et al. 2015), moved to start at 0."""
    import warnings

    import anndata
    import scanpy

    if (train < 0).any():
        raise InputError(
            "highly variable genes are defined on log-transformed counts, these values are "
            "negative in places",
            key="preprocessing.filter",
            remedy="Use another filter, or raw counts with transform: normalize_log1p.",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = scanpy.pp.highly_variable_genes(
            anndata.AnnData(train), flavor="seurat", inplace=False
        )
    dispersions = found["dispersions_norm"].to_numpy(dtype=np.float64)
    lowest = np.nanmin(dispersions) if np.isfinite(dispersions).any() else 0.0
    return np.nan_to_num(dispersions - lowest)


def _standardised(train: np.ndarray, features: np.ndarray) -> np.ndarray:
    """(train samples, features) float32 columns of mean 0 and length 1."""
    columns = np.empty((len(train), len(features)), dtype=np.float32, order="F")
    for start in range(0, len(features), BLOCK):
        block = train[:, features[start : start + BLOCK]].astype(np.float64)
        block -= block.mean(axis=0)
        columns[:, start : start + BLOCK] = block / np.linalg.norm(block, axis=0)
    return columns


def _farthest_first(train: np.ndarray, candidates: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take whatever is least correlated with all that was taken (Gonzalez 1985).

    The distance is ``1 - |r|``; the first feature is the one of highest variance, ties go by
    variance too.
    """
    columns = _standardised(train, candidates)
    # |r| lies in [0, 1] but for rounding; a distance below 0 would be no distance.
    distances = np.clip(1 - np.abs(columns.T @ columns), 0, None)
    taken = [0]
    nearest = distances[0].copy()
    score = [1.0]
    for _ in range(min(MOST_KEPT, len(candidates)) - 1):
        nearest[taken[-1]] = -1
        best = int(nearest.argmax())
        taken.append(best)
        score.append(float(nearest[best]))
        nearest = np.minimum(nearest, distances[best])
    return candidates[taken], np.array(score)


def _unrepeated(train: np.ndarray, by_variance: np.ndarray, limit: float) -> np.ndarray:
    """Features by variance, without those that repeat an earlier one."""
    kept = np.empty((len(train), min(MOST_KEPT, len(by_variance))), dtype=np.float32, order="F")
    taken: list[int] = []
    for start in range(0, len(by_variance), BLOCK):
        features = by_variance[start : start + BLOCK]
        columns = _standardised(train, features)
        repeats = (np.abs(kept[:, : len(taken)].T @ columns) > limit).any(axis=0)
        within = np.abs(columns.T @ columns) > limit
        here: list[int] = []
        for position in np.flatnonzero(~repeats):
            if within[position, here].any() or len(taken) == kept.shape[1]:
                continue
            kept[:, len(taken)] = columns[:, position]
            taken.append(int(features[position]))
            here.append(int(position))
        if len(taken) == kept.shape[1]:
            break
    return np.array(taken)
