"""What came out of a study, for the terminal: a row a task, or one task with all its numbers.

What is said of a difference belongs to ``analysis.verdict``; nothing is computed here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.integration import integration_text
from aehpo_assets.analysis.names import (
    BASELINE,
    BEST_SAMPLED,
    ORIGIN_NAMES,
    RECOMMENDED,
    UNTUNED_DEFAULT,
)
from aehpo_assets.analysis.verdict import difference_text, outcome_text
from aehpo_assets.cli.scripted import print_json, records
from aehpo_assets.errors import InputError
from aehpo_assets.exchange.recommended import recommended
from aehpo_assets.foreign import escaped
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.words import NOT_KNOWN
from aehpo_assets.report.found import (
    Report,
    compared_configurations,
    of_task,
    validation_reports,
)
from aehpo_assets.space.distributions import value_text
from aehpo_assets.store.home import Home

OPPONENTS = {
    BEST_SAMPLED: "best sampled",
    UNTUNED_DEFAULT: "untuned default",
    BASELINE: "best baseline",
}
"""Columns of the summary."""


def print_summary(home: Home, console: Console) -> None:
    """Print a row for each architecture and task: what is recommended, and whether it is better.

    Raises
    ------
    InputError
        If nothing was validated yet.
    """
    table = Table(title="What is recommended, and what it adds on these test samples")
    for name in ("task", "configuration", "valid", "test", *OPPONENTS.values()):
        table.add_column(name, justify="right" if name in ("valid", "test") else "left")
    reports = validation_reports(home)
    for architecture, report in reports.items():
        candidates = report["candidates"]
        of_test = report["improvements"].query("score == @TEST_SCORE")
        for row in candidates[candidates["origin"] == RECOMMENDED].to_dict("records"):
            own = of_test[of_test["task"] == row["task"]].set_index("opponent")
            cells = [_summary_cell(own.loc[o]) if o in own.index else "" for o in OPPONENTS]
            scores = [str(Estimate(row[n], row[f"{n}_error"])) for n in ("valid", "test")]
            # "recommendation: r12ab34cd, cqr" names the origin as well, which all rows share.
            name = str(row["name"]).partition(": ")[2]
            task = f"{escaped(row['task'])}\n{escaped(architecture)}"
            table.add_row(task, *map(escaped, (name.replace(", ", " "), *scores)), *cells)
    console.print(table)
    _print_integration(reports, console)
    console.print("One task with all its numbers: `aehpo results TASK`.", highlight=False)


def _print_integration(reports: Mapping[str, Report], console: Console) -> None:
    """Print what joint tasks add to the best of their modalities, if the study has any."""
    for architecture, report in reports.items():
        shown = integration_text(report.get("integration", pd.DataFrame()))
        if len(shown):
            title = f"What joining modalities adds to the best of them alone, {architecture}"
            table = Table(*shown.columns, title=escaped(title))
            for row in shown.to_numpy(str):
                table.add_row(*map(escaped, row))
            console.print(table)


def print_task(
    home: Home, tasks: Sequence[str], architecture: str | None, console: Console
) -> None:
    """Print everything that validation found of some tasks, and what is recommended for them.

    Parameters
    ----------
    home
        The home.
    tasks
        Their names.
    architecture
        The one architecture to show; all of the study by default.
    console
        Where to print.

    Raises
    ------
    InputError
        If nothing was validated of one of them.
    """
    reports = validation_reports(home)
    chosen = [architecture] if architecture else list(reports)
    for task in tasks:
        known = [
            a for a in chosen if a in reports and (reports[a]["verdicts"]["task"] == task).any()
        ]
        if not known:
            has = sorted(
                {task for report in reports.values() for task in report["verdicts"]["task"]}
            )
            raise InputError(
                f"nothing was validated of {task}"
                + (f" with {architecture}" if architecture else ""),
                file=home.root,
                remedy=f"Validated are {', '.join(has)} with {', '.join(reports)}.",
            )
        for name in known:
            console.print(recommendation_report(reports[name], name, task))
            console.print(_configurations(home, name, task, reports[name]))


def print_recommended(home: Home, tasks: Sequence[str], architecture: str | None) -> None:
    """Print what is recommended as JSON: an entry for each architecture and task.

    Parameters
    ----------
    home
        The home.
    tasks
        Those to show; all of them if there are none.
    architecture
        The one architecture to show; all of the study by default.

    Raises
    ------
    InputError
        If nothing was validated of it yet.
    """
    content = []
    for name, report in validation_reports(home).items():
        for task in report["verdicts"]["task"]:
            if (tasks and task not in tasks) or architecture not in (None, name):
                continue
            own = of_task(report, task)
            found = asdict(recommended(home, name, task))
            # JSON knows no NaN: what is not known is left out.
            known = {key: v for key, v in found["scores"].items() if not math.isnan(v)}
            tables = {key: records(own[key]) for key in ("candidates", "improvements")}
            content.append(found | {"scores": known} | tables)
    if not content:
        raise InputError(
            f"nothing was validated of {', '.join(tasks)}",
            file=home.root,
            remedy="`aehpo results --json` shows all that was.",
        )
    print_json(content)


def _summary_cell(row: Any) -> str:
    """The outcome and the difference; of a baseline also which, without its dimensions."""
    than = f" {row['opponent_config_id'].partition(' (')[0]}" if row.name == BASELINE else ""
    return escaped(f"{row['improvement']:+.3f}{than}") + f"\n{escaped(row['outcome'])}"


def _configurations(
    home: Home, architecture: str, task: str, report: Mapping[str, pd.DataFrame]
) -> Table:
    """The hyperparameters of what was recommended, and of what it was compared with."""
    compared = compared_configurations(home, architecture, task, report)
    table = Table("hyperparameter", title=escaped(f"{task}, {architecture}: configurations"))
    for row in compared.to_dict("records"):
        table.add_column(
            f"{ORIGIN_NAMES[row['origin']]}\n{escaped(row['config_id'])}", justify="right"
        )
    for name, values in compared.drop(columns=["origin", "config_id"]).items():
        table.add_row(str(name), *[escaped(value_text(value, 6)) for value in values])
    return table


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
    own = of_task(dict(report), task)
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
            if row.get("predicted_noise") == NOT_KNOWN:
                predicted += f"\n{NOT_KNOWN}"
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
