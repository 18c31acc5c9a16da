"""Whether searchers can be told apart, and so which of them to run first.

What they reached, and for how much, belongs to ``analysis``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

LEVEL = 0.05
"""Level of the tests."""


@dataclass(frozen=True)
class CriticalDifference:
    """Friedman's test with Nemenyi's critical difference (Demšar, JMLR 2006).

    Attributes
    ----------
    mean_ranks
        Searcher to mean rank over tasks, best first.
    p_value
        Of the test that all searchers are alike; NaN where there is nothing to test.
    difference
        Mean ranks that differ by less cannot be told apart at the 5 % level.
    groups
        Searchers that cannot be told apart, each a run of neighbours in ``mean_ranks``.
    tasks
        How many tasks were compared.
    """

    mean_ranks: pd.Series
    p_value: float
    difference: float
    groups: tuple[tuple[str, ...], ...]
    tasks: int

    @property
    def best(self) -> tuple[str, ...]:
        """The searchers that cannot be told apart from the one of the best mean rank: it too."""
        first = str(self.mean_ranks.index[0])
        return next((group for group in self.groups if first in group), (first,))


def critical_difference(at_budget: pd.DataFrame) -> CriticalDifference:
    """Test whether searchers differ in the mean score that they reach.

    The blocks are tasks, and a searcher's value on a task is the mean over its repetitions. The
    repetitions of two searchers share their start points and what is told of a configuration, but
    not what is proposed; and repetitions of one task are no new tasks: counted as blocks, they make
    a searcher that suits a single task by chance look better in general (Demšar, "Statistical
    Comparisons of Classifiers over Multiple Data Sets", JMLR 7, 2006, sections 3.2.2 and 3.2.3).
    Few tasks therefore decide little. Two searchers are compared by the sign test, which is
    Friedman's for two. Nothing is told apart unless this first test says that something differs.

    Parameters
    ----------
    at_budget
        One row a search: ``task, searcher, repetition, best``; a search without a result (NaN)
        counts as the lowest that any search of its task has.

    Returns
    -------
    CriticalDifference
    """
    from scipy.stats import binomtest, friedmanchisquare, studentized_range

    lowest = at_budget.groupby("task")["best"].transform("min")
    filled = at_budget.assign(best=at_budget["best"].fillna(lowest).fillna(0.0))
    means = filled.groupby(["task", "searcher"])["best"].mean().unstack().dropna()
    blocks = means.rank(axis=1, ascending=False)
    count, kinds = blocks.shape
    mean_ranks = blocks.mean().sort_values(kind="stable")
    names, values = [str(name) for name in mean_ranks.index], mean_ranks.to_numpy()
    p_value = float("nan")
    if kinds == 2 and (wins := blocks[names[0]].ne(blocks[names[1]]).sum()):
        ahead = int((blocks[names[0]] < blocks[names[1]]).sum())
        p_value = float(binomtest(ahead, int(wins)).pvalue)
    if kinds > 2 and count > 1 and blocks.std(axis=1).gt(0).any():
        p_value = float(friedmanchisquare(*(blocks[name] for name in blocks)).pvalue)
    critical = float(studentized_range.ppf(1 - LEVEL, kinds, np.inf)) / np.sqrt(2)
    difference = float(critical * np.sqrt(kinds * (kinds + 1) / (6 * count)))
    groups: list[tuple[str, ...]] = []
    if kinds > 1 and not p_value < LEVEL:
        groups = [tuple(names)]
    for start in range(len(names)):
        end = int(np.searchsorted(values, values[start] + difference, side="right"))
        group = tuple(names[start:end])
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return CriticalDifference(mean_ranks, p_value, difference, tuple(groups), count)


def what_to_run_first(at_budgets: pd.DataFrame) -> pd.DataFrame:
    """Say which searchers to run first, at the smallest and the largest budget.

    Parameters
    ----------
    at_budgets
        Output of :func:`aehpo_assets.hpo.benchmark.analysis.best_at`, of searchers that spend
        alike.

    Returns
    -------
    pandas.DataFrame
        ``size`` (small, large), ``budget``, ``searcher`` (empty unless the test names one),
        ``mean`` (the best mean rank), ``ties`` (where the test names none: the searchers that
        cannot be told apart from the best), ``p_value`` and ``tasks``.
    """
    rows = []
    for size, budget in (
        ("small", at_budgets["budget"].min()),
        ("large", at_budgets["budget"].max()),
    ):
        found = critical_difference(at_budgets[at_budgets["budget"] == budget])
        alone = found.p_value < LEVEL and len(found.best) == 1
        rows.append(
            {
                "size": size,
                "budget": float(budget),
                "searcher": found.best[0] if alone else "",
                "mean": float(found.mean_ranks.iloc[0]),
                "ties": "" if alone else ", ".join(found.best),
                "p_value": found.p_value,
                "tasks": found.tasks,
            }
        )
    return pd.DataFrame(rows)
