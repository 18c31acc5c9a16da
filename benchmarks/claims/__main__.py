"""Simulate studies, and print what the platform's claims are worth.

``python -m benchmarks.claims HOME [--studies N] [--processes P]``: the emulator is fitted on the
runs of one task of a finished home whose study has replicates. A study takes 4 to 6 seconds of one
core; N studies are made of each reliability, and half as many where all configurations are one.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.space import SearchSpace, search_space
from aehpo_assets.store.home import Home
from aehpo_assets.study.results import Race
from benchmarks.claims.emulator import FLAT, Trained, trained
from benchmarks.claims.studies import RELIABILITIES, jobs, simulate
from benchmarks.claims.table import CLAIMS, FLAT_CLAIMS, table, with_regret


def source_of(home: Home, architecture: str, task: str) -> tuple[Trained, SearchSpace]:
    """Read what the emulator is fitted on.

    Raises
    ------
    InputError
        If the home holds no such runs, or has one replicate only.
    """
    if not home.store.is_usable("run_results", (architecture, task)):
        raise InputError(f"{home.root} holds no run results of {architecture} on {task}")
    study = home.study()
    space = search_space(architecture, study.space)
    return trained(home.store.read_table("run_results", (architecture, task)), space), space


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.claims", description=__doc__)
    parser.add_argument("home", type=Path)
    parser.add_argument("--task", required=True)
    parser.add_argument("--architecture", default="varix")
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="one row a study, as Parquet")
    given = parser.parse_args()
    try:
        source, space = source_of(Home(given.home), given.architecture, given.task)
    except InputError as error:
        raise SystemExit(str(error)) from None
    started, rows = time.monotonic(), []
    work = jobs(given.studies, given.seed)
    for done, found in enumerate(simulate(source, space, work, given.processes), start=1):
        rows.append(found)
        minutes = (time.monotonic() - started) / 60
        sys.stderr.write(f"\r{done} of {len(work)} studies, {minutes:.1f} minutes ")
    sys.stderr.write("\n")
    studies = with_regret(pd.DataFrame(rows), Race().max_replicates)
    if given.out:
        studies.to_parquet(given.out)
    for reliability in RELIABILITIES:
        own = studies[(studies["reliability"] == reliability) & (studies["kind"] != FLAT)]
        _print(f"Reliability of one run {reliability}", table(own, CLAIMS))
    flat = studies[studies["kind"] == FLAT]
    _print("All configurations are the same", table(flat, FLAT_CLAIMS))


def _print(title: str, shown: pd.DataFrame) -> None:
    sys.stdout.write(f"\n{title}\n{shown.round(4).to_string(index=False)}\n")


if __name__ == "__main__":
    main()
