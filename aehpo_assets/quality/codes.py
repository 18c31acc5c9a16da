"""Numbers that stand in for a missing value, as statistics programs write them: -9, 999, -999."""

from __future__ import annotations

import re

import numpy as np

_NINES = re.compile(r"-?9+")
_FEWEST = 2


def missing_code(values: np.ndarray) -> str | None:
    """A number of nines that occurs several times, far beyond all others.

    Parameters
    ----------
    values
        Numbers of any shape, missing values allowed.

    Returns
    -------
    str or None
        The number: the only negative one, or further from the others than they are apart.
    """
    if not np.isfinite(values).any():
        return None
    for code in (
        float(np.fmin.reduce(values, axis=None)),
        float(np.fmax.reduce(values, axis=None)),
    ):
        if not _NINES.fullmatch(f"{code:.12g}"):
            continue
        others = values[np.isfinite(values) & (values != code)]
        if not len(others) or (values == code).sum() < _FEWEST:
            continue
        lowest, highest = float(others.min()), float(others.max())
        gap = min(abs(code - lowest), abs(code - highest))
        if gap > highest - lowest or code < 0 <= lowest:
            return f"{code:.12g}"
    return None
