"""Pareto fronts: the configurations that no other beats in every objective."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import RUNTIME, VALID_R2, VALID_SCORE, loss_sign

PARETO_OBJECTIVES = (VALID_SCORE, VALID_R2, RUNTIME)
"""What a multi-objective search weighs against each other; never the test score."""


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
    losses = np.column_stack([loss_sign(name) * table[name].to_numpy() for name in objectives])
    kept = [
        position
        for position, loss in enumerate(losses)
        if not ((losses <= loss).all(axis=1) & (losses < loss).any(axis=1)).any()
    ]
    best_first = losses[kept, 0].argsort(kind="stable")
    return table.iloc[np.asarray(kept, dtype=int)[best_first]]
