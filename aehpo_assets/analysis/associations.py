"""What hyperparameters move: rank correlations with runtimes, losses, R2 and the score of a label.

The picture belongs to ``aehpo_assets.analysis.plots``; what a model of all hyperparameters together
leans on to ``importance``, what each level of one does to the score to ``effects``.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import RUNTIME, VALID_SCORE
from aehpo_assets.noise.verdict import holm

LEVEL = 0.05
"""Level of all correlations of a task together."""

_TRAINING = re.compile(r"(train|valid)_(recon_loss|vae_loss|total_loss|r2)")
_LABELS = re.compile(rf"(auc|r2)_.+_valid|{VALID_SCORE}", re.DOTALL)

COLUMNS = (
    "hyperparameter",
    "outcome",
    "kind",
    "correlation",
    "lower",
    "upper",
    "p_value",
    "supported",
    "configurations",
)


def outcomes_of(results: pd.DataFrame) -> dict[str, str]:
    """Return the outcomes of runs by name, each with its kind, in the order of the table.

    Parameters
    ----------
    results
        Run results.

    Returns
    -------
    dict
        Column to ``runtime`` (what the training would take alone), ``training`` (losses and R2 on
        train and valid) or ``labels`` (the score of each label and their average, on valid). What
        tells of the test samples is left out, and so is what does not vary.
    """
    kinds = {}
    for name in map(str, results.columns):
        if name == RUNTIME:
            kinds[name] = "runtime"
        elif _TRAINING.fullmatch(name):
            kinds[name] = "training"
        elif _LABELS.fullmatch(name):
            kinds[name] = "labels"
    return {name: kind for name, kind in kinds.items() if results[name].nunique() > 1}


def configuration_means(results: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Means of each configuration over its finished runs.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    names
        Columns of numbers.

    Returns
    -------
    pandas.DataFrame
        (configurations, names) float64, by ``config_id``.
    """
    finished = results[results["status"] == "ok"] if "status" in results else results
    values = finished[list(names)].apply(pd.to_numeric, errors="coerce").astype("float64")
    values = values.where(np.isfinite(values))
    return values.groupby(finished["config_id"].astype(str), sort=True).mean()


def associations(results: pd.DataFrame, hyperparameters: Sequence[str]) -> pd.DataFrame:
    """Spearman's correlation of every hyperparameter with every outcome.

    A configuration counts once, with its means over seeds and replicates. Sampled configurations
    draw every hyperparameter independently, so that none stands for another; that does not hold for
    what a search has chosen.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    hyperparameters
        Columns to judge, all numbers; those that do not vary are left out.

    Returns
    -------
    pandas.DataFrame
        One row a hyperparameter and outcome: ``hyperparameter``, ``outcome``, ``kind``
        (:func:`outcomes_of`), ``correlation`` in [-1, 1], ``lower`` and ``upper`` (95 %; Bonett and
        Wright, Psychometrika 65, 2000), ``p_value``, ``supported`` (whether it is other than zero
        at a level of 5 % for the whole table, by Holm's method) and ``configurations``. With fewer
        than five configurations the numbers are NaN.
    """
    from scipy.stats import spearmanr

    kinds = outcomes_of(results)
    varying = [name for name in hyperparameters if results[name].nunique() > 1]
    means = configuration_means(results, [*varying, *kinds])
    rows = []
    for name in varying:
        for outcome, kind in kinds.items():
            both = means[[name, outcome]].dropna()
            correlation = p_value = math.nan
            if len(both) > 4 and (both.nunique() > 1).all():
                correlation, p_value = map(float, spearmanr(both[name], both[outcome]))
            lower, upper = spearman_interval(correlation, len(both))
            rows.append((name, outcome, kind, correlation, lower, upper, p_value, len(both)))
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "supported"])
    table["supported"] = False
    known = table["p_value"].notna()
    if known.any():
        table.loc[known, "supported"] = np.array(holm(table.loc[known, "p_value"])) <= LEVEL
    return table[list(COLUMNS)]


def spearman_interval(correlation: float, count: int) -> tuple[float, float]:
    """Return the ends of the 95 % interval of a rank correlation (Bonett and Wright 2000).

    Parameters
    ----------
    correlation
        Spearman's correlation.
    count
        How many pairs it is of; NaN below four.
    """
    if count < 4 or math.isnan(correlation):
        return math.nan, math.nan
    if abs(correlation) >= 1:
        return correlation, correlation
    middle = math.atanh(correlation)
    reach = 1.959964 * math.sqrt((1 + correlation**2 / 2) / (count - 3))
    return math.tanh(middle - reach), math.tanh(middle + reach)


def clustered(table: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Order hyperparameters and outcomes so that those which behave alike stand side by side.

    Parameters
    ----------
    table
        Output of :func:`associations`.

    Returns
    -------
    tuple of list
        Hyperparameters, and outcomes kind by kind, by average linkage of their correlations with
        an optimal order of the leaves (Bar-Joseph et al. 2001).
    """
    matrix = table.pivot(index="hyperparameter", columns="outcome", values="correlation").fillna(0)
    kinds = table.drop_duplicates("outcome").groupby("kind", sort=False)["outcome"]
    outcomes = [name for _, own in kinds for name in _leaves(matrix[list(own)].T)]
    return _leaves(matrix), outcomes


def _leaves(rows: pd.DataFrame) -> list[str]:
    from scipy.cluster.hierarchy import leaves_list, linkage

    if len(rows) < 3:
        return list(map(str, rows.index))
    tree = linkage(rows.to_numpy(), "average", optimal_ordering=True)
    return [str(rows.index[position]) for position in leaves_list(tree)]
