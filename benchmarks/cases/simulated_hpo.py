"""Simulated searches against the stock Syne Tune script, and 30,000 runs into the blackboxes."""

from __future__ import annotations

from benchmarks.case import Case
from benchmarks.hpo_speed import run as measure


def run(quick: bool) -> list[Case]:
    """Take over the rows of ``benchmarks.hpo_speed``, each measured once."""
    return [
        Case.of(
            row["case"],
            "a limit of 30 s" if row["reach"] == 1.0 else "the stock Syne Tune script",
            row["reach"],
            [row["ratio"]],
            **{key: row[key] for key in ("measured", "reference", "unit", "note")},
        )
        for row in measure(quick)
    ]
