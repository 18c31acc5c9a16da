"""A whole benchmark in a handful of tables, as an asset keeps them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.hpo.benchmark_analysis import (
    CriticalDifference,
    best_at,
    critical_difference,
    evaluations_to_match_random,
    normalised_regret,
    progress,
    rank_bands,
    ranks,
    regret_bands,
    searcher_seconds,
    what_to_run_first,
)
from aehpo_assets.hpo.evaluations import best_sampled
from aehpo_assets.hpo.objectives import VALID_SCORE

BUDGETS = 12
"""Number of budgets at which curves are read, evenly from the first to the whole."""


@dataclass(frozen=True)
class BenchmarkSummary:
    """What a benchmark says.

    Attributes
    ----------
    regret
        ``searcher, budget, mean, lower, upper``: normalised regret with 95 % bands.
    rank
        The same of the average rank.
    first
        What to run first, with a small and with a large budget.
    matches_random
        Evaluations to match random search, per task and searcher; empty without random search.
    seconds
        Real seconds that each searcher computes per trial.
    critical
        Whether the searchers can be told apart at the whole budget.
    axis
        What the budgets are: ``hours`` (simulated) or ``evaluation``.
    """

    regret: pd.DataFrame
    rank: pd.DataFrame
    first: pd.DataFrame
    matches_random: pd.DataFrame
    seconds: pd.DataFrame
    critical: CriticalDifference
    axis: str


def summarise(
    trials: pd.DataFrame,
    evaluations: pd.DataFrame,
    *,
    axis: str = "hours",
    ground: str = "surrogate",
    random_count: int = 50,
) -> BenchmarkSummary:
    """Summarise a benchmark.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run_benchmark`.
    evaluations
        The evaluations it rests on: the median of a task is the regret of 1.
    axis
        ``hours`` compares at equal simulated time, ``evaluation`` at equal numbers of whole
        trainings (which is unfair to searchers that stop trials early).
    ground
        ``table``: the best of the table is the regret of 0, rather than the best that was found.
    random_count
        Number of random evaluations that the others are to match.
    """
    curves = progress(trials)
    largest = curves.groupby(["task", "searcher", "repetition"])[axis].max().min()
    budgets = np.linspace(largest / BUDGETS, largest, BUDGETS)
    if axis == "evaluation":
        budgets = np.unique(np.ceil(budgets))
    at_budgets = best_at(curves, budgets, axis)
    tasks = curves["task"].unique()
    medians = evaluations.groupby("task")[VALID_SCORE].median()
    best_of_table = pd.Series(
        {task: float(best_sampled(evaluations, task)[VALID_SCORE].iloc[0]) for task in tasks}
    )
    optimum = best_of_table if ground == "table" else None
    ranked = ranks(at_budgets)
    bands = rank_bands(ranked)
    has_random = (curves["searcher"] == "random_search").any()
    return BenchmarkSummary(
        regret=regret_bands(normalised_regret(at_budgets, medians, optimum)),
        rank=bands,
        first=what_to_run_first(bands),
        matches_random=evaluations_to_match_random(curves, random_count)
        if has_random
        else pd.DataFrame(columns=["task", "searcher", "target", "evaluations", "reached"]),
        seconds=searcher_seconds(trials),
        critical=critical_difference(ranked, float(budgets[-1])),
        axis=axis,
    )
