"""The table of evaluations: run results with the objectives that searchers and surrogates use.

Here belongs the rule by which a run becomes numbers: what a failed run counts as, and what is
clipped. The truth stays in the run results. Arranging the numbers as Syne Tune wants them belongs
to ``blackbox``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import (
    FAILED_SCORE,
    OBJECTIVES,
    RUNTIME,
    TEST_SCORE,
    VALID_R2,
    VALID_SCORE,
)
from aehpo_assets.space import SearchSpace

logger = logging.getLogger(__name__)


def evaluation_table(results: Mapping[str, pd.DataFrame], space: SearchSpace) -> pd.DataFrame:
    """Turn the run results of all tasks of one architecture into one table of evaluations.

    A run that diverged or failed counts as AUC 0.5 and as the lowest R2 that a finished run of its
    task reached, at the runtime it spent. R2 is clipped to [-1, 1]. A finished run that lacks one
    objective (nothing could be scored) counts as failed for that objective only.

    Parameters
    ----------
    results
        Task to run results, one row a run.
    space
        The architecture's search space; its hyperparameters become columns, ``k_filter`` as it was
        requested.

    Returns
    -------
    pandas.DataFrame
        RangeIndex; columns ``task``, ``config_id``, ``seed``, the hyperparameters, the four
        objectives (float64, finite), ``failed`` and ``dead`` (failed, or a latent space that
        collapsed).

    Raises
    ------
    InputError
        If there is no task, or a column is missing.
    """
    if not results:
        raise InputError("no run results to search on", remedy="Train some configurations first.")
    parts = [_task_evaluations(task, runs, space) for task, runs in results.items()]
    return pd.concat(parts, ignore_index=True)


def _task_evaluations(task: str, runs: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    needed = ["config_id", "seed", "status", *space.names, *OBJECTIVES]
    for name in needed:
        if name not in runs:
            raise InputError(f"run results of {task} lack a column", key=name)
    table = runs[["config_id", "seed", *space.names, *OBJECTIVES]].reset_index(drop=True)
    table.insert(0, "task", task)
    table["config_id"] = table["config_id"].astype(str)
    objectives = table[list(OBJECTIVES)].astype("float64")
    objectives = objectives.where(np.isfinite(objectives))
    failed = (runs["status"] != "ok").to_numpy()

    r2 = objectives[VALID_R2].clip(-1, 1).mask(failed)
    lowest = -1.0 if r2.isna().all() else r2.min()
    table[VALID_R2] = r2.fillna(lowest)
    for score in (VALID_SCORE, TEST_SCORE):
        unscored = int(objectives.loc[~failed, score].isna().sum())
        if unscored:
            logger.warning(
                "%s: %d finished runs have no %s and count as 0.5", task, unscored, score
            )
        table[score] = objectives[score].mask(failed, FAILED_SCORE).fillna(FAILED_SCORE).clip(0, 1)
    table[RUNTIME] = objectives[RUNTIME].fillna(0.0).clip(lower=0.0)
    table["failed"] = failed
    latent = runs.get("latent_status", pd.Series("ok", index=runs.index))
    table["dead"] = failed | (latent == "collapsed").to_numpy()
    return table


def best_sampled(evaluations: pd.DataFrame, task: str, count: int = 1) -> pd.DataFrame:
    """Return the best configurations that were really trained, by their mean valid score.

    Parameters
    ----------
    evaluations
        Output of :func:`evaluation_table`.
    task
        The task to look at.
    count
        How many to return.

    Returns
    -------
    pandas.DataFrame
        Best first: ``config_id``, the hyperparameters, and the objectives averaged over seeds.
        Ties keep the order of the table.
    """
    runs = evaluations[evaluations["task"] == task]
    hyperparameters = [
        name
        for name in runs
        if name not in {"task", "config_id", "seed", "failed", "dead", *OBJECTIVES}
    ]
    rules = dict.fromkeys(hyperparameters, "first") | dict.fromkeys(OBJECTIVES, "mean")
    means = runs.groupby("config_id", sort=False).agg(rules).reset_index()
    return means.sort_values(VALID_SCORE, ascending=False, kind="stable").head(count)
