"""Train what published findings are about, and print whether they hold.

``python -m benchmarks.findings --data FOLDER --out FOLDER [--only ITEM ...]``: the data folder has
the data sets ``tcga`` (``rna``; labels SEX, GRADE, OS_STATUS, SUBTYPE) and ``pbmc_cite`` (``rna``).
Finished trainings are kept in the other folder, so that a second call goes on where the first
ended; there lie ``findings.json``, ``findings.tsv`` and ``findings.md`` afterwards.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from aehpo_assets.errors import InputError
from benchmarks.findings import gates, losses, models, recipe, thesis
from benchmarks.findings.cohorts import Given
from benchmarks.findings.table import write_experiment, write_tables
from benchmarks.findings.trainings import Trainer
from benchmarks.findings.verdict import Finding

EXPERIMENTS: dict[str, tuple[tuple[str, ...], Callable[[Given], list[Finding]]]] = {
    "models": (("14",), models.findings),
    "recipe": (("7", "8", "9", "10", "11", "17"), recipe.findings),
    "logcosh": (("18",), losses.log_cosh),
    "iwae": (("19",), losses.bounds),
    "tybalt": (("31",), losses.tybalt),
    "gates": (("3", "4"), gates.findings),
    "batch": (("26",), thesis.batch_sizes),
    "thesis": (("20", "27"), thesis.findings),
}
"""Name to the items that an experiment is about, and what returns them."""


def chosen(only: list[str] | None) -> list[str]:
    """Return the experiments that some items need, all without any.

    Raises
    ------
    InputError
        If there is no such item.
    """
    known = {item: name for name, (items, _) in EXPERIMENTS.items() for item in items}
    for item in only or []:
        if item not in known:
            raise InputError(
                f"no experiment is about item {item}",
                key="--only",
                remedy=f"Give one of {', '.join(sorted(known, key=int))}.",
            )
    return [name for name in EXPERIMENTS if not only or name in {known[item] for item in only}]


def main(arguments: list[str] | None = None) -> None:
    """Run the experiments and print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.findings", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with both data sets")
    parser.add_argument("--out", type=Path, required=True, help="folder for trainings and tables")
    parser.add_argument("--only", action="append", metavar="ITEM", help="such as 14; repeatable")
    given = parser.parse_args(arguments)
    try:
        names = chosen(given.only)
        study = Given(given.data, Trainer(given.out / "runs"))
        for name in names:
            found = EXPERIMENTS[name][1](study)
            write_experiment(given.out / "experiments" / f"{name}.json", found)
            write_tables(given.out)
    except InputError as error:
        raise SystemExit(str(error)) from None
    sys.stdout.write(write_tables(given.out))


if __name__ == "__main__":
    main()
