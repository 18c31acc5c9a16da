"""Which of several configurations differ enough to be worth training beside each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DISTINCT = 0.25
"""Distance, in length scales, from which on two configurations are distinct: the scores of nearer
ones correlate by more than .95 under a Matérn 5/2 kernel."""

_LEAST = 1e-6
"""Distance below which configurations are the same."""


def best_distinct(
    points: np.ndarray,
    count: int,
    chosen: Sequence[int] = (),
    allowed: np.ndarray | None = None,
) -> list[int]:
    """Take the best that differ from every better one that is taken.

    Where too few lie :data:`DISTINCT` apart, because hardly any hyperparameter matters or because a
    search has gathered, half the distance is asked for, and so on, until there are enough or only
    copies are left.

    Parameters
    ----------
    points
        (configurations, columns), best first, each column in units of its length scale.
    count
        How many to take, those chosen already included.
    chosen
        Positions of what is taken already.
    allowed
        (configurations,) which may be taken; all by default.

    Returns
    -------
    list of int
        Positions: those chosen already, then further ones in the order in which they were found.
    """
    taken = list(chosen)
    candidates = range(len(points)) if allowed is None else np.flatnonzero(allowed)
    distance = DISTINCT
    while len(taken) < count and distance > _LEAST:
        for position in candidates:
            if len(taken) >= count:
                break
            gaps = np.sqrt(((points[taken] - points[position]) ** 2).sum(axis=1))
            if (gaps >= distance).all():
                taken.append(int(position))
        distance /= 2
    return taken
