"""What validation found of a recommendation, as a table for the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
from rich.table import Table

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.names import BASELINE, BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.analysis.verdict import difference_text, outcome_text
from aehpo_assets.foreign import escaped
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE


def recommendation_report(
    report: Mapping[str, pd.DataFrame], architecture: str, task: str
) -> Table:
    """Show what validation found on one task as a table for the terminal.

    Parameters
    ----------
    report
        The tables of the validation report of the architecture, by name.
    architecture, task
        What is shown.

    Returns
    -------
    rich.table.Table
        Predicted valid, actual valid and actual test score of the candidate of each origin and of
        the baselines (means ± standard errors), and what the recommendation adds to its opponents
        (with 95 % intervals) with the verdict on it; the caption says it in whole sentences.
    """
    own = {name: table[table["task"] == task] for name, table in report.items() if "task" in table}
    table = Table(
        title=escaped(f"{task}, {architecture}: weighted average AUC"),
        caption=escaped(str(own["verdicts"]["verdict"].iloc[0])),
        caption_justify="left",
    )
    table.add_column("")
    for name in ("predicted valid", "actual valid", "actual test"):
        table.add_column(name, justify="right")
    table.add_column("on these test samples")
    candidates = own["candidates"]
    for origin in (BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT, BASELINE):
        for row in candidates[candidates["origin"] == origin].to_dict("records"):
            predicted = str(Estimate(row["predicted_valid"]))
            scores = [str(Estimate(row[name], row[f"{name}_error"])) for name in ("valid", "test")]
            style = "bold" if origin == RECOMMENDED else None
            table.add_row(escaped(row["name"]), predicted, *scores, style=style)
    on_valid, on_test = (_by_opponent(own["improvements"], s) for s in (VALID_SCORE, TEST_SCORE))
    if on_test:
        table.add_section()
    for opponent, row in on_test.items():
        name = "the baseline best on valid" if opponent == BASELINE else row["against"]
        cells = [difference_text(of[opponent]) for of in (on_valid, on_test)]
        table.add_row(
            f"recommendation less {name}", "", *map(escaped, cells), escaped(outcome_text(row))
        )
    return table


def _by_opponent(compared: pd.DataFrame, score: str) -> dict[str, Any]:
    rows = compared[compared["score"] == score].to_dict("records")
    return {str(row["opponent"]): row for row in rows}
