"""The order of searchers on real trainings, against the order that an emulated cohort gives them.

``python -m benchmarks.live_order EMULATED_HOME LIVE_HOME --task TASK --live-task TASK``: two homes
whose studies have one search space and several replicates. On the first, every training is
emulated: what the surrogate of its runs predicts, with the noise of a replicate. On the second,
every search really trains, and what it would hand over is trained again in replicates that it never
saw. The conversation is the same in both (``aehpo_assets.hpo.search.live``), searches of one
repetition are told one replicate, and what counts is the true score of what the searcher says is
best. How far the live order can be relied on is said beside it: the share of the variance of a
searcher's mean that lies between searchers.
"""

from __future__ import annotations

import argparse
import math
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import RUNTIME, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.search.live import Decide, LiveBudget, Train, live_search
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.noise.summary import known_noise, noise_tables
from aehpo_assets.space import SearchSpace, search_space
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.runs.table import RunTable, study_replicates, training_settings
from aehpo_gpu.training.task import REPLICATE_INPUTS, TRAINING_INPUTS, training_task
from benchmarks.arms import read_home

SEARCHERS = ("random_search", "bore", "cqr")
REPETITIONS, RUNS, BATCH = 5, 24, 4
LOOKS = 6
"""Fresh replicates of what a live search would hand over."""

FIRST_LOOK = 500
"""Their first number; that of a repetition's own replicate is the repetition's."""

EMULATED, LIVE = "emulated", "live"


