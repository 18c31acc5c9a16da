"""The table of findings: as JSON, as TSV (a row a number), and as Markdown (a row a finding)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.store.files import write_text
from benchmarks.findings.verdict import Finding

COLUMNS = ("item", "claim", "source", "what was run", "numbers", "verdict", "decidable")


def as_record(finding: Finding) -> dict[str, Any]:
    """Lay a finding out as what JSON holds; what is not known is None."""
    numbers = []
    for number in finding.numbers:
        lower, upper = number.difference.interval()
        numbers.append(
            {
                "what": number.what,
                "value": _finite(number.difference.mean),
                "lower": _finite(lower),
                "upper": _finite(upper),
                "reach": None if number.reach is None else [_finite(at) for at in number.reach],
                "holds": None if number.reach is None else number.holds,
                "p_outside": None if number.reach is None else number.p_outside,
                "replicates": number.difference.replicates,
                "smallest": _finite(number.smallest),
            }
        )
    words = {name: getattr(finding, name) for name in ("item", "claim", "source", "run", "remark")}
    return words | {"verdict": finding.verdict, "numbers": numbers}


def write_tables(folder: Path) -> str:
    """Write ``findings.tsv`` and ``findings.md`` of all experiments that are finished in a folder.

    Parameters
    ----------
    folder
        With a ``.json`` an experiment, each a list of what :func:`as_record` returns.

    Returns
    -------
    str
        The table in Markdown.
    """
    records = [
        record
        for path in sorted((folder / "experiments").glob("*.json"))
        for record in json.loads(path.read_text(encoding="utf-8"))
    ]
    records.sort(key=lambda record: _order(record["item"]))
    rows = [
        {name: record[name] for name in ("item", "claim", "source", "run", "verdict", "remark")}
        | number
        for record in records
        for number in record["numbers"] or [{}]
    ]
    write_text(folder / "findings.tsv", pd.DataFrame(rows).to_csv(sep="\t", index=False))
    write_text(folder / "findings.json", json.dumps(records, indent=1) + "\n")
    table = markdown(records)
    write_text(folder / "findings.md", table)
    return table


def write_experiment(path: Path, findings: Iterable[Finding]) -> None:
    """Keep what came of an experiment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps([as_record(finding) for finding in findings], indent=1) + "\n")


def markdown(records: Sequence[dict[str, Any]]) -> str:
    """Return the table, a row a finding."""
    lines = [_line(COLUMNS), _line(["---"] * len(COLUMNS))]
    for record in records:
        numbers = record["numbers"]
        smallest = [number["smallest"] for number in numbers if number["reach"] is not None]
        cells = [
            record["item"],
            record["claim"],
            record["source"],
            record["run"],
            "; ".join(_words(number) for number in numbers) or "none",
            record["verdict"] + (f" ({record['remark']})" if record["remark"] else ""),
            ", ".join("unknown" if at is None else f"{at:.2g}" for at in smallest),
        ]
        lines.append(_line(cells))
    return "\n".join(lines) + "\n"


def _words(number: dict[str, Any]) -> str:
    if number["value"] is None:
        return f"{number['what']} unknown"
    value = f"{number['what']} {number['value']:.3g}"
    if number["lower"] is None or number["upper"] is None:
        return value
    return f"{value} [{number['lower']:.3g}, {number['upper']:.3g}]"


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _order(item: str) -> tuple[int, str]:
    digits = "".join(letter for letter in item if letter.isdigit())
    return int(digits), item[len(digits) :]


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
