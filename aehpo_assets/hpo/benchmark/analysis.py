"""What a benchmark says: anytime curves, regret, ranks and promises over what was spent.

A search recommends the configuration with the best value of what it was after, as a user would. The
score that was told of it is its promise; it is judged by what is true of that configuration.

Plain tables of the trials that ``benchmark`` ran. Whether searchers can be told apart belongs to
``significance``, the pictures to ``analysis.plots.benchmark``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.after import SCORE, gain
from aehpo_assets.hpo.objectives import NAMED, VALID_SCORE
from aehpo_assets.hpo.search.told import TRUE_SCORE, true_values
from aehpo_assets.noise.words import KNOWN, NOT_KNOWN
from aehpo_assets.store.provenance import named_seed

_SEARCH = ["task", "searcher", "repetition"]


def progress(trials: pd.DataFrame, objective: str = SCORE) -> pd.DataFrame:
    """Follow what every search would recommend, as whole trainings finish.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run.run_benchmark`.
    objective
        What the searches were after (:data:`aehpo_assets.hpo.objectives.NAMED`).

    Returns
    -------
    pandas.DataFrame
        ``task, searcher, repetition, evaluation`` (number of finished whole trainings),
        ``trainings`` (what was spent, in whole trainings: a trial that was stopped after a third of
        its epochs is a third), ``hours`` (simulated), ``best``, the true valid score of the
        configuration with the best value told so far (of equal ones the first), and ``promise``,
        the score that was told of it; NaN where the noise is not known, since what is told is the
        truth then. Trials that were stopped cost time and are no result.
    """
    ended = _with_spending(trials)
    whole = ended[ended["status"] == "completed"]
    search = [whole[name] for name in _SEARCH]
    told = gain(whole[NAMED[objective]], objective)
    before = told.groupby(search, sort=False).cummax().groupby(search, sort=False).shift()
    leads = ~(told <= before)
    best, promise = (
        values.where(leads).groupby(search, sort=False).ffill()
        for values in (true_values(whole), whole[VALID_SCORE])
    )
    return pd.DataFrame(
        {
            **{name: whole[name] for name in _SEARCH},
            "evaluation": whole.groupby(_SEARCH, sort=False).cumcount() + 1,
            "trainings": whole["trainings"],
            "hours": whole["hours"],
            "best": best,
            "promise": promise.where(whole[TRUE_SCORE].notna()),
        }
    ).reset_index(drop=True)


def spending(trials: pd.DataFrame) -> pd.DataFrame:
    """Return what every search spent in all, stopped trials after its last result included.

    Returns
    -------
    pandas.DataFrame
        ``task, searcher, repetition, trainings, hours``, one row a search.
    """
    spent = _with_spending(trials).groupby(_SEARCH, sort=False)[["trainings", "hours"]].max()
    return spent.reset_index()


def _with_spending(trials: pd.DataFrame) -> pd.DataFrame:
    """Trials in the order of their end, with what their search had spent by then."""
    ended = trials.sort_values([*_SEARCH, "end", "trial"], kind="stable")
    # A searcher that sees whole trainings only counts them as one epoch.
    shares = ended["epoch"] / ended.groupby("searcher")["epoch"].transform("max")
    spent = shares.groupby([ended[name] for name in _SEARCH], sort=False).cumsum()
    return ended.assign(trainings=spent, hours=ended["end"] / 3600)


def incumbents(trials: pd.DataFrame, repetitions: int, objective: str = SCORE) -> pd.DataFrame:
    """Return the best completed trial of each search, by what it was told of its objective.

    Parameters
    ----------
    trials
        Output of :func:`aehpo_assets.hpo.benchmark.run.run_benchmark`.
    repetitions
        Only the first so many searches of each searcher on each task.
    objective
        As for :func:`progress`.

    Returns
    -------
    pandas.DataFrame
        Rows of ``trials``, one a search; of equal trials the first.
    """
    whole = trials[(trials["status"] == "completed") & (trials["repetition"] < repetitions)]
    order = gain(whole[NAMED[objective]], objective).sort_values(ascending=False, kind="stable")
    best = whole.loc[order.index].groupby(_SEARCH).head(1)
    return best.sort_values(_SEARCH, kind="stable").reset_index(drop=True)


def best_at(curves: pd.DataFrame, budgets: np.ndarray, axis: str = "hours") -> pd.DataFrame:
    """Read what every search would recommend at several budgets.

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
        ``task, searcher, repetition, budget, best, promise``; NaN before the first whole training.
    """
    rows = []
    for search, curve in curves.groupby(_SEARCH, sort=False):
        positions = np.searchsorted(curve[axis].to_numpy(), budgets, side="right") - 1
        read = curve[["best", "promise"]].to_numpy()[np.maximum(positions, 0)]
        read = np.where(positions[:, None] >= 0, read, np.nan)
        frame = pd.DataFrame({"budget": budgets, "best": read[:, 0], "promise": read[:, 1]})
        for name, value in zip(_SEARCH, search, strict=True):
            frame[name] = value
        rows.append(frame)
    return pd.concat(rows, ignore_index=True)[[*_SEARCH, "budget", "best", "promise"]]


def normalised_regret(
    at_budgets: pd.DataFrame, start: pd.Series, optimum: pd.Series, worst: pd.Series
) -> pd.DataFrame:
    """Scale what is missing to the best known score: 0 is the best, 1 an average configuration.

    Parameters
    ----------
    at_budgets
        Output of :func:`best_at`.
    start
        Task to the score of an average configuration: the median of those sampled.
    optimum
        Task to the best score known of it, whoever competes: of what was found here, the luckiest
        competitor would be the yardstick of all, and another list of searchers another yardstick.
    worst
        Task to the lowest score known of it, which a search without a result yet counts as.

    Returns
    -------
    pandas.DataFrame
        ``at_budgets`` with the column ``regret``. It is above 1 for what is worse than an average
        configuration, and negative for what is better than all that was known. NaN on a task whose
        best known score is not above the average one.
    """
    top = at_budgets["task"].map(optimum)
    span = top - at_budgets["task"].map(start)
    reached = at_budgets["best"].fillna(at_budgets["task"].map(worst))
    return at_budgets.assign(regret=(top - reached) / span.where(span > 0))


def band(values: pd.Series, tasks: pd.Series | None = None, draws: int = 2000) -> tuple[float, ...]:
    """Mean of some searches with its 95 % bootstrap interval: mean, lower, upper.

    Searches of one task share what the task makes of their searcher, so tasks are drawn first and
    then searches within each drawn task, both with replacement (Davison and Hinkley, *Bootstrap
    Methods and their Application*, 1997, section 3.8). With a handful of tasks such an interval
    is too short rather than too long, and with one it speaks of that task alone.

    Parameters
    ----------
    values
        One value a search; NaN is left out.
    tasks
        The task of each; by default all are of one.
    draws
        Bootstrap samples.

    Returns
    -------
    tuple of float
        The mean over tasks of the mean over their searches, and the interval; NaN without values.
    """
    known = values.notna().to_numpy()
    names = np.zeros(len(values)) if tasks is None else tasks.to_numpy()
    groups = [found.to_numpy() for _, found in values[known].groupby(names[known], sort=False)]
    if not groups:
        return (float("nan"),) * 3
    generator = np.random.default_rng(named_seed(0, "benchmark", "band"))
    count = len(groups)
    drawn = generator.integers(0, count, (draws, count))
    means = np.empty((draws, count))
    for number, found in enumerate(groups):
        slots = drawn == number
        picked = generator.integers(0, len(found), (int(slots.sum()), len(found)))
        means[slots] = found[picked].mean(axis=1)
    lower, upper = np.quantile(means.mean(axis=1), [0.025, 0.975])
    return float(np.mean([found.mean() for found in groups])), float(lower), float(upper)


def _bands(table: pd.DataFrame, quantity: str) -> pd.DataFrame:
    rows = [
        (*key, *band(group[quantity], group["task"]))
        for key, group in table.groupby(["searcher", "budget"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["searcher", "budget", "mean", "lower", "upper"])


def regret_bands(regret: pd.DataFrame) -> pd.DataFrame:
    """Average the regret over tasks and repetitions: ``searcher, budget, mean, lower, upper``."""
    return _bands(regret, "regret")


def ranks(at_budgets: pd.DataFrame) -> pd.DataFrame:
    """Rank the searchers within every task, repetition and budget; 1 is best, ties share.

    Returns
    -------
    pandas.DataFrame
        ``at_budgets`` with the column ``rank``; searches without a result yet rank last.
        Searches meet by the number of their repetition, in which they share start points and
        what is told of a configuration, and little else: good for an average, not for a test.
    """
    within = at_budgets.groupby(["task", "repetition", "budget"])["best"]
    return at_budgets.assign(rank=within.rank(ascending=False, na_option="bottom"))


def rank_bands(ranked: pd.DataFrame) -> pd.DataFrame:
    """Average ranks over tasks and repetitions: ``searcher, budget, mean, lower, upper``."""
    return _bands(ranked, "rank")


def promises(at_budget: pd.DataFrame) -> pd.DataFrame:
    """Say how honest the promises of searchers are: what was told of what they recommend.

    Parameters
    ----------
    at_budget
        Output of :func:`best_at` at one budget of each searcher.

    Returns
    -------
    pandas.DataFrame
        One row a searcher, the most honest first: ``searcher``; ``promise``, the mean valid score
        that it was told of what it recommends, and ``true``, that of the same configurations in
        truth, over the tasks whose noise is known; ``promise_less_true``, their mean difference in
        the unit of the score (AUC), with its 95 % interval ``lower,
        upper`` (:func:`band`); and ``noise``: known, or for which tasks it is not. Where it is
        not, nothing can be said of promises, and the numbers are NaN.
    """
    silent = at_budget["best"].notna() & at_budget["promise"].isna()
    without = list(dict.fromkeys(at_budget.loc[silent, "task"].astype(str)))
    noise = NOT_KNOWN if without else KNOWN
    if 0 < len(without) < at_budget["task"].nunique():
        noise += f" on {', '.join(without)}"
    rows = []
    for searcher, found in at_budget.groupby("searcher", sort=False):
        told = found.dropna(subset=["promise"])
        known = {
            "promise": _mean_over_tasks(told, "promise"),
            "true": _mean_over_tasks(told, "best"),
        }
        gap, lower, upper = band(told["promise"] - told["best"], told["task"])
        ends = {"promise_less_true": gap, "lower": lower, "upper": upper, "noise": noise}
        rows.append({"searcher": searcher} | known | ends)
    table = pd.DataFrame(rows)
    return table.sort_values(
        "promise_less_true", key=lambda gap: gap.abs(), kind="stable", ignore_index=True
    )


def _mean_over_tasks(table: pd.DataFrame, column: str) -> float:
    return float(table.groupby("task")[column].mean().mean())


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
        over repetitions, infinite if half of them never reach it), ``reached`` (share), and
        ``trainings``, what was spent by then, stopped trials included.
    """
    random = curves[(curves["searcher"] == "random_search") & (curves["evaluation"] <= count)]
    best = random.groupby(["task", "repetition"])["best"].last()
    targets = best.groupby("task").median()
    rows = []
    for (task, searcher), group in curves.groupby(["task", "searcher"], sort=False):
        reached = group[group["best"] >= targets[task]].groupby("repetition")
        first = reached[["evaluation", "trainings"]].min().astype(float)
        needed = first.reindex(group["repetition"].unique(), fill_value=np.inf)
        share = float(np.isfinite(needed["evaluation"]).mean())
        medians = (float(needed[name].median()) for name in ("evaluation", "trainings"))
        evaluations, trainings = medians
        rows.append((task, searcher, float(targets[task]), evaluations, share, trainings))
    return pd.DataFrame(rows, columns=MATCHES_RANDOM)


MATCHES_RANDOM = ["task", "searcher", "target", "evaluations", "reached", "trainings"]
"""Columns of :func:`evaluations_to_match_random`."""


def searcher_seconds(trials: pd.DataFrame) -> pd.DataFrame:
    """Mean real seconds that each searcher computes: ``searcher, seconds_per_trial``."""
    searches = trials.groupby(_SEARCH)["searcher_seconds"].agg(["first", "size"])
    per_trial = (searches["first"] / searches["size"]).groupby("searcher").mean()
    return per_trial.rename("seconds_per_trial").reset_index()
