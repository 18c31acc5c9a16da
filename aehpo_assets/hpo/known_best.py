"""Which trained configurations are the best, where some have more runs than others.

Here belongs the rule by which configurations with different numbers of runs are compared. What a
run counts as belongs to ``evaluations``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import VALID_LOSS
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE

_REACHED = (*OBJECTIVE_NAMES, VALID_LOSS)
_OF_A_RUN = ("task", "config_id", "seed", "split_seed", "failed", "dead", *_REACHED)


def best_known(evaluations: pd.DataFrame, task: str) -> pd.DataFrame:
    """Rank the configurations of a task by the mean of all their runs, shrunken by their number.

    The best of many single runs is partly luck, and a mean of one run must not beat a mean of four
    by its noise. Each mean is therefore drawn towards the mean of all configurations, the more so
    the fewer runs it rests on: ``m + (mean - m) * v / (v + s2 / n)``, the best linear unbiased
    prediction of the one-way random effects model, with the variances between configurations ``v``
    and between runs of one ``s2`` by the analysis of variance with unequal numbers (Searle,
    Casella & McCulloch, Variance Components, 1992, chapter 3), and ``m`` the plain mean of the
    configurations' means. With as many runs of each, the order is that of the means.

    Two limits: where no configuration has a second run, nothing is known of ``s2`` and the
    means stand as they are; and those that have more runs were mostly chosen for a lucky first
    one, which makes ``s2`` somewhat too large.

    Parameters
    ----------
    evaluations
        Output of :func:`aehpo_assets.hpo.surrogate.fit.training_table`.
    task
        The task to look at.

    Returns
    -------
    pandas.DataFrame
        Best first: ``config_id``, the hyperparameters, the objectives averaged over all runs,
        ``known_runs`` and ``known_valid``, the shrunken mean of the valid score. Ties are settled
        by the plain mean, then by the order of the table.
    """
    runs = evaluations[evaluations["task"] == task]
    hyperparameters = [name for name in runs if name not in _OF_A_RUN]
    groups = runs.groupby("config_id", sort=False)
    rules = dict.fromkeys(hyperparameters, "first")
    table = groups.agg(rules | {name: "mean" for name in _REACHED if name in runs})
    means, counts = table[VALID_SCORE], groups.size()
    between, within = between_and_within(runs[VALID_SCORE], runs["config_id"])
    weight = between / (between + within / counts) if between + within > 0 else 1.0
    centre = means.mean()
    table = table.assign(known_runs=counts, known_valid=centre + (means - centre) * weight)
    order = ["known_valid", VALID_SCORE]
    return table.sort_values(order, ascending=False, kind="stable").reset_index()


def between_and_within(scores: pd.Series, groups: pd.Series) -> tuple[float, float]:
    """Estimate the variances between and within groups by the analysis of variance.

    Parameters
    ----------
    scores
        One number a run, without missing values.
    groups
        Which configuration each run is of, on the same index.

    Returns
    -------
    between, within : float
        Never below 0. Where no group has two runs, or there is a single group, nothing tells the
        two apart: all the variance counts as between.
    """
    by_group = scores.groupby(groups, sort=False)
    counts = by_group.size().to_numpy("float64")
    total, number = counts.sum(), len(counts)
    if total == number or number == 1:
        return float(np.nan_to_num(scores.var())), 0.0
    means = by_group.transform("mean")
    within = float(((scores - means) ** 2).sum()) / (total - number)
    among = float(((means - scores.mean()) ** 2).sum()) / (number - 1)
    per_group = (total - (counts**2).sum() / total) / (number - 1)
    return max(0.0, (among - within) / per_group), within
