"""The verdict on differences between means of replicates: better, worse, equal, not yet.

A verdict on several rows (tasks, opponents) is given for all of them together: the level holds for
the family, by Holm's method (Scandinavian Journal of Statistics 6, 1979), in the family of better
and worse and, on its own, in that of equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aehpo_assets.noise.power import LEVEL, replicates_to_detect, smallest_gain

EQUIVALENCE = 0.01
"""Half-width of the region in which scores count as equal."""

BETTER, WORSE, EQUAL, NOT_YET = "better", "worse", "equal", "not yet"


@dataclass(frozen=True)
class Difference:
    """A difference of two means of replicates.

    Attributes
    ----------
    mean
        The one less the other.
    error
        Standard error of it.
    degrees
        Degrees of freedom of the standard error; infinite where it is known.
    replicates
        Replicates of each side.
    """

    mean: float
    error: float
    degrees: float
    replicates: int

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the bounds of the two-sided interval, (-inf, inf) where the error is unknown."""
        if not math.isfinite(self.error):
            return -math.inf, math.inf
        half = _quantile(1 - level / 2, self.degrees) * self.error
        return self.mean - half, self.mean + half

    @property
    def p_different(self) -> float:
        """Two-sided p value of no difference."""
        return min(1.0, 2 * _upper(abs(self.mean), self.error, self.degrees))

    def p_equal(self, equivalence: float) -> float:
        """P value of lying outside the region of equivalence: two one-sided tests.

        Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987.
        """
        return _upper(equivalence - abs(self.mean), self.error, self.degrees)


@dataclass(frozen=True)
class Verdict:
    """What can be said of a difference.

    Attributes
    ----------
    outcome
        ``better``, ``worse``, ``equal`` (within the region of equivalence) or ``not yet``.
    difference
        What was compared.
    p
        Holm's adjusted p value of the outcome's own test; of the difference for ``not yet``.
    more
        About how many further replicates of each side would decide a difference as large as the
        one seen; 0 for a decided one, None where no number would (a difference of zero).
    decidable
        The smallest difference that these replicates could have found with a power of 80 %.
    """

    outcome: str
    difference: Difference
    p: float
    more: int | None
    decidable: float

    def __str__(self) -> str:
        lower, upper = self.difference.interval()
        shown = f"{self.outcome} ({self.difference.mean:+.3f} [{lower:+.3f}, {upper:+.3f}])"
        if self.outcome != NOT_YET:
            return shown
        needs = "no number of" if self.more is None else f"about {self.more} more"
        return f"{shown}, {needs} replicates would tell"


def verdicts(
    differences: Sequence[Difference],
    *,
    equivalence: float = EQUIVALENCE,
    level: float = LEVEL,
) -> list[Verdict]:
    """Say of each difference what can be said, with one level for all of them.

    Parameters
    ----------
    differences
        The family: every difference that is reported together.
    equivalence
        Half-width of the region of equivalence.
    level
        Level of the family of better and worse, and of that of equal.

    Returns
    -------
    list of Verdict
        In the order given. A difference that is shown to be both real and within the region of
        equivalence is ``equal``: nobody needs to care for it.

    Raises
    ------
    ValueError
        If a mean is not finite.
    """
    if not all(math.isfinite(difference.mean) for difference in differences):
        raise ValueError("a difference without a value has no verdict")
    different = holm([difference.p_different for difference in differences])
    same = holm([difference.p_equal(equivalence) for difference in differences])
    return [
        _verdict(difference, p_different, p_equal, level)
        for difference, p_different, p_equal in zip(differences, different, same, strict=True)
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given."""
    values = np.asarray(p_values, dtype="float64")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def _verdict(difference: Difference, different: float, same: float, level: float) -> Verdict:
    variance = difference.error**2 * difference.replicates / 2
    decidable = smallest_gain(difference.replicates, variance)
    if same < level:
        return Verdict(EQUAL, difference, same, 0, decidable)
    if different < level:
        outcome = BETTER if difference.mean > 0 else WORSE
        return Verdict(outcome, difference, different, 0, decidable)
    more = None
    if math.isfinite(difference.error) and difference.mean != 0:
        needed = replicates_to_detect(abs(difference.mean), variance)
        more = max(1, needed - difference.replicates)
    return Verdict(NOT_YET, difference, different, more, decidable)


def _quantile(probability: float, degrees: float) -> float:
    from scipy.stats import norm, t

    if math.isinf(degrees):
        return float(norm.ppf(probability))
    return float(t.ppf(probability, degrees))


def _upper(distance: float, error: float, degrees: float) -> float:
    """Probability that noise alone exceeds a distance."""
    from scipy.stats import norm, t

    if not math.isfinite(error):
        return 0.5
    if error == 0:
        return 0.5 if distance == 0 else float(distance < 0)
    ratio = distance / error
    return float(norm.sf(ratio) if math.isinf(degrees) else t.sf(ratio, degrees))
