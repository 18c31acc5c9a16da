"""Transfer between tasks: where other tasks did well is where a new search may begin.

Here belong how much another task counts, the evidence it gives, and what is made of it. How alike
tasks are belongs to ``similarity``; running the search is ``simulation``'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from aehpo_assets.hpo.known_best import best_known
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
        best_known(evaluations, task)
        .head(top_k)
        .assign(task=task)[["task", "config_id", *space.names]]
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


PRIOR_OBSERVATIONS = 10
"""A similarity of the data counts as much as the rank correlation on this many configurations."""

WEAKEST = 0.3
"""Tasks of a smaller weight are left out of a transfer."""


def transfer_weights(ranks: pd.DataFrame, similarity: pd.Series | None = None) -> pd.DataFrame:
    """Weigh other tasks by both similarities, the data's first, the ranks' as they accumulate.

    The weight is ``(p s + n r) / (p + n)``, at least 0, with the data's similarity ``s`` (1/2 if
    not known), the rank correlation ``r`` on ``n`` configurations, and
    :data:`PRIOR_OBSERVATIONS` ``p``: tasks that rank configurations the other way round lose
    faster than those that rank them in no related order.

    Parameters
    ----------
    ranks
        Output of :func:`aehpo_assets.hpo.transfer.similarity.rank_correlation`.
    similarity
        The target's row of :func:`aehpo_assets.hpo.transfer.similarity.data_similarity`; tasks may
        be missing.

    Returns
    -------
    pandas.DataFrame
        Index the other tasks: ``similarity`` (NaN if not known), ``correlation, configurations,
        weight`` in [0, 1], ``used`` (not below :data:`WEAKEST`) and ``reason``.
    """
    known = pd.Series(dtype="float64") if similarity is None else similarity
    table = ranks.assign(similarity=known.reindex(ranks.index).astype("float64"))
    ranked = np.isfinite(table["correlation"])
    count = table["configurations"].where(ranked, 0.0)
    evidence = count * table["correlation"].fillna(0.0)
    prior = PRIOR_OBSERVATIONS * table["similarity"].fillna(0.5)
    table["weight"] = ((prior + evidence) / (PRIOR_OBSERVATIONS + count)).clip(0, 1)
    table["used"] = table["weight"] >= WEAKEST
    table["reason"] = np.select(
        [table["used"] & ranked, table["used"], table["correlation"] < 0],
        ["by its data and its ranks", "by its data alone", "its ranks do not agree"],
        "too little alike",
    )
    order = ["similarity", "correlation", "configurations", "weight", "used", "reason"]
    return table[order]


def weighted_box(
    space: SearchSpace, evaluations: pd.DataFrame, weights: Mapping[str, float], top_k: int
) -> SearchSpace:
    """Restrict a space by what similar tasks liked, less the less alike they are.

    The most alike task gives its best ``top_k`` configurations, the others fewer in proportion to
    their weight, and those below :data:`WEAKEST` none. The box is then widened towards the whole
    space as the largest weight falls short of 1, and its categories are dropped below one half.
    Without a task to learn from, it is the whole space.

    Parameters
    ----------
    space
        The whole space.
    evaluations
        Evaluations of the other tasks.
    weights
        Task to weight in [0, 1], of :func:`transfer_weights`.
    top_k
        Configurations of the most alike task.
    """
    used = {task: weight for task, weight in weights.items() if weight >= WEAKEST}
    if not used:
        return space
    trust = max(used.values())
    parts = [
        top_configurations(evaluations, [task], max(1, round(top_k * weight / trust)), space)
        for task, weight in used.items()
    ]
    box = bounding_box(space, pd.concat(parts, ignore_index=True))
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