def emulated_training(runs: pd.DataFrame, space: SearchSpace) -> tuple[Train, dict[str, float]]:
    """Return what trains in no time as a task would, and the true scores of all that it trained.

    Parameters
    ----------
    runs
        Run results of the task in several replicates.
    space
        The search space.

    Returns
    -------
    tuple
        The training, of seed 0, and what it fills: ``config_id`` to true score.
    """
    task = str(runs["task"].iloc[0])
    evaluations = training_table({task: runs}, space)
    surrogate, _, _ = fit_surrogate(evaluations, space, 0, ("gaussian_process",), folds=1)
    noise = known_noise(noise_tables(runs, {VALID_SCORE: (0, 1)})["components"], VALID_SCORE)
    deviation = 0.0 if noise is None else noise.deviation
    truth: dict[str, float] = {}

    def train(configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        true = surrogate.predict(configurations, task)[VALID_SCORE].to_numpy()
        ids = configurations["config_id"].tolist()
        truth.update(zip(ids, true.tolist(), strict=True))
        drawn = [np.random.default_rng(named_seed(0, one)).normal() for one in ids]
        told = np.clip(true + deviation * np.array(drawn), 0, 1)
        constant = {"seed": 0, "status": "ok", "epoch": 1, "epochs": 1, RUNTIME: 1.0, VALID_R2: 0.0}
        return configurations.assign(**constant, **{VALID_SCORE: told})

    return train, truth


def emulated(
    runs: pd.DataFrame, space: SearchSpace, searchers: Sequence[str], repetitions: int, budget: int
) -> pd.DataFrame:
    """Search an emulated task: ``searcher, repetition, told, true`` of what is handed over."""
    rows = []
    train, truth = emulated_training(runs, space)
    for repetition in range(repetitions):
        for searcher in searchers:
            found = _search(searcher, space, train, repetition, budget)
            best = found.loc[found[VALID_SCORE].idxmax()]
            true = truth[best["config_id"]]
            rows.append((searcher, repetition, float(best[VALID_SCORE]), true))
    return pd.DataFrame(rows, columns=["searcher", "repetition", "told", "true"])


def live(
    home: Home,
    task: str,
    architecture: str,
    searchers: Sequence[str],
    repetitions: int,
    budget: int,
) -> pd.DataFrame:
    """Search by real trainings: the columns of :func:`emulated`, ``true`` by fresh replicates."""
    study, store = home.study(), home.store
    space = search_space(architecture, study.space)
    tables = {asset: store.read_table(asset, (task,)) for asset in REPLICATE_INPUTS}
    versions = {a: store.checked(a, (task,)).data_version for a in REPLICATE_INPUTS}
    data = training_task(task, *(tables[asset] for asset in TRAINING_INPUTS))
    replicates = study_replicates(task, study, tables, versions)

    def trained(runs: pd.DataFrame) -> pd.DataFrame:
        settings = training_settings(study)
        table = RunTable(architecture, data, runs, settings, {}, home, replicates)
        return table.train_missing(lambda progress: None)[0]

    rows = []
    for repetition in range(repetitions):

        def train(
            configurations: pd.DataFrame, decide: Decide, seed: int = repetition
        ) -> pd.DataFrame:
            results = trained(configurations.assign(seed=seed))
            return results.assign(epoch=results["epochs"])

        for searcher in searchers:
            found = _search(searcher, space, train, repetition, budget)
            best = found.loc[[found[VALID_SCORE].idxmax()]]
            again = best[["config_id", *space.names]].merge(
                pd.DataFrame({"seed": range(FIRST_LOOK, FIRST_LOOK + LOOKS)}), how="cross"
            )
            true = float(trained(again)[VALID_SCORE].mean())
            rows.append((searcher, repetition, float(best[VALID_SCORE].iloc[0]), true))
            sys.stderr.write(f"{searcher} {repetition}: {rows[-1][2]:.3f} told, {true:.3f} again\n")
    return pd.DataFrame(rows, columns=["searcher", "repetition", "told", "true"])


def _search(
    searcher: str, space: SearchSpace, train: Train, repetition: int, budget: int
) -> pd.DataFrame:
    problem = Problem(space, seed=named_seed(repetition, "live order", searcher), trials=budget)
    with tempfile.TemporaryDirectory() as folder:
        return live_search(
            searcher, problem, train, LiveBudget(budget, batch=BATCH), Path(folder) / "record"
        )


def reliability(searches: pd.DataFrame) -> float:
    """Return the share of the variance of searchers' means that lies between searchers.

    By the mean squares of a one-way analysis of variance, never below 0; NaN for one repetition.

    Parameters
    ----------
    searches
        ``searcher`` and ``true``, the same number of repetitions of each.
    """
    groups = searches.groupby("searcher")["true"]
    repetitions = int(groups.size().min())
    if repetitions < 2:
        return math.nan
    between = repetitions * float(groups.mean().var(ddof=1))
    within = float(groups.var(ddof=1).mean())
    return max(0.0, 1 - within / between) if between > 0 else 0.0


def orders(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Return one row a searcher: mean true score and its standard error, emulated and live."""
    parts = []
    for name, table in tables.items():
        groups = table.groupby("searcher", sort=False)
        own = pd.DataFrame(
            {
                "told": groups["told"].mean(),
                "true": groups["true"].mean(),
                "standard error": groups["true"].sem(),
                "rank": groups["true"].mean().rank(ascending=False),
            }
        )
        parts.append(pd.concat({name: own}, axis=1))
    return pd.concat(parts, axis=1)


def main() -> None:
    """Print both orders, and how far the live one can be relied on."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.live_order", description=__doc__)
    parser.add_argument("emulated", type=Path)
    parser.add_argument("live", type=Path)
    parser.add_argument("--task", required=True)
    parser.add_argument("--live-task", required=True)
    parser.add_argument("--architecture", default="varix")
    parser.add_argument("--searchers", nargs="+", default=list(SEARCHERS))
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--runs", type=int, default=RUNS)
    given = parser.parse_args()
    runs, space = read_home(Home(given.emulated), given.task, given.architecture)
    how = given.searchers, given.repetitions, given.runs
    tables = {
        EMULATED: emulated(runs, space, *how),
        LIVE: live(Home(given.live), given.live_task, given.architecture, *how),
    }
    table = orders(tables)
    sys.stdout.write(f"{table.round(3).to_string()}\n")
    ranks = table.xs("rank", axis=1, level=1)
    sys.stdout.write(
        f"Spearman correlation of the two orders: {ranks.corr('pearson').iloc[0, 1]:.2f}; "
        + ", ".join(f"reliability {n} {reliability(t):.2f}" for n, t in tables.items())
        + "\n"
    )


if __name__ == "__main__":
    main()
