"""Whether a published finding is confirmed, refuted or undecided by the numbers of a few seeds.

A finding claims something of each of some numbers: that the true one lies within a reach. It is
confirmed where the 95 % intervals of all of them lie within their reaches; since every one has to,
no correction is needed (an intersection-union test; Berger, Technometrics 24, 1982). It is refuted
where one of them lies outside by Holm's method, and undecided otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from aehpo_assets.noise.power import LEVEL, standard_errors_to_detect
from aehpo_assets.noise.verdict import Difference

CONFIRMED, REFUTED, UNDECIDED, REPORTED = "confirmed", "refuted", "undecided", "reported"

_SOMETHING = float(np.nextafter(0, 1))

ABOVE, BELOW = (_SOMETHING, math.inf), (-math.inf, -_SOMETHING)
"""Reaches of a claim that something is more, or less; exactly nothing is neither."""

BOOTSTRAPS = 2000


@dataclass(frozen=True)
class Number:
    """A number that a finding makes a claim of.

    Attributes
    ----------
    what
        What it is, in words.
    difference
        Its estimate with standard error and degrees of freedom.
    reach
        Where the true one lies by the claim; None where it is only reported.
    """

    what: str
    difference: Difference
    reach: tuple[float, float] | None = None

    @property
    def holds(self) -> bool:
        """Whether its 95 % interval lies within the reach."""
        if self.reach is None:
            return True
        lower, upper = self.difference.interval()
        return bool(self.reach[0] <= lower and upper <= self.reach[1])

    @property
    def p_outside(self) -> float:
        """One-sided p value of lying within the reach, at the side that the estimate is on."""
        if self.reach is None:
            return 1.0
        mean = self.difference.mean
        return min(self._tail(self.reach[0] - mean), self._tail(mean - self.reach[1]))

    def _tail(self, distance: float) -> float:
        """P value of an estimate that lies so far beyond an edge of the reach."""
        from scipy.stats import t

        if not self.difference.is_tested or math.isinf(distance):
            return 1.0 if distance < 0 or not self.difference.is_tested else 0.0
        if self.difference.error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(t.sf(distance / self.difference.error, self.difference.degrees))

    @property
    def smallest(self) -> float:
        """The smallest difference that such an estimate decides in 80 of 100 cases."""
        if not self.difference.is_tested:
            return math.nan
        return standard_errors_to_detect(self.difference.degrees) * self.difference.error


@dataclass(frozen=True)
class Finding:
    """A published claim, and what came of it.

    Attributes
    ----------
    item
        Its number, with a letter where an item has parts.
    claim, source
        What is said, and where.
    run
        What was trained or computed for it.
    numbers
        What the claim was held against.
    remark
        What else a reader needs; why it is undecided, if nothing could be run.
    """

    item: str
    claim: str
    source: str
    run: str
    numbers: tuple[Number, ...]
    remark: str = ""

    @property
    def verdict(self) -> str:
        """``confirmed``, ``refuted``, ``undecided``, or ``reported`` if nothing is claimed."""
        claimed = [number for number in self.numbers if number.reach is not None]
        if not claimed:
            return REPORTED if self.numbers else UNDECIDED
        if all(number.holds for number in claimed):
            return CONFIRMED
        # Holm's first step: if the smallest p value does not pass, none does.
        smallest = min(number.p_outside for number in claimed)
        return REFUTED if smallest <= LEVEL / 2 / len(claimed) else UNDECIDED


def paired(what: str, values: ArrayLike, reach: tuple[float, float] | None) -> Number:
    """Return the mean of paired differences, one a seed, by Student's distribution.

    Parameters
    ----------
    what, reach
        As for :class:`Number`.
    values
        (seeds,) differences; those that are missing are left out.
    """
    known = np.asarray(values, dtype=float)
    known = known[np.isfinite(known)]
    count = len(known)
    mean = float(known.mean()) if count else math.nan
    error = float(known.std(ddof=1) / math.sqrt(count)) if count > 1 else math.nan
    return Number(what, Difference(mean, error, max(1, count - 1), count), reach)


def bootstrapped(
    what: str,
    statistic: Callable[[np.ndarray], float],
    rows: int,
    reach: tuple[float, float] | None,
    seed: int,
) -> Number:
    """Return a statistic of rows with the standard error of its bootstrap (Efron 1979).

    Parameters
    ----------
    what, reach
        As for :class:`Number`.
    statistic
        From positions of rows, (rows,), to the number.
    rows
        How many rows there are.
    seed
        Of the draws.
    """
    source = np.random.default_rng(seed)
    draws = [statistic(source.integers(0, rows, rows)) for _ in range(BOOTSTRAPS)]
    error = float(np.nanstd(draws, ddof=1))
    return Number(what, Difference(float(statistic(np.arange(rows))), error, rows - 2, rows), reach)
