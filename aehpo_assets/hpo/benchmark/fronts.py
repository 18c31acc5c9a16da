"""What the trials of a benchmark say of several objectives at once: fronts and their volume.

Regret and ranks of the valid score alone belong to ``analysis``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.benchmark.analysis import band, spending
from aehpo_assets.hpo.benchmark.pareto import PARETO_OBJECTIVES, hypervolume, pareto_front
from aehpo_assets.hpo.search.told import with_true_values


def fronts(trials: pd.DataFrame) -> pd.DataFrame:
    """Pareto front of each task: score, R2 and operations of all that any search completed.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run.run_benchmark`.

    Returns
    -------
    pandas.DataFrame
        Rows of ``trials`` with their true values, best score first within their task; of
        configurations with the same objectives, the first one that a search found.
    """
    whole = with_true_values(trials[trials["status"] == "completed"])
    whole = whole.drop_duplicates(["task", *PARETO_OBJECTIVES])
    parts = [pareto_front(found) for _, found in whole.groupby("task", sort=False)]
    return pd.concat(parts, ignore_index=True) if parts else whole


def hypervolumes(trials: pd.DataFrame, evaluations: pd.DataFrame) -> pd.DataFrame:
    """Mean hypervolume of what a searcher's searches recommend, with 95 % bootstrap intervals.

    A search recommends the front of what it was told; its volume is that of their true values.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run.run_benchmark`.
    evaluations
        The evaluations it rests on, with operations, which give each task's range of the
        objectives.

    Returns
    -------
    pandas.DataFrame
        ``searcher, mean, lower, upper``, largest first; of single-objective searchers too, for
        comparison; and ``trainings`` and ``hours``, what their searches had spent in the mean.
    """
    whole = trials[trials["status"] == "completed"]
    known = dict(list(evaluations.groupby("task")))
    searches = whole.groupby(["searcher", "task", "repetition"], sort=False)
    volumes = pd.DataFrame(
        [
            (*key[:2], hypervolume(with_true_values(pareto_front(found)), known[key[1]]))
            for key, found in searches
        ],
        columns=["searcher", "task", "volume"],
    )
    rows = [
        (searcher, *band(found["volume"], found["task"]))
        for searcher, found in volumes.groupby("searcher", sort=False)
    ]
    table = pd.DataFrame(rows, columns=["searcher", "mean", "lower", "upper"])
    spent = spending(trials).groupby("searcher")[["trainings", "hours"]].mean()
    table = table.merge(spent, on="searcher")
    return table.sort_values("mean", ascending=False, kind="stable", ignore_index=True)
