"""Two samples of every scored class in each part of a split: what a draw leaves short is exchanged.

Which classes are scored is known before any split (``labels``); here a drawn split is changed as
little as possible, so that each part really has two samples of each. Drawing belongs to ``split``
and ``replicates``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from aehpo_assets.datasets.labels import SAMPLES_PER_CLASS


def with_two_of_each(
    parts: np.ndarray,
    classes: Sequence[np.ndarray],
    order: np.ndarray,
    movable: Sequence[str],
    groups: np.ndarray | None = None,
    strata: np.ndarray | None = None,
) -> np.ndarray:
    """Exchange samples between parts until each has two of every class, as far as that is possible.

    Parameters
    ----------
    parts
        (n_samples,) the drawn part of each sample.
    classes
        Masks (n_samples,) of the samples of each class.
    order
        (n_samples,) positions in the drawn order, which decides who is exchanged.
    movable
        The parts that may change.
    groups
        (n_samples,) group of each sample; groups move as a whole. None: each is its own.
    strata
        (n_samples,) stratum of each sample; only samples of one stratum are exchanged. None: all
        are of the same.

    Returns
    -------
    numpy.ndarray
        (n_samples,) the parts, of unchanged sizes unless a group found no other of its size. The
        drawn parts themselves if nothing is short; a class stays short in a part if whatever would
        help leaves another one short.
    """
    if not classes:
        return parts
    members = np.stack([np.asarray(mask, dtype=bool) for mask in classes]).astype(np.int64)
    units = np.arange(len(parts)) if groups is None else np.unique(groups, return_inverse=True)[1]
    first = np.unique(units[order], return_index=True)[1]
    drawn = np.argsort(first, kind="stable")
    sizes = np.bincount(units)
    of_unit = np.zeros((len(members), len(sizes)), dtype=np.int64)
    for row, mask in enumerate(members):
        of_unit[row] = np.bincount(units, weights=mask, minlength=len(sizes)).astype(np.int64)
    own = np.empty(len(sizes), dtype=object)
    own[units] = parts
    stratum = np.zeros(len(sizes), dtype=object)
    if strata is not None:
        stratum[units] = strata
    for row in np.argsort(members.sum(axis=1), kind="stable"):
        for part in movable:
            while of_unit[row, own == part].sum() < SAMPLES_PER_CLASS:
                pair = _exchange(row, part, movable, of_unit, own, drawn, sizes, stratum)
                if pair is None:
                    break
                comes, goes = pair
                if goes is not None:
                    own[goes] = own[comes]
                own[comes] = part
    return np.asarray(own[units], dtype=object)


def _exchange(
    row: int,
    part: str,
    movable: Sequence[str],
    of_unit: np.ndarray,
    own: np.ndarray,
    drawn: np.ndarray,
    sizes: np.ndarray,
    stratum: np.ndarray,
) -> tuple[int, int | None] | None:
    """The first exchange by which a part gains of a class and no class falls short for it.

    The unit that comes, and the one that goes in its place: none where a group has no equal.
    """
    counts = {name: of_unit[:, own == name].sum(axis=1) for name in movable}
    alone: int | None = None
    for comes in drawn:
        source = own[comes]
        if source == part or source not in movable or not of_unit[row, comes]:
            continue
        fits = (own == part) & (sizes == sizes[comes]) & (stratum == stratum[comes])
        fits &= of_unit[row] < of_unit[row, comes]
        for goes in drawn[fits[drawn]]:
            change = of_unit[:, comes] - of_unit[:, goes]
            gains, loses = counts[part] + change, counts[source] - change
            short_here = (gains < SAMPLES_PER_CLASS) & (change < 0)
            short_there = (loses < SAMPLES_PER_CLASS) & (change > 0)
            if not (short_here | short_there).any():
                return int(comes), int(goes)
        loses = counts[source] - of_unit[:, comes]
        harms = (loses < SAMPLES_PER_CLASS) & (of_unit[:, comes] > 0)
        if alone is None and sizes.max() > 1 and not harms.any():
            alone = int(comes)
    return None if alone is None else (alone, None)
