"""A whole benchmark in a handful of tables, as an asset keeps them."""

from __future__ import annotations

from collections.abc import Mapping
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
from aehpo_assets.hpo.benchmark_fronts import fronts, hypervolumes
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
    fronts
        Pareto front of each task over score, R2 and runtime.
    hypervolumes
        What the searches of each searcher dominate of these three.
    axis
        What the budgets are: ``hours`` (simulated) or ``trainings``.
    """

    regret: pd.DataFrame
    rank: pd.DataFrame
    first: pd.DataFrame
    matches_random: pd.DataFrame
    seconds: pd.DataFrame
    critical: CriticalDifference
    fronts: pd.DataFrame
    hypervolumes: pd.DataFrame
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
        ``hours`` compares at equal simulated time, ``trainings`` at equal numbers of trainings
        spent, of which a trial that was stopped early is a part.
    ground
        ``table``: the best of the table is the regret of 0, rather than the best that was found.
    random_count
        Number of random evaluations that the others are to match.
    """
    curves = progress(trials)
    largest = curves.groupby(["task", "searcher", "repetition"])[axis].max().min()
    budgets = np.linspace(largest / BUDGETS, largest, BUDGETS)
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
        fronts=fronts(trials),
        hypervolumes=hypervolumes(trials, evaluations),
        axis=axis,
    )


def joined(by_ground: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join tables of several grounds into one, ``ground`` in front."""
    parts = []
    for ground, table in by_ground.items():
        part = table.copy()
        part.insert(0, "ground", ground)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def summary_tables(summaries: Mapping[str, BenchmarkSummary]) -> dict[str, pd.DataFrame]:
    """Return the tables of the summaries of all grounds, by their name.

    Parameters
    ----------
    summaries
        Ground to summary.
    """
    return {
        "regret": joined({g: s.regret for g, s in summaries.items()}),
        "rank": joined({g: s.rank for g, s in summaries.items()}),
        "what_to_run_first": joined({g: s.first for g, s in summaries.items()}),
        "evaluations_to_match_random": joined({g: s.matches_random for g, s in summaries.items()}),
        "searcher_seconds": joined({g: s.seconds for g, s in summaries.items()}),
        "mean_ranks": joined({g: _mean_ranks(s.critical) for g, s in summaries.items()}),
        "fronts": joined({g: s.fronts for g, s in summaries.items()}),
        "hypervolumes": joined({g: s.hypervolumes for g, s in summaries.items()}),
    }


def rank_agreement(summaries: Mapping[str, BenchmarkSummary]) -> float:
    """Spearman's correlation of the searchers' mean ranks on two grounds; NaN with one ground."""
    ranks = [summary.critical.mean_ranks for summary in summaries.values()]
    if len(ranks) != 2:
        return float("nan")
    return float(ranks[0].rank().corr(ranks[1].reindex(ranks[0].index).rank()))


def _mean_ranks(critical: CriticalDifference) -> pd.DataFrame:
    """Mean rank of each searcher, with Friedman's p value and the critical difference."""
    ranks = critical.mean_ranks
    return pd.DataFrame(
        {
            "searcher": ranks.index.astype(str),
            "mean_rank": ranks.to_numpy(),
            "critical_difference": critical.difference,
            "p_value": critical.p_value,
        }
    )
