"""What a simulated search is told: the surrogate's answers, or measured runs only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.curve_surrogate import CurveSurrogate
from aehpo_assets.hpo.encoding import Encoder
from aehpo_assets.hpo.evaluations import best_sampled
from aehpo_assets.hpo.objectives import OBJECTIVES
from aehpo_assets.hpo.surrogate import Surrogate
from aehpo_assets.space import SearchSpace


class SurrogateGround:
    """Answers with the surrogate's predictions for one task: (configurations, 1, objectives)."""

    def __init__(self, surrogate: Surrogate, task: str):
        self.surrogate, self.task = surrogate, task

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict all objectives."""
        return self.surrogate.predict_matrix(configurations, self.task)[:, None, :]


class TableGround:
    """Answers with the measured objectives of the nearest configuration that was really trained.

    No model stands between a searcher and the truth; the best it can reach is the best of the
    table. Nearest is by the Euclidean distance of the encoded hyperparameters, objectives are
    averaged over seeds.
    """

    def __init__(self, evaluations: pd.DataFrame, space: SearchSpace, task: str):
        table = best_sampled(evaluations, task, count=len(evaluations))
        self.encoder = Encoder(space)
        self.points = self.encoder.matrix(table)
        self.config_ids = table["config_id"].tolist()
        self.values = table[list(OBJECTIVES)].to_numpy("float64")[:, None, :]

    def positions(self, configurations: Sequence[Mapping[str, Any]]) -> list[int]:
        """Return the row of the nearest trained configuration of each."""
        points = self.encoder.matrix(configurations)
        return [int(((self.points - p) ** 2).sum(axis=1).argmin()) for p in points]

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Look up all objectives."""
        return self.values[self.positions(configurations)]


class CurveTableGround:
    """Answers with the measured learning curve of the nearest configuration that was trained.

    Parameters
    ----------
    curves
        Output of :func:`aehpo_assets.hpo.curve_surrogate.curve_evaluations`.
    space
        The search space.
    task
        The task to answer for.

    Raises
    ------
    InputError
        If the curves do not know every objective.
    """

    def __init__(self, curves: pd.DataFrame, space: SearchSpace, task: str):
        _demand_objectives([name for name in OBJECTIVES if name in curves])
        own = curves[curves["task"] == task]
        # At each epoch the configurations come in the order of their score there.
        grounds = [TableGround(at_epoch, space, task) for _, at_epoch in own.groupby("epoch")]
        order = [ground.config_ids for ground in grounds]
        self.nearest = grounds[-1]
        self.values = np.stack(
            [
                ground.values[pd.Index(ids).get_indexer(order[-1]), 0]
                for ground, ids in zip(grounds, order, strict=True)
            ],
            axis=1,
        )

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Look up all objectives at every fidelity."""
        return self.values[self.nearest.positions(configurations)]


class CurveGround:
    """Answers with predicted learning curves: (configurations, fidelities, objectives).

    Raises
    ------
    InputError
        If the curves do not know every objective.
    """

    def __init__(self, curves: CurveSurrogate, task: str):
        _demand_objectives(curves.objectives)
        self.curves, self.task = curves, task

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict all objectives at every fidelity."""
        return self.curves.predict(configurations, self.task)


def _demand_objectives(known: list[str]) -> None:
    if known != list(OBJECTIVES):
        raise InputError(
            f"the learning curves know {', '.join(known)} only",
            remedy="Keep the downstream scores along the curves.",
        )
