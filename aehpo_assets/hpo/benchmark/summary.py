"""A whole benchmark in a handful of tables and a sentence, as an asset keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.hpo.after import SCORE, told_in_words
from aehpo_assets.hpo.benchmark.analysis import (
    MATCHES_RANDOM,
    best_at,
    evaluations_to_match_random,
    normalised_regret,
    progress,
    promises,
    rank_bands,
    ranks,
    regret_bands,
    searcher_seconds,
    spending,
)
from aehpo_assets.hpo.benchmark.fronts import fronts, hypervolumes
from aehpo_assets.hpo.benchmark.significance import (
    CriticalDifference,
    critical_difference,
    what_to_run_first,
)
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.searchers import with_boxes
from aehpo_assets.hpo.search.told import TaskFacts, with_operations
from aehpo_assets.noise.words import NOT_KNOWN

BUDGETS = 12
"""Number of budgets at which the curves of a kind are read, evenly from the first to the whole."""


@dataclass(frozen=True)
class BenchmarkSummary:
    """What a benchmark says.

    Searchers that spend on the same kind of thing are compared at equal spending; what the others
    spent does not cut theirs. Whatever is said across kinds states what each searcher had spent.

    Attributes
    ----------
    regret
        ``kind, searcher, budget, mean, lower, upper``: normalised regret with 95 % bands; of two
        kinds it can be compared where their budgets meet.
    rank
        The same of the average rank among the searchers of the kind.
    first
        What to run first among the searchers of each ``kind``, with a small and a large budget.
    matches_random
        Evaluations to match random search, per task and searcher; empty without random search.
    seconds
        Real seconds that each searcher computes per trial.
    critical
        Whether the searchers of each kind can be told apart at the whole budget of their kind.
    across
        The same of all searchers, each at the whole budget of its own kind.
    promises
        What each searcher promised at the whole budget of its kind, and what is true
        (:func:`aehpo_assets.hpo.benchmark.analysis.promises`).
    spent
        ``searcher, kind``; ``spending``, the whole budget of its kind, at most the least that a
        search of the kind spent on the same task; ``trainings`` and ``hours``, means of what its
        searches spent in all.
    fronts
        Pareto front of each task over score, R2 and operations.
    hypervolumes
        What the searches of each searcher dominate of these three.
    axis
        What the budgets are: ``hours`` (simulated) or ``trainings``.
    objective
        What the searches were after; ranks and regret are of scores in any case.
    """

    regret: pd.DataFrame
    rank: pd.DataFrame
    first: pd.DataFrame
    matches_random: pd.DataFrame
    seconds: pd.DataFrame
    critical: Mapping[str, CriticalDifference]
    across: CriticalDifference
    promises: pd.DataFrame
    spent: pd.DataFrame
    fronts: pd.DataFrame
    hypervolumes: pd.DataFrame
    axis: str
    objective: str = SCORE


def summarise(
    trials: pd.DataFrame,
    evaluations: pd.DataFrame,
    facts: Mapping[str, TaskFacts],
    *,
    optima: pd.Series,
    axis: str = "hours",
    random_count: int = 50,
    objective: str = SCORE,
) -> BenchmarkSummary:
    """Summarise a benchmark.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run.run_benchmark`.
    evaluations
        The evaluations it rests on: the median of a task is the regret of 1.
    facts
        Those of its tasks.
    optima
        Output of :func:`aehpo_assets.hpo.benchmark.reference.reference_optima`: the regret of 0.
    axis
        ``hours`` compares at equal simulated time, ``trainings`` at equal numbers of trainings
        spent, of which a trial that was stopped early is a part.
    random_count
        Number of random evaluations that the others are to match.
    objective
        What the searches were after (:data:`aehpo_assets.hpo.objectives.NAMED`).
    """
    curves = progress(trials, objective)
    spent = spending(trials)
    kinds = {name: searcher.kind for name, searcher in with_boxes().items()}
    spent["kind"] = spent["searcher"].map(kinds)
    scores = evaluations.groupby("task")[VALID_SCORE]
    # Equal spending is that of a task's searches: quick tasks do not cut the budget of slow ones.
    least = spent.groupby(["kind", "task"], sort=False)[axis].min()
    whole = least.groupby("kind", sort=False).max()
    regret, rank, first, critical, at_whole = {}, {}, {}, {}, []
    for kind, largest in whole.items():
        own = curves[curves["searcher"].map(kinds) == kind]
        budgets = np.linspace(largest / BUDGETS, largest, BUDGETS)
        at_budgets = _at_equal_spending(
            own, spent[spent["kind"] == kind], budgets, least[kind], axis
        )
        optimum = optima[kind]
        measured = normalised_regret(at_budgets, scores.median(), optimum, scores.min())
        regret[kind] = regret_bands(measured)
        rank[kind] = rank_bands(ranks(at_budgets))
        first[kind] = what_to_run_first(at_budgets)
        at_end = at_budgets[at_budgets["budget"] == budgets[-1]]
        critical[kind] = critical_difference(at_end)
        at_whole.append(at_end)
    at_whole_budgets = pd.concat(at_whole, ignore_index=True)
    has_random = (curves["searcher"] == "random_search").any()
    return BenchmarkSummary(
        regret=joined(regret, "kind"),
        rank=joined(rank, "kind"),
        first=joined(first, "kind"),
        matches_random=evaluations_to_match_random(curves, random_count)
        if has_random
        else pd.DataFrame(columns=MATCHES_RANDOM),
        seconds=searcher_seconds(trials),
        critical=critical,
        across=critical_difference(at_whole_budgets),
        promises=promises(at_whole_budgets),
        spent=_mean_spending(spent, whole),
        fronts=fronts(trials),
        hypervolumes=hypervolumes(trials, with_operations(evaluations, facts)),
        axis=axis,
        objective=objective,
    )


def _at_equal_spending(
    curves: pd.DataFrame, spent: pd.DataFrame, budgets: np.ndarray, least: pd.Series, axis: str
) -> pd.DataFrame:
    """Read every search at the budgets, or at the end of its task's shortest search before that."""
    parts = []
    for task, searches in spent.groupby("task", sort=False):
        read = np.minimum(budgets, least[task])
        found = best_at(curves[curves["task"] == task], read, axis)
        found["step"] = found.groupby(["searcher", "repetition"]).cumcount()
        # A search that ended nothing is one without a result, not one that was not there.
        names = ["task", "searcher", "repetition"]
        grid = pd.DataFrame({"step": range(len(budgets)), "reached": budgets})
        every = searches[names].merge(grid, how="cross")
        read = found[[*names, "step", "best", "promise"]]
        every = every.merge(read, on=[*names, "step"], how="left")
        parts.append(every.drop(columns="step").rename(columns={"reached": "budget"}))
    return pd.concat(parts, ignore_index=True)


def _mean_spending(spent: pd.DataFrame, whole: pd.Series) -> pd.DataFrame:
    """What is known of every searcher's spending; ``whole`` is the budget of each kind."""
    means = spent.groupby(["searcher", "kind"], sort=False)[["trainings", "hours"]].mean()
    table = means.reset_index()
    table.insert(2, "spending", table["kind"].map(whole))
    return table


def joined(tables: Mapping[str, pd.DataFrame], name: str = "ground") -> pd.DataFrame:
    """Join tables of several oracles, or of what ``name`` says, into one; that column in front."""
    parts = []
    for value, table in tables.items():
        part = table.copy()
        part.insert(0, name, value)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def summary_tables(summaries: Mapping[str, BenchmarkSummary]) -> dict[str, pd.DataFrame]:
    """Return the tables of the summaries of all oracles, by their name.

    Where a table has a ``budget`` or ``spending``, ``axis`` says of what.

    Parameters
    ----------
    summaries
        Oracle to summary.
    """
    return {
        "regret": joined({g: s.regret.assign(axis=s.axis) for g, s in summaries.items()}),
        "rank": joined({g: s.rank.assign(axis=s.axis) for g, s in summaries.items()}),
        "what_to_run_first": joined({g: s.first.assign(axis=s.axis) for g, s in summaries.items()}),
        "evaluations_to_match_random": joined({g: s.matches_random for g, s in summaries.items()}),
        "searcher_seconds": joined({g: s.seconds for g, s in summaries.items()}),
        "promises": joined({g: s.promises for g, s in summaries.items()}),
        "mean_ranks": joined({g: _mean_ranks(s) for g, s in summaries.items()}),
        "fronts": joined({g: s.fronts for g, s in summaries.items()}),
        "hypervolumes": joined({g: s.hypervolumes for g, s in summaries.items()}),
    }


def rank_agreement(summaries: Mapping[str, BenchmarkSummary]) -> float:
    """Spearman's correlation of the searchers' mean ranks on two oracles; NaN with one oracle."""
    ranks = [summary.across.mean_ranks for summary in summaries.values()]
    if len(ranks) != 2:
        return float("nan")
    return float(ranks[0].rank().corr(ranks[1].reindex(ranks[0].index).rank()))


def _mean_ranks(summary: BenchmarkSummary) -> pd.DataFrame:
    """Mean rank of each searcher across and within kinds, with what the tests say of it.

    ``mean_rank`` is across kinds, by the true score of what each recommends, each at the
    ``spending`` of its kind, measured as ``axis`` says; ``promise_less_true`` and ``noise`` are
    those of its promises.
    """
    across = summary.across
    table = pd.DataFrame(
        {
            "searcher": across.mean_ranks.index.astype(str),
            "mean_rank": across.mean_ranks.to_numpy(),
            "critical_difference": across.difference,
            "p_value": across.p_value,
            "tasks": across.tasks,
            "axis": summary.axis,
        }
    )
    within = [
        pd.DataFrame(
            {
                "searcher": found.mean_ranks.index.astype(str),
                "rank_in_kind": found.mean_ranks.to_numpy(),
                "critical_difference_in_kind": found.difference,
                "p_value_in_kind": found.p_value,
            }
        )
        for found in summary.critical.values()
    ]
    spent = summary.spent.merge(pd.concat(within), on="searcher")
    honesty = summary.promises[["searcher", "promise_less_true", "noise"]]
    return table.merge(spent, on="searcher").merge(honesty, on="searcher")


def what_is_told(summary: BenchmarkSummary) -> str:
    """Say in words what searches are told, and by what they are ranked."""
    noise = str(summary.promises["noise"].iloc[0])
    after = "score" if summary.objective == SCORE else told_in_words(summary.objective)
    rule = (
        f"It recommends the configuration with the best {after} that it was told, and is ranked by "
        "the true score of that one"
    )
    if noise.startswith(NOT_KNOWN):
        where = noise.removeprefix(NOT_KNOWN)
        return (
            f"The noise is not known{where}: too few runs are replicated. A search is told the "
            f"true scores there, and of its promises nothing can be said. {rule}."
        )
    return (
        "A search is told of a configuration what one training of it would say, noise included, "
        f"the same for all searchers of a repetition. {rule}. promise_less_true is what it was "
        "told of it less that true score, in the unit of the score (AUC)."
    )
