"""What the platform claims, held against many studies whose truth is known.

A claim holds where the 95 % Monte Carlo interval of what was measured lies within its reach, is
missed where it lies outside, and is not shown where it does neither.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

HOLDS, MISSED, NOT_SHOWN, REPORTED = "holds", "missed", "not shown", "reported"


@dataclass(frozen=True)
class Claim:
    """One claim.

    Attributes
    ----------
    words
        What is claimed.
    column
        Column of the table of studies whose mean is measured.
    reach
        Where the mean should lie; None where it is only reported.
    of
        Column that has to be true for a study to count.
    """

    words: str
    column: str
    reach: tuple[float, float] | None = None
    of: str | None = None


BIAS, COVERAGE, SHARE = (-0.01, 0.01), (0.85, 0.95), (0.0, 0.05)
BOTH_FAMILIES = (0.0, 0.10)
"""Better and worse are one family of verdicts, equal is another: 5 % each."""

CLAIMS = (
    Claim("bias of predicted, first recommendation", "promise", BIAS),
    Claim("bias of predicted, winner of the race", "raced_promise", BIAS),
    Claim("bias of the best observed mean", "observed_promise"),
    Claim("coverage of the 90 % interval, first recommendation", "covered", COVERAGE),
    Claim("coverage of the 90 % interval, winner of the race", "raced_covered", COVERAGE),
    Claim("regret, best observed mean less winner", "observed_regret", (0.0, math.inf)),
    Claim("regret at equal trainings, best single run less winner", "single_regret", (0, math.inf)),
    Claim("worse than the best single run by more than .01", "worse_than_single"),
    Claim("trainings of the race", "trainings"),
    Claim("replicates planned for a gain of .03", "needed"),
    Claim("a gain of .03 can be decided", "decidable"),
    Claim("power for a gain of .03 over the best sampled", "found", (0.75, 0.85), "decidable"),
    Claim("power for a gain of .03 over PCA", "found_baseline", (0.80, 1.0), "decidable"),
    Claim("better than anything where all are the same", "false_better", SHARE),
    Claim("better than PCA where both are the same", "false_baseline", SHARE),
    Claim("verdicts that the truth contradicts, in a study", "contradicted", BOTH_FAMILIES),
)

FLAT_CLAIMS = (
    Claim("bias of predicted, first recommendation", "promise", BIAS),
    Claim("bias of predicted, winner of the race", "raced_promise", BIAS),
    Claim("bias of the best observed mean", "observed_promise"),
    Claim("coverage of the 90 % interval, first recommendation", "covered", (0.85, 1.0)),
    Claim("coverage of the 90 % interval, winner of the race", "raced_covered", (0.85, 1.0)),
    Claim("better than anything", "false_better", SHARE),
    Claim("trainings of the race", "trainings"),
)
"""Where every configuration is the same, an interval that always holds the truth is no fault."""


def with_regret(studies: pd.DataFrame, most: int) -> pd.DataFrame:
    """Add what follows from the columns of a study.

    Parameters
    ----------
    studies
        One row a study: the columns of :class:`benchmarks.claims.study.Claims`.
    most
        Replicates of a validation at most.
    """
    single = studies["winner"] - studies["single"]
    return studies.assign(
        observed_regret=studies["winner"] - studies["observed"],
        single_regret=single,
        worse_than_single=single < -0.01,
        decidable=studies["needed"] <= most,
    )


def table(studies: pd.DataFrame, claims: tuple[Claim, ...]) -> pd.DataFrame:
    """Hold claims against studies.

    Returns
    -------
    pandas.DataFrame
        One row a claim: ``claim, studies, mean, lower, upper, reach, outcome``.
    """
    return pd.DataFrame([_row(studies, claim) for claim in claims])


def _row(studies: pd.DataFrame, claim: Claim) -> dict[str, object]:
    counted = studies if claim.of is None else studies[studies[claim.of].astype(bool)]
    values = counted[claim.column].astype("float64")
    mean, lower, upper = interval(values)
    return {
        "claim": claim.words,
        "studies": len(values),
        "mean": mean,
        "lower": lower,
        "upper": upper,
        "reach": "" if claim.reach is None else f"{claim.reach[0]:g} to {claim.reach[1]:g}",
        "outcome": outcome(lower, upper, claim.reach),
    }


def interval(values: pd.Series) -> tuple[float, float, float]:
    """Return the mean with its 95 % Monte Carlo interval.

    Of shares, the interval of Wilson (Journal of the American Statistical Association 22, 1927): a
    share of zero has one too.
    """
    count = len(values)
    if not count:
        return math.nan, math.nan, math.nan
    mean = float(values.mean())
    if values.isin([0.0, 1.0]).all():
        weight = 1.96**2 / count
        middle = (mean + weight / 2) / (1 + weight)
        half = 1.96 / (1 + weight) * math.sqrt(mean * (1 - mean) / count + weight / (4 * count))
        return mean, max(0.0, middle - half), min(1.0, middle + half)
    half = 1.96 * float(values.std()) / math.sqrt(count)
    return mean, mean - half, mean + half


def outcome(lower: float, upper: float, reach: tuple[float, float] | None) -> str:
    """Say whether an interval lies within its reach."""
    if reach is None:
        return REPORTED
    if math.isnan(lower):
        return NOT_SHOWN
    if reach[0] <= lower and upper <= reach[1]:
        return HOLDS
    return MISSED if upper < reach[0] or lower > reach[1] else NOT_SHOWN
