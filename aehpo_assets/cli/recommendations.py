"""What validation found of a recommendation, as a table for the terminal."""

from __future__ import annotations

import pandas as pd
from rich.table import Table

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.validation_summary import (
    recommendation_summary,
)
from aehpo_assets.analysis.verdict import verdict
from aehpo_assets.foreign import escaped


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
