"""Cutting samples into parts in a drawn order: plainly, in whole groups, or stratum by stratum.

In which order, and who is drawn for what, belongs to ``split`` and ``replicates``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd


def cut_in_order(
    order: np.ndarray,
    names: Sequence[str],
    sizes: np.ndarray,
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Give samples to parts in a drawn order.

    Parameters
    ----------
    order
        (n_samples,) positions of the samples, in the drawn order.
    names, sizes
        The parts and their numbers of samples.
    groups, strata
        (n_samples,) as :func:`unit_names` returns them, or none.

    Returns
    -------
    numpy.ndarray
        (n_samples,) part of each sample.
    """
    parts = np.empty(len(order), dtype=object)
    if groups is not None:
        parts[order] = _by_group(groups[order], names, sizes)
    elif strata is not None:
        parts[order] = _by_stratum(strata[order], names, sizes)
    else:
        parts[order] = np.repeat(np.array(names, dtype=object), sizes)
    return parts


def unit_names(column: pd.Series, ids: pd.Index, *, own_group: bool) -> np.ndarray:
    """Name the group or stratum of each sample, by an object that is never missing."""
    values = column.reindex(ids)
    blank = ids.to_numpy(dtype=object) if own_group else np.full(len(ids), "", dtype=object)
    # The prefix keeps a sample id from being mistaken for the name of a group.
    return np.array(
        [
            f"named {value}" if known else f"unnamed {fallback}"
            for value, known, fallback in zip(values, values.notna(), blank, strict=True)
        ],
        dtype=object,
    )


def _by_group(groups: np.ndarray, names: Sequence[str], sizes: np.ndarray) -> np.ndarray:
    """Give each group, in the drawn order, to the part that lacks most samples."""
    parts = np.empty(len(groups), dtype=object)
    lacking = sizes.astype(float)
    members = pd.Series(np.arange(len(groups))).groupby(groups, sort=False)
    for _, positions in members:
        part = int(lacking.argmax())
        parts[positions.to_numpy()] = names[part]
        lacking[part] -= len(positions)
    return parts


def _by_stratum(strata: np.ndarray, names: Sequence[str], sizes: np.ndarray) -> np.ndarray:
    """Cut each class, in the drawn order, by the shares of the whole."""
    parts = np.empty(len(strata), dtype=object)
    members = [
        positions.to_numpy()
        for _, positions in pd.Series(np.arange(len(strata))).groupby(strata, sort=True)
    ]
    left = np.array([len(positions) for positions in members])
    cut = np.zeros(len(members), dtype=int)
    for part, size in zip(names, sizes, strict=True):
        taken = _proportional(left, int(size))
        for positions, start, count in zip(members, cut, taken, strict=True):
            parts[positions[start : start + count]] = part
        left, cut = left - taken, cut + taken
    return parts


def _proportional(counts: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that add up to a total, in proportion to counts: largest remainders."""
    exact = counts * total / max(1, counts.sum())
    whole = np.floor(exact).astype(int)
    missing = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return whole
