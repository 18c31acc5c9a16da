"""The table of evaluations: run results with the objectives that searchers and surrogates use.

Here belongs the rule by which a run becomes numbers: what a failed run counts as, and what is
clipped. The truth stays in the run results. Arranging the numbers as Syne Tune wants them belongs
to ``blackbox``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVES, Objective
from aehpo_assets.hpo.split_effects import without_split_effects
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.measured import is_measured

logger = logging.getLogger(__name__)


def evaluation_table(
    results: Mapping[str, pd.DataFrame],
    space: SearchSpace,
    objectives: Sequence[Objective] = OBJECTIVES,
) -> pd.DataFrame:
    """Turn the run results of all tasks of one architecture into one table of evaluations.

    A run that diverged or failed counts as each objective's ``failed_value`` says, and values are
    clipped to its bounds. A finished run that lacks one objective (nothing could be scored) counts
    as failed for that objective only. Where the study has several replicates (``split_seed``) and
    configurations have not all the same, what a split does to all alike is taken out of all
    objectives but the seconds.

    Parameters
    ----------
    results
        Task to run results, one row a run.
    space
        The architecture's search space; its hyperparameters become columns, ``k_filter`` as it was
        requested.
    objectives
        Those to take; searches are told of no others.

    Returns
    -------
    pandas.DataFrame
        RangeIndex; columns ``task``, ``config_id``, ``seed``, ``split_seed`` where runs have it,
        the hyperparameters, the objectives (float64, finite), ``failed`` and ``dead`` (failed, or
        a latent space that collapsed).

    Raises
    ------
    InputError
        If there is no task, or a column is missing.
    """
    if not results:
        raise InputError("no run results to search on", remedy="Train some configurations first.")
    parts = [_task_evaluations(task, runs, space, objectives) for task, runs in results.items()]
    return pd.concat(parts, ignore_index=True)


def _task_evaluations(
    task: str, runs: pd.DataFrame, space: SearchSpace, objectives: Sequence[Objective]
) -> pd.DataFrame:
    names = [objective.name for objective in objectives]
    needed = ["config_id", "seed", "status", *space.names, *names]
    for name in needed:
        if name not in runs:
            raise InputError(f"run results of {task} lack a column", key=name)
    kept = ["config_id", "seed", *(name for name in ["split_seed"] if name in runs)]
    table = runs[[*kept, *space.names, *names]].reset_index(drop=True)
    table.insert(0, "task", task)
    table["config_id"] = table["config_id"].astype(str)
    failed = (runs["status"] != "ok").to_numpy()
    for objective in objectives:
        values = table[objective.name].astype("float64")
        if objective.failed_value != "own":
            unscored = int((~np.isfinite(values[~failed])).sum())
            if unscored:
                logger.warning(
                    "%s: %d finished runs have no %s and count as failed",
                    task,
                    unscored,
                    objective.name,
                )
            values = values.mask(failed)
        counted = objective.counted(values, table["task"])
        if "split_seed" in runs and not is_measured(objective.name):
            splits = runs["split_seed"].reset_index(drop=True)
            counted = without_split_effects(counted, table["config_id"], splits)
        table[objective.name] = counted.clip(*objective.bounds)
    table["failed"] = failed
    latent = runs.get("latent_status", pd.Series("ok", index=runs.index))
    table["dead"] = failed | (latent == "collapsed").to_numpy()
    return table
