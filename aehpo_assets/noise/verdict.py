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

from aehpo_assets.noise.power import LEVEL, quantile, standard_errors_to_detect

EQUIVALENCE = 0.01
"""Half-width of the region in which scores count as equal."""

_COUNTLESS = 1e9
"""As many replicates nobody trains: such a difference is one of rounding."""

BETTER, WORSE, EQUAL, NOT_YET = "better", "worse", "equal", "not yet"


@dataclass(frozen=True)
class Difference:
    """A difference of two means of replicates.

    Attributes
    ----------
    mean
        The one less the other.
    error
        Standard error of it; NaN where the noise is not known.
    degrees
        Degrees of freedom of the standard error; infinite where it is known.
    replicates
        Replicates of each side, of the one with fewer.
    """

    mean: float
    error: float
    degrees: float
    replicates: int

    @property
    def is_tested(self) -> bool:
        """Whether its noise is known, so that something can be said of it."""
        return math.isfinite(self.error)

    def interval(self, level: float = LEVEL) -> tuple[float, float]:
        """Return the bounds of the two-sided interval, (-inf, inf) where the error is unknown."""
        if not self.is_tested:
            return -math.inf, math.inf
        half = quantile(1 - level / 2, self.degrees) * self.error
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

    def __str__(self) -> str:
        if not self.is_tested:
            return f"{self.mean:+.3f}"
        lower, upper = self.interval()
        return f"{self.mean:+.3f} [{lower:+.3f}, {upper:+.3f}]"


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
        one seen; 0 for a decided one, None where no number would (a difference of zero, or of
        rounding) or the noise is not known.
    decidable
        The smallest difference that these replicates find with a power of 80 %; NaN where the
        noise is not known.
    """

    outcome: str
    difference: Difference
    p: float
    more: int | None
    decidable: float


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
        The family: every difference that is reported together. Those whose noise is not known
        were not tested, and cost the others nothing.
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
    tested = [difference for difference in differences if difference.is_tested]
    different = iter(holm([difference.p_different for difference in tested]))
    same = iter(holm([difference.p_equal(equivalence) for difference in tested]))
    return [
        _verdict(difference, next(different), next(same), level, len(tested))
        if difference.is_tested
        else Verdict(NOT_YET, difference, math.nan, None, math.nan)
        for difference in differences
    ]


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's adjusted p values, in the order given."""
    values = np.asarray(p_values, dtype="float64")
    order = np.argsort(values, kind="stable")
    stepped = np.maximum.accumulate(values[order] * (len(values) - np.arange(len(values))))
    adjusted = np.empty(len(values))
    adjusted[order] = np.minimum(stepped, 1.0)
    return [float(value) for value in adjusted]


def _verdict(
    difference: Difference, different: float, same: float, level: float, comparisons: int
) -> Verdict:
    distance = standard_errors_to_detect(difference.degrees, comparisons=comparisons)
    decidable = distance * difference.error
    if same < level:
        return Verdict(EQUAL, difference, same, 0, decidable)
    if different < level:
        outcome = BETTER if difference.mean > 0 else WORSE
        return Verdict(outcome, difference, different, 0, decidable)
    more = None
    if difference.mean != 0:
        # The squared error falls as the replicates grow.
        needed = difference.replicates * (decidable / difference.mean) ** 2
        if needed < _COUNTLESS:
            more = max(1, math.ceil(needed) - difference.replicates)
    return Verdict(NOT_YET, difference, different, more, decidable)


def _upper(distance: float, error: float, degrees: float) -> float:
    """Probability that noise alone exceeds a distance."""
    from scipy.stats import norm, t

    if error == 0:
        return 0.5 if distance == 0 else float(distance < 0)
    ratio = distance / error
    return float(norm.sf(ratio) if math.isinf(degrees) else t.sf(ratio, degrees))
