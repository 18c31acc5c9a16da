"""Transfer between tasks: where other tasks did well is where a new search may begin.

Here belong the evidence other tasks give and what is made of it. Running the search is
``simulation``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from aehpo_assets.hpo.evaluations import best_sampled
from aehpo_assets.space import Choice, Distribution, LogUniform, SearchSpace, Uniform


def top_configurations(
    evaluations: pd.DataFrame, tasks: Iterable[str], top_k: int, space: SearchSpace
) -> pd.DataFrame:
    """Return the ``top_k`` best configurations of each task by their mean valid score.

    Parameters
    ----------
    evaluations
        Output of :func:`aehpo_assets.hpo.evaluations.evaluation_table`; finite, so that no failed
        run ranks best (stock Syne Tune sorts NaN to the top when maximising).
    tasks
        The tasks to learn from.
    top_k
        How many per task; fewer if a task has fewer.
    space
        The search space.

    Returns
    -------
    pandas.DataFrame
        ``task, config_id`` and the hyperparameters.
    """
    parts = [
        best_sampled(evaluations, task, top_k).assign(task=task)[
            ["task", "config_id", *space.names]
        ]
        for task in tasks
    ]
    return pd.concat(parts, ignore_index=True)


def bounding_box(space: SearchSpace, best: pd.DataFrame) -> SearchSpace:
    """Restrict a space to the box around good configurations (Perrone et al., NeurIPS 2019).

    Numeric hyperparameters are restricted to the range, categorical ones to the set of values
    that occur, as ``syne_tune...transfer_learning.BoundingBox`` does; the values keep Python's
    types and never leave the space. Where ``k_filter`` could fall below the latent dimension in
    the box, it could in the space.

    Parameters
    ----------
    space
        The whole space.
    best
        Good configurations, one column a hyperparameter.
    """
    hyperparameters: dict[str, Distribution] = {}
    for name, distribution in space.hyperparameters.items():
        values = best[name]
        if isinstance(distribution, Choice):
            occurring = tuple(v for v in distribution.values if (values == v).any())
            hyperparameters[name] = Choice(occurring or distribution.values)
            continue
        lower = max(float(values.min()), distribution.lower)
        upper = min(float(values.max()), distribution.upper)
        kind = LogUniform if isinstance(distribution, LogUniform) else Uniform
        hyperparameters[name] = kind(lower, upper) if lower <= upper else distribution
    return SearchSpace(space.architecture, hyperparameters)
