"""What a benchmark says: anytime curves, regret, ranks, and what to run first.

Plain tables of the trials that ``benchmark`` ran; their pictures belong to ``benchmark_plots``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE

_SEARCH = ["task", "searcher", "repetition"]


def progress(trials: pd.DataFrame) -> pd.DataFrame:
    """Follow the best valid score of every search, as whole trainings finish.

    Returns
    -------
    pandas.DataFrame
        ``task, searcher, repetition, evaluation`` (number of finished whole trainings),
        ``trainings`` (what was spent, in whole trainings: a trial that was stopped after a third of
        its epochs is a third), ``hours`` (simulated) and ``best``. Trials that were stopped cost
        time and are no result.
    """
    ended = trials.sort_values([*_SEARCH, "end", "trial"], kind="stable")
    # A searcher that sees whole trainings only counts them as one epoch.
    shares = ended["epoch"] / ended.groupby(_SEARCH)["epoch"].transform("max")
    spent = shares.groupby([ended[name] for name in _SEARCH], sort=False).cumsum()
    whole = ended[ended["status"] == "completed"]
    searches = whole.groupby(_SEARCH, sort=False)
    return pd.DataFrame(
        {
            **{name: whole[name] for name in _SEARCH},
            "evaluation": searches.cumcount() + 1,
            "trainings": spent[whole.index],
            "hours": whole["end"] / 3600,
            "best": searches[VALID_SCORE].cummax(),
        }
    ).reset_index(drop=True)


def incumbents(trials: pd.DataFrame, repetitions: int) -> pd.DataFrame:
    """Return the best completed trial of each search, by its valid score.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run_benchmark`.
    repetitions
        Only the first so many searches of each searcher on each task.

    Returns
    -------
    pandas.DataFrame
        Rows of ``trials``, one a search; of equal trials the first.
    """
    whole = trials[(trials["status"] == "completed") & (trials["repetition"] < repetitions)]
    best = whole.sort_values(VALID_SCORE, ascending=False, kind="stable").groupby(_SEARCH).head(1)
    return best.sort_values(_SEARCH, kind="stable").reset_index(drop=True)


def best_at(curves: pd.DataFrame, budgets: np.ndarray, axis: str = "hours") -> pd.DataFrame:
    """Read the best score of every search at several budgets.

    Parameters
    ----------
    curves
        Output of :func:`progress`.
    budgets
        Hours, trainings or evaluations, ascending.
    axis
        ``hours``, ``trainings`` or ``evaluation``.

    Returns
    -------
    pandas.DataFrame
        ``task, searcher, repetition, budget, best``; NaN before the first whole training.
    """
    rows = []
    for search, curve in curves.groupby(_SEARCH, sort=False):
        positions = np.searchsorted(curve[axis].to_numpy(), budgets, side="right") - 1
        best = np.where(positions >= 0, curve["best"].to_numpy()[np.maximum(positions, 0)], np.nan)
        frame = pd.DataFrame({"budget": budgets, "best": best})
        for name, value in zip(_SEARCH, search, strict=True):
            frame[name] = value
        rows.append(frame)
    return pd.concat(rows, ignore_index=True)[[*_SEARCH, "budget", "best"]]


def normalised_regret(
    at_budgets: pd.DataFrame, start: pd.Series, optimum: pd.Series | None = None
) -> pd.DataFrame:
    """Scale what is missing to the best known score: 0 is the best, 1 an average configuration.

    Parameters
    ----------
    at_budgets
        Output of :func:`best_at`.
    start
        Task to the score of an average configuration: the median of those sampled.
    optimum
        Task to the best score there is (of a table); by default the best that any search found.

    Returns
    -------
    pandas.DataFrame
        ``at_budgets`` with the column ``regret``, at most 1; a search without a result yet has 1,
        like one that found nothing better than an average configuration.
    """
    best_known = at_budgets.groupby("task")["best"].max() if optimum is None else optimum
    top = at_budgets["task"].map(best_known)
    span = (top - at_budgets["task"].map(start)).clip(lower=1e-12)
    regret = ((top - at_budgets["best"]) / span).fillna(1.0).clip(upper=1.0)
    return at_budgets.assign(regret=regret)


def band(values: np.ndarray, seed: int = 0, draws: int = 2000) -> tuple[float, float, float]:
    """Mean of some values with its 95 % bootstrap interval: mean, lower, upper."""
    generator = np.random.default_rng(seed)
    picked = generator.integers(0, len(values), (draws, len(values)))
    lower, upper = np.quantile(values[picked].mean(axis=1), [0.025, 0.975])
    return float(values.mean()), float(lower), float(upper)


def regret_bands(regret: pd.DataFrame) -> pd.DataFrame:
    """Average the regret over tasks and repetitions: ``searcher, budget, mean, lower, upper``."""
    groups = regret.groupby(["searcher", "budget"], sort=False)["regret"]
    rows = [(*key, *band(values.to_numpy())) for key, values in groups]
    return pd.DataFrame(rows, columns=["searcher", "budget", "mean", "lower", "upper"])


def ranks(at_budgets: pd.DataFrame) -> pd.DataFrame:
    """Rank the searchers within every task, repetition and budget; 1 is best, ties share.

    Returns
    -------
    pandas.DataFrame
        ``at_budgets`` with the column ``rank``; searches without a result yet rank last.
    """
    within = at_budgets.groupby(["task", "repetition", "budget"])["best"]
    return at_budgets.assign(rank=within.rank(ascending=False, na_option="bottom"))


def rank_bands(ranked: pd.DataFrame) -> pd.DataFrame:
    """Average ranks over tasks and repetitions: ``searcher, budget, mean, lower, upper``."""
    groups = ranked.groupby(["searcher", "budget"], sort=False)["rank"]
    rows = [(*key, *band(values.to_numpy())) for key, values in groups]
    return pd.DataFrame(rows, columns=["searcher", "budget", "mean", "lower", "upper"])


def evaluations_to_match_random(curves: pd.DataFrame, count: int) -> pd.DataFrame:
    """Count the evaluations that each searcher needs to reach the best of ``count`` random ones.

    Parameters
    ----------
    curves
        Output of :func:`progress`, with ``random_search`` among the searchers.
    count
        Number of random evaluations.

    Returns
    -------
    pandas.DataFrame
        ``task, searcher, target`` (median best of ``count`` random ones), ``evaluations`` (median
        over repetitions, infinite if half of them never reach it), ``reached`` (share).
    """
    random = curves[(curves["searcher"] == "random_search") & (curves["evaluation"] <= count)]
    best = random.groupby(["task", "repetition"])["best"].max()
    targets = best.groupby("task").median()
    rows = []
    for (task, searcher), group in curves.groupby(["task", "searcher"], sort=False):
        reached = group[group["best"] >= targets[task]].groupby("repetition")["evaluation"].min()
        needed = reached.reindex(group["repetition"].unique(), fill_value=np.inf)
        share = float(np.isfinite(needed).mean())
        rows.append((task, searcher, float(targets[task]), float(needed.median()), share))
    columns = ["task", "searcher", "target", "evaluations", "reached"]
    return pd.DataFrame(rows, columns=columns)


def what_to_run_first(bands: pd.DataFrame) -> pd.DataFrame:
    """Name the searchers of the best average rank at the smallest and the largest budget.

    Parameters
    ----------
    bands
        Output of :func:`rank_bands`.

    Returns
    -------
    pandas.DataFrame
        ``size`` (small, large), ``budget``, ``searcher``, ``mean``, and ``ties`` (searchers whose
        interval reaches into that of the best one).
    """
    rows = []
    for size, budget in (("small", bands["budget"].min()), ("large", bands["budget"].max())):
        here = bands[bands["budget"] == budget].sort_values("mean", kind="stable")
        first = here.iloc[0]
        ties = here.loc[here["lower"] <= first["upper"], "searcher"].iloc[1:]
        rows.append((size, float(budget), first["searcher"], first["mean"], ", ".join(ties)))
    return pd.DataFrame(rows, columns=["size", "budget", "searcher", "mean", "ties"])


def searcher_seconds(trials: pd.DataFrame) -> pd.DataFrame:
    """Mean real seconds that each searcher computes: ``searcher, seconds_per_trial``."""
    searches = trials.groupby(_SEARCH)["searcher_seconds"].agg(["first", "size"])
    per_trial = (searches["first"] / searches["size"]).groupby("searcher").mean()
    return per_trial.rename("seconds_per_trial").reset_index()


@dataclass(frozen=True)
class CriticalDifference:
    """Friedman's test with Nemenyi's critical difference (Demšar, JMLR 2006).

    Attributes
    ----------
    mean_ranks
        Searcher to mean rank, best first.
    p_value
        Of Friedman's test that all searchers are alike.
    difference
        Mean ranks that differ by less cannot be told apart at the 5 % level.
    groups
        Searchers that cannot be told apart, each a run of neighbours in ``mean_ranks``.
    """

    mean_ranks: pd.Series
    p_value: float
    difference: float
    groups: tuple[tuple[str, ...], ...]


def critical_difference(ranked: pd.DataFrame, budget: float) -> CriticalDifference:
    """Test at one budget whether the searchers differ.

    Parameters
    ----------
    ranked
        Output of :func:`ranks`.
    budget
        One of its budgets.

    Returns
    -------
    CriticalDifference
        Blocks are tasks x repetitions: the bands are about these tasks, not about all tasks.
    """
    from scipy.stats import friedmanchisquare, studentized_range

    here = ranked[ranked["budget"] == budget]
    blocks = here.pivot(index=["task", "repetition"], columns="searcher", values="rank").dropna()
    count, kinds = blocks.shape
    mean_ranks = blocks.mean().sort_values(kind="stable")
    p_value = float("nan")
    if kinds > 2 and count > 1 and blocks.std(axis=1).gt(0).any():
        p_value = float(friedmanchisquare(*(blocks[name] for name in blocks)).pvalue)
    critical = float(studentized_range.ppf(0.95, kinds, np.inf)) / np.sqrt(2)
    difference = critical * np.sqrt(kinds * (kinds + 1) / (6 * count))
    names, values = list(mean_ranks.index), mean_ranks.to_numpy()
    groups: list[tuple[str, ...]] = []
    for start in range(len(names)):
        end = int(np.searchsorted(values, values[start] + difference, side="right"))
        group = tuple(names[start:end])
        if len(group) > 1 and not (groups and set(group) <= set(groups[-1])):
            groups.append(group)
    return CriticalDifference(mean_ranks, p_value, difference, tuple(groups))
