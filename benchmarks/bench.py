"""All cases, one after another in one process: a table, and JSON with the machine's facts.

``python -m benchmarks.bench [--quick] [--json FILE] [CASE ...]``; without cases, all of them. A
case that cannot be measured here is a row that says why; a case that fails is one as well, and
the exit status says so. A ratio below its reach is reported and no failure. It is reached only if
the lowest of the repetitions is, and if others left the processor alone.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import traceback
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.case import Case
from benchmarks.machine import machine_facts
from benchmarks.noise import Watch

CASES = (
    "small_fleet",
    "peers",
    "study_space",
    "autoencodix",
    "largest_networks",
    "auc",
    "downstream",
    "simulated_hpo",
)
"""Modules of ``benchmarks.cases``, in the order of the table."""

console = Console()
if not console.is_terminal:
    # In a log a table of this width is still one.
    console.width = 150


def main() -> int:
    """Run the bench from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of {', '.join(CASES)}")
    parser.add_argument("--quick", action="store_true", help="10 minutes at most")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there")
    arguments = parser.parse_args()
    unknown = set(arguments.cases) - set(CASES)
    if unknown:
        parser.error(f"unknown cases {', '.join(sorted(unknown))}; known: {', '.join(CASES)}")
    warnings.simplefilter("ignore")
    facts = machine_facts()
    rows: list[Case] = []
    failed = False
    for name in arguments.cases or CASES:
        console.print(f"measuring {name} ...", style="dim")
        found, took, problem = _measure(name, arguments.quick)
        failed |= problem
        rows += found
        console.print(f"  {took:.0f} s", style="dim")
    console.print(result_table(rows, facts))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(report(rows, facts), indent=2) + "\n")
    return int(failed)


def _measure(name: str, quick: bool) -> tuple[list[Case], float, bool]:
    """Rows of a case, how long they took, and whether the case failed."""
    watch = Watch()
    try:
        found = importlib.import_module(f"benchmarks.cases.{name}").run(quick)
    except Exception as error:
        traceback.print_exc()
        reason = f"failed: {type(error).__name__}: {error}"
        return [Case(name, "", 0.0, skipped=reason)], watch.seconds, True
    return [replace(row, others=watch.others) for row in found], watch.seconds, False


def report(rows: list[Case], facts: dict[str, Any]) -> dict[str, Any]:
    """What goes into the JSON file."""
    return {
        "machine": facts,
        "cases": [row.row() for row in rows],
        "details": {row.case: row.details for row in rows},
    }


def result_table(rows: list[Case], facts: dict[str, Any]) -> Table:
    """Lay the results out for a terminal."""
    title = (
        f"{facts['processor']}, {facts['cores']} cores, {facts['gpu'] or 'no GPU'}, "
        f"load {facts['load_before'][0]} before"
    )
    table = Table("case", "against", title=title)
    for name in ("ratio", "low", "high", "in CPU s", "reach", "others", ""):
        table.add_column(name, justify="right")
    for row in rows:
        if row.ratio is None:
            table.add_row(row.case, row.skipped or "", *"----", f"{row.reach:g}", "-", "skipped")
            continue
        known = (row.ratio, row.low, row.high, row.cpu_ratio, row.reach)
        numbers = ["-" if value is None else f"{value:.3g}" for value in known]
        table.add_row(row.case, row.against, *numbers, f"{row.others:.0%}", row.verdict)
    return table


if __name__ == "__main__":
    sys.exit(main())
