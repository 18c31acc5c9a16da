"""Pareto fronts: the configurations that no other beats in every objective, and their volume.

Fronts and volumes of whole benchmarks belong to ``fronts``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE, OPERATIONS, VALID_R2, VALID_SCORE

PARETO_OBJECTIVES = (VALID_SCORE, VALID_R2, OPERATIONS)
"""What a multi-objective search weighs against each other; never the test score, nor seconds, which
another machine would have others of."""


def pareto_front(
    table: pd.DataFrame, objectives: Sequence[str] = PARETO_OBJECTIVES
) -> pd.DataFrame:
    """Return the rows that no other row dominates.

    A row dominates another if it is as good in every objective and better in one; rows that are
    equal in all objectives stay together.

    Parameters
    ----------
    table
        One row a configuration, with the objectives as columns.
    objectives
        The objectives to weigh.

    Returns
    -------
    pandas.DataFrame
        Rows of ``table``, best first in the first objective.
    """
    if table.empty:
        return table
    from moocore import is_nondominated

    losses = _losses(table, objectives)
    kept = np.flatnonzero(is_nondominated(losses, keep_weakly=True))
    return table.iloc[kept[losses[kept, 0].argsort(kind="stable")]]


def hypervolume(
    table: pd.DataFrame, known: pd.DataFrame, objectives: Sequence[str] = PARETO_OBJECTIVES
) -> float:
    """Share of the known range of all objectives that some row of a table dominates.

    The hypervolume indicator (Zitzler & Thiele 1998), each objective scaled so that 0 is the best
    that is known and 1 the worst, operations on the log scale; the reference is the worst.

    Parameters
    ----------
    table
        One row a configuration, with the objectives as columns.
    known
        What the range of the objectives is taken from: the sampled configurations.
    objectives
        The objectives to weigh.

    Returns
    -------
    float
        0 for an empty table; beyond 1 only if a row is better than all that is known.
    """
    if table.empty:
        return 0.0
    import moocore

    best, worst = (f(_on_log_scale(known, objectives), axis=0) for f in (np.min, np.max))
    span = np.where(worst > best, worst - best, 1.0)
    scaled = (_on_log_scale(table, objectives) - best) / span
    return float(moocore.hypervolume(scaled, ref=np.ones(len(objectives))))


def _losses(table: pd.DataFrame, objectives: Sequence[str]) -> np.ndarray:
    return np.column_stack(
        [OBJECTIVE[name].sign * table[name].to_numpy("float64") for name in objectives]
    )


def _on_log_scale(table: pd.DataFrame, objectives: Sequence[str]) -> np.ndarray:
    losses = _losses(table, objectives)
    for position, name in enumerate(objectives):
        if OBJECTIVE[name].scale == "log":
            losses[:, position] = np.log(np.maximum(losses[:, position], 1e-3))
    return losses
