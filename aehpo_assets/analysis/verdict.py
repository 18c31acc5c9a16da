"""Whether a recommendation was worth it: the verdict in words.

The numbers belong to ``validation_summary``, what can be said of them to ``validation_report``.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from aehpo_assets.analysis.names import BEST_SAMPLED, ORIGIN_NAMES, RECOMMENDED
from aehpo_assets.analysis.validation_summary import RecommendationSummary
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.verdict import BETTER, EQUAL, EQUIVALENCE, NOT_YET, WORSE

NOISE_NOT_KNOWN = "with one seed the noise is not known"

_SAID = {
    BETTER: "is better than {against}",
    WORSE: "is worse than {against}",
    EQUAL: "is equal to {against} within {equivalence:g}",
    NOT_YET: "is not yet known to be better or worse than {against}",
}


def verdict(summary: RecommendationSummary, compared: pd.DataFrame) -> str:
    """Say in words what validation found on one task, as honestly as the numbers allow.

    Parameters
    ----------
    summary
        Output of :func:`aehpo_assets.analysis.validation_summary.recommendation_summary`.
    compared
        Rows of its task in :func:`aehpo_assets.analysis.validation_report.improvements`.
    """
    if not (compared["opponent"] == BEST_SAMPLED).any():
        missing = BEST_SAMPLED if RECOMMENDED in summary.candidates else RECOMMENDED
        return f"There is no verdict: no {ORIGIN_NAMES[missing]} was validated."
    on_valid = compared[compared["score"] == VALID_SCORE].set_index("opponent")
    on_test = compared[compared["score"] == TEST_SCORE]
    sentences = [
        _against(subject, row, on_valid.loc[row["opponent"]], summary.noise[TEST_SCORE] is None)
        for subject, row in zip(
            ("On these test samples, the recommendation", "It", "It"),
            on_test.to_dict("records"),
            strict=False,
        )
    ]
    warnings = (summary.opening, summary.convergence, _noise(summary), _failures(summary))
    return " ".join(filter(None, [*sentences, *warnings]))


def difference_text(row: Any) -> str:
    """Return a difference with its interval, as far as that is known.

    Parameters
    ----------
    row
        A row of :func:`aehpo_assets.analysis.validation_report.improvements`.
    """
    if not row["tested"]:
        return f"{row['improvement']:+.3f}"
    return f"{row['improvement']:+.3f} [{row['lower']:+.3f}, {row['upper']:+.3f}]"


def outcome_text(row: Any) -> str:
    """Return the outcome of a comparison, and what it lacks, in a few words."""
    if _is_itself(row):
        return "the same configuration"
    if row["outcome"] != NOT_YET:
        return str(row["outcome"])
    return f"{NOT_YET}: {_lacks(row)}"


def _is_itself(row: Any) -> bool:
    """Whether what is recommended is the very opponent: equal, but not by any test."""
    return bool(row["config_id"] == row["opponent_config_id"])


def _against(subject: str, row: Any, on_valid: Any, nothing_is_known: bool) -> str:
    if _is_itself(row):
        return f"{subject} is {row['against']} itself, so that there is nothing to compare."
    said = _SAID[row["outcome"]].format(against=row["against"], equivalence=EQUIVALENCE)
    # Of a task of single runs it is said once, at the end.
    told_at_the_end = nothing_is_known and not row["tested"]
    lacks = f" ({_lacks(row)})" if row["outcome"] == NOT_YET and not told_at_the_end else ""
    differences = f"{difference_text(row)} on test, {difference_text(on_valid)} on valid"
    decidable = ""
    if row["tested"] and row["standard_error"] > 0:
        decidable = f"; a gain of {row['decidable']:.3f} could have been decided"
    return f"{subject} {said}{lacks}: {differences}{decidable}.{_for_new_patients(row)}"


def _for_new_patients(row: Any) -> str:
    """Say what holds for new patients, where it is known."""
    if pd.isna(row["new_patients"]):
        return ""
    lower, upper = row["new_patients_lower"], row["new_patients_upper"]
    return f" For new patients: {row['new_patients']} [{lower:+.3f}, {upper:+.3f}]."


def _lacks(row: Any) -> str:
    if not row["tested"]:
        return NOISE_NOT_KNOWN
    if pd.isna(row["more"]):
        return "no number of replicates decides a difference of zero"
    return f"needs about {row['more']:,} more replicate{'' if row['more'] == 1 else 's'} of each"


def _noise(summary: RecommendationSummary) -> str:
    known = {score: noise for score, noise in summary.noise.items() if noise is not None}
    if known.keys() != {VALID_SCORE, TEST_SCORE}:
        return (
            f"Not yet: {NOISE_NOT_KNOWN}. Give the study at least two seeds, or "
            "hpo.validation_seeds."
        )
    count = summary.candidates[RECOMMENDED].runs
    valid, test = known[VALID_SCORE], known[TEST_SCORE]
    return (
        f"The noise is pooled over the autoencoders of the task ({valid.degrees} degrees of "
        f"freedom): one replicate has a standard deviation of {valid.deviation:.3f} on valid and "
        f"{test.deviation:.3f} on test, so that the standard error of a valid score is "
        f"{valid.error(count):.3f} here. How other samples would score is in no interval but those "
        "for new patients."
    )


def _failures(summary: RecommendationSummary) -> str:
    failed = [
        f"{row.failed_runs} of {row.runs} of the {row.name}"
        for row in summary.candidates.values()
        if row.failed_runs
    ]
    return f"Runs without a score count as 0.5: {', '.join(failed)}." if failed else ""
