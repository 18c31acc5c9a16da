"""Whether a recommendation was worth it: the verdict in words, and the table for the terminal.

The numbers belong to ``validation_summary``, and their intervals to ``improvement``.
"""

from __future__ import annotations

import math

from aehpo_assets.analysis.names import BEST_SAMPLED, ORIGIN_NAMES, RECOMMENDED
from aehpo_assets.analysis.validation_summary import (
    Gain,
    RecommendationSummary,
)

FEW_SEEDS = 5
"""With fewer seeds an interval over them is mostly the factor by which it is widened."""


def verdict(summary: RecommendationSummary) -> str:
    """Say in words what validation found, as honestly as the numbers allow.

    Parameters
    ----------
    summary
        Output of :func:`aehpo_assets.analysis.validation_summary.recommendation_summary`.
    """
    if summary.over_best_sampled is None:
        missing = RECOMMENDED if summary.recommended is None else BEST_SAMPLED
        return f"There is no verdict: no {ORIGIN_NAMES[missing]} was validated."
    sentences = [
        _against("The recommendation", summary.over_best_sampled),
        _against("It", summary.over_default),
        _against("It", summary.over_baseline),
        _intervals(summary.over_best_sampled, replicated=summary.replicated),
        _granularity(summary.over_best_sampled, summary.valid_granularity),
        _failures(summary),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def _against(subject: str, gain: Gain | None) -> str:
    if gain is None:
        return ""
    return (
        f"{subject} {gain.test.outcome} {gain.opponent}: {gain.test} on test, {gain.valid} on "
        "valid."
    )


def _intervals(gain: Gain, *, replicated: bool) -> str:
    seeds, one = gain.test.seeds, "replicate" if replicated else "seed"
    if math.isnan(gain.test.lower):
        return f"With one {one}, how much of it is chance is not known."
    few = f", and so few {one}s make them wide" if seeds < FEW_SEEDS else ""
    covered = "training" if not replicated else "training and of the split into train and valid"
    held_out = "were held out" if not replicated else "are test"
    return (
        f"The 95 % intervals over {seeds} {one}s cover the chance of {covered}, not that of which "
        f"samples {held_out}{few}."
    )


def _granularity(gain: Gain, step: float) -> str:
    if math.isnan(step):
        return ""
    text = f"Two valid samples that swap places change a valid score by up to {step:.3f}"
    if abs(gain.valid.mean) < step:
        return f"{text}: the valid difference is smaller than that."
    return f"{text}."


def _failures(summary: RecommendationSummary) -> str:
    chosen = (summary.recommended, summary.best_sampled, summary.untuned_default)
    failed = [
        f"{row.failed_runs} of {row.runs} of the {row.name}"
        for row in chosen
        if row is not None and row.failed_runs
    ]
    return f"Runs without a score count as 0.5: {', '.join(failed)}." if failed else ""
