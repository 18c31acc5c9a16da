"""Which samples and features of a matrix are unlike all others: annotation that was read as data.

What a name alone makes certain is refused by ``datasets.reading.annotation``; here is what the
values make likely, for a person to look at.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

_BLOCK = 512
_FEWEST = 10
"""Values below which nothing can be said of their order, and different ones of their kind."""

_FEWEST_IF_NOT_ZERO = 3
_MOST_ZEROS = 0.5

_FEWEST_OTHERS = 5
"""Samples or features with which one must be compared at least."""

_FEW = 0.05
"""Share of samples or features that may be unlike the others; more of them are a kind."""

_GAP = 10.0
"""Times by which the typical value of a sample exceeds that of every ordinary one."""

_UNRELATED = 0.3
"""Correlation with the mean profile that is this much below that of every other sample."""

_FEWEST_FOR_PROFILE = 50
_MOST_FOR_PROFILE = 2000


def unlike_samples(matrix: pd.DataFrame, *, logged: bool) -> np.ndarray:
    """Which samples look like something that is said of the features, such as an Entrez id.

    They are on another scale, hold whole numbers where all others have fractions, rise from
    feature to feature by whole numbers, or are unrelated to the profile that all others share.

    Parameters
    ----------
    matrix
        (samples, features).
    logged
        Whether the values are logarithms, log(1 + x), of those in the file.

    Returns
    -------
    numpy.ndarray
        (samples,) bool.
    """
    values = matrix.to_numpy()
    if len(values) <= _FEWEST_OTHERS:
        return np.zeros(len(values), bool)
    unlike = _on_another_scale(values, logged) | _unrelated(values)
    return unlike if logged else unlike | _whole_among_fractions(values.T) | _rising(values.T)


def unlike_features(matrix: pd.DataFrame, *, logged: bool) -> np.ndarray:
    """Which features look like something that is said of the samples, such as a count of rows.

    They hold whole numbers where all others have fractions, rise from sample to sample by whole
    numbers, or have a name that begins with two underscores.

    Parameters
    ----------
    matrix, logged
        As in :func:`unlike_samples`.

    Returns
    -------
    numpy.ndarray
        (features,) bool.
    """
    values = matrix.to_numpy()
    named = matrix.columns.astype(str).str.startswith("__")
    if logged or values.shape[1] <= _FEWEST_OTHERS:
        return np.asarray(named)
    return np.asarray(named) | _whole_among_fractions(values) | _rising(values)


def counts_rows(names: pd.Index) -> bool:
    """Whether sample ids are 0, 1, 2, … or 1, 2, 3, … in order."""
    if len(names) < _FEWEST or str(names[0]) not in ("0", "1"):
        return False
    first = int(names[0])
    return list(names.astype(str)) == [str(i) for i in range(first, first + len(names))]


def _blocks(values: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, values.shape[1], _BLOCK):
        part = slice(start, start + _BLOCK)
        yield part, values[:, part]


def _few(unlike: np.ndarray) -> np.ndarray:
    """Nothing, if there are too many to be unlike the others."""
    return unlike if unlike.sum() <= max(3, _FEW * len(unlike)) else np.zeros(len(unlike), bool)


def _whole_among_fractions(values: np.ndarray) -> np.ndarray:
    """Columns of many different whole numbers, if all others that vary have fractions.

    Few will do where most are not zero; a gene that is hardly expressed has whole logarithms too.
    """
    whole = np.zeros(values.shape[1], bool)
    varies = np.zeros(values.shape[1], bool)
    for part, block in _blocks(values):
        known = np.isfinite(block)
        whole[part] = ~(known & (block != np.floor(block))).any(axis=0)
        varies[part] = (known & (block != block[:1])).any(axis=0)
    candidates = np.flatnonzero(whole & varies)
    if len(candidates) > max(3, _FEW * len(whole)) or (whole & varies).sum() == varies.sum():
        return np.zeros(len(whole), bool)
    unlike = np.zeros(len(whole), bool)
    for position in candidates:
        column = values[np.isfinite(values[:, position]), position]
        different = len(np.unique(column))
        fewest = _FEWEST if (column == 0).mean() > _MOST_ZEROS else _FEWEST_IF_NOT_ZERO
        unlike[position] = different >= fewest
    return unlike


def _rising(values: np.ndarray) -> np.ndarray:
    """Columns of whole numbers that rise from row to row."""
    rising = np.zeros(values.shape[1], bool)
    if len(values) < _FEWEST:
        return rising
    head = values[:_FEWEST]
    able = (np.diff(head, axis=0) > 0).all(axis=0) & (head == np.floor(head)).all(axis=0)
    for position in np.flatnonzero(able):
        column = values[:, position]
        rising[position] = bool((np.diff(column) > 0).all() and (column == np.floor(column)).all())
    return _few(rising)


def _on_another_scale(values: np.ndarray, logged: bool) -> np.ndarray:
    typical = np.zeros(len(values))
    for row, sample in enumerate(values):
        size = np.abs(sample[np.isfinite(sample) & (sample != 0)])
        typical[row] = np.median(size) if len(size) else 0
    if logged:
        typical = np.expm1(typical)
    order = np.argsort(typical)
    largest = typical[order]
    begin = len(order) - int(max(3, _FEW * len(order)))
    with np.errstate(divide="ignore", invalid="ignore"):
        gaps = np.flatnonzero(largest[begin:] > _GAP * largest[begin - 1 : -1])
    unlike = np.zeros(len(values), bool)
    if len(gaps) and largest[begin - 1] > 0:
        unlike[order[begin + gaps[0] :]] = True
    return unlike


def _unrelated(values: np.ndarray) -> np.ndarray:
    """Samples without the profile that all others share."""
    samples, features = values.shape
    nothing = np.zeros(samples, bool)
    if features < _FEWEST_FOR_PROFILE:
        return nothing
    step = -(-features // _MOST_FOR_PROFILE)
    part = np.nan_to_num(values[:, ::step].astype(np.float64), posinf=0, neginf=0)
    part = np.sign(part) * np.log1p(np.abs(part))
    profile = np.median(part, axis=0)
    profile -= profile.mean()
    part -= part.mean(axis=1, keepdims=True)
    size = np.linalg.norm(part, axis=1) * np.linalg.norm(profile)
    related = np.divide(part @ profile, size, out=np.ones(samples), where=size > 0)
    order = np.argsort(related)
    end = int(max(3, _FEW * samples))
    gaps = np.flatnonzero(related[order[1 : end + 1]] > related[order[:end]] + _UNRELATED)
    if len(gaps):
        nothing[order[: gaps[0] + 1]] = True
    return nothing
