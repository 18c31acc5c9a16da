"""Transfer between tasks: where other tasks did well is where a new search may begin.

Here belong the evidence other tasks give and what is made of it. Running the search is
``simulation``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

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


WEAKEST = 0.3
"""Tasks of a smaller weight are left out of a transfer."""


def weighted_box(
    space: SearchSpace, evaluations: pd.DataFrame, weights: Mapping[str, float], top_k: int
) -> SearchSpace:
    """Restrict a space by what similar tasks liked, less the less alike they are.

    Each task gives its best ``top_k`` configurations in proportion to its weight, none below
    :data:`WEAKEST`. The box is then widened towards the whole space as the largest weight falls
    short of 1, and its categories are dropped below one half. Without a task to learn from, it is
    the whole space.

    Parameters
    ----------
    space
        The whole space.
    evaluations
        Evaluations of the other tasks.
    weights
        Task to weight in [0, 1] (:func:`aehpo_assets.hpo.task_similarity.transfer_weights`).
    top_k
        Configurations of a task of weight 1.
    """
    parts = [
        top_configurations(evaluations, [task], max(1, round(top_k * weight)), space)
        for task, weight in weights.items()
        if weight >= WEAKEST
    ]
    if not parts:
        return space
    box = bounding_box(space, pd.concat(parts, ignore_index=True))
    trust = min(1.0, max(weights.values()))
    hyperparameters: dict[str, Distribution] = {}
    for name, whole in space.hyperparameters.items():
        inner = box.hyperparameters[name]
        if isinstance(inner, Choice) or isinstance(whole, Choice):
            hyperparameters[name] = inner if trust >= 0.5 else whole
        elif isinstance(whole, LogUniform):
            lower = inner.lower**trust * whole.lower ** (1 - trust)
            upper = inner.upper**trust * whole.upper ** (1 - trust)
            hyperparameters[name] = LogUniform(max(lower, whole.lower), min(upper, whole.upper))
        else:
            lower = trust * inner.lower + (1 - trust) * whole.lower
            upper = trust * inner.upper + (1 - trust) * whole.upper
            hyperparameters[name] = Uniform(max(lower, whole.lower), min(upper, whole.upper))
    return SearchSpace(space.architecture, hyperparameters)
