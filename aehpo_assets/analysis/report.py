"""Whether a recommendation was worth it: the verdict in words, and the table for the terminal.

The numbers belong to ``validation_summary``, and their intervals to ``improvement``.
"""

from __future__ import annotations

import math

import pandas as pd
from rich.table import Table

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.names import BEST_SAMPLED, ORIGIN_NAMES, RECOMMENDED
from aehpo_assets.analysis.validation_summary import (
    Gain,
    RecommendationSummary,
    recommendation_summary,
)
from aehpo_assets.foreign import escaped

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
        _intervals(summary.over_best_sampled),
        _granularity(summary.over_best_sampled, summary.valid_granularity),
        _failures(summary),
    ]
    return " ".join(sentence for sentence in sentences if sentence)


def recommendation_report(validated: pd.DataFrame, baselines: pd.DataFrame) -> Table:
    """Show what validation found as a table for the terminal.

    Parameters
    ----------
    validated, baselines
        As for :func:`aehpo_assets.analysis.validation_summary.recommendation_summary`.

    Returns
    -------
    rich.table.Table
        Predicted valid, actual valid and actual test score of the candidate of each origin and of
        the baselines (means over seeds ± standard error), and what the recommendation adds to the
        best sampled configuration and to the default (with 95 % intervals); the caption is the
        verdict.
    """
    summary = recommendation_summary(validated, baselines)
    table = Table(
        title=escaped(f"{summary.task}, {summary.architecture}: weighted average AUC"),
        caption=escaped(verdict(summary)),
        caption_justify="left",
    )
    table.add_column("")
    for name in ("predicted valid", "actual valid", "actual test"):
        table.add_column(name, justify="right")
    candidates = (summary.best_sampled, summary.recommended, summary.untuned_default)
    for row in (*candidates, *summary.baselines):
        if row is not None:
            predicted = str(Estimate(row.predicted_valid))
            style = "bold" if row is summary.recommended else None
            table.add_row(escaped(row.name), predicted, str(row.valid), str(row.test), style=style)
    gains = [gain for gain in (summary.over_best_sampled, summary.over_default) if gain is not None]
    if gains:
        table.add_section()
    for gain in gains:
        name = f"recommendation less {gain.opponent}"
        table.add_row(name, "", escaped(str(gain.valid)), escaped(str(gain.test)))
    return table


def _against(subject: str, gain: Gain | None) -> str:
    if gain is None:
        return ""
    return (
        f"{subject} {gain.test.outcome} {gain.opponent}: {gain.test} on test, {gain.valid} on "
        "valid."
    )


def _intervals(gain: Gain) -> str:
    seeds = gain.test.seeds
    if math.isnan(gain.test.lower):
        return "With one seed, how much of it is chance is not known."
    few = ", and so few seeds make them wide" if seeds < FEW_SEEDS else ""
    return (
        f"The 95 % intervals over {seeds} seeds cover the chance of training, not that of which "
        f"samples were held out{few}."
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
