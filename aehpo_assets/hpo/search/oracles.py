"""Oracles of simulated searches: they answer with predictions, or with measured runs only.

Here belongs as well of which configuration an answer is, since a table answers a proposal with the
values of another one. What of an answer a search is told belongs to ``told``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import VALID_LOSS
from aehpo_assets.hpo.known_best import best_known
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.surrogate.curves import CurveSurrogate
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.space import SearchSpace, config_id_of


@dataclass(frozen=True)
class Answer:
    """What an oracle knows of some configurations, and of which ones it really is.

    Attributes
    ----------
    values
        (configurations, fidelities, objectives) means, without the noise of a training.
    configurations, config_ids
        Hyperparameters and identity of the configurations whose values they are.
    distances
        (configurations,) Euclidean distance of their encoded hyperparameters (each within 0 and 1)
        to what was asked for.
    """

    values: np.ndarray
    configurations: Sequence[Mapping[str, Any]]
    config_ids: list[str]
    distances: np.ndarray


class Oracle(Protocol):
    """What answers a simulated search.

    Attributes
    ----------
    objectives
        Names of the last axis of its values.
    """

    objectives: tuple[str, ...]

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Return the values alone."""

    def answer(self, configurations: Sequence[Mapping[str, Any]]) -> Answer:
        """Return the values, and whose they are."""


class SurrogateOracle:
    """Answers with the surrogate's predictions for one task: (configurations, 1, objectives)."""

    def __init__(self, surrogate: Surrogate, task: str):
        self.surrogate, self.task = surrogate, task
        self.objectives = tuple(surrogate.objectives)

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict all objectives."""
        return self.surrogate.predict_matrix(configurations, self.task)[:, None, :]

    def answer(self, configurations: Sequence[Mapping[str, Any]]) -> Answer:
        """Predict all objectives; a prediction is of the proposal itself."""
        return _of_itself(self(configurations), configurations)


class TableOracle:
    """Answers with the measured objectives of the nearest configuration that was really trained.

    No model stands between a searcher and the truth; the best it can reach is the best of the
    table. Nearest is by the Euclidean distance of the encoded hyperparameters, objectives are
    averaged over seeds, and the valid score is shrunken by how many these are
    (:func:`aehpo_assets.hpo.known_best.best_known`), so that no lucky run is the best to be found.
    """

    def __init__(self, evaluations: pd.DataFrame, space: SearchSpace, task: str):
        table = best_known(evaluations, task)
        self.encoder = Encoder(space)
        self.points = self.encoder.matrix(table)
        self.config_ids = table["config_id"].tolist()
        self.configurations = table[space.names].to_dict("records")
        table[VALID_SCORE] = table["known_valid"]
        self.objectives = (*OBJECTIVE_NAMES, *(name for name in [VALID_LOSS] if name in table))
        self.values = table[list(self.objectives)].to_numpy("float64")[:, None, :]

    def answer(self, configurations: Sequence[Mapping[str, Any]]) -> Answer:
        """Look up all objectives of the nearest trained configurations."""
        return self.answer_with(self.values, configurations)

    def answer_with(
        self, values: np.ndarray, configurations: Sequence[Mapping[str, Any]]
    ) -> Answer:
        """Return the rows of some values that are of the nearest trained configurations."""
        positions, distances = self.nearest(configurations)
        ids = [self.config_ids[position] for position in positions]
        nearest = [self.configurations[position] for position in positions]
        return Answer(values[positions], nearest, ids, np.array(distances))

    def nearest(self, configurations: Sequence[Mapping[str, Any]]) -> tuple[list[int], list[float]]:
        """Return the row of the nearest trained configuration of each, and how far it is."""
        positions, distances = [], []
        for point in self.encoder.matrix(configurations):
            squares = ((self.points - point) ** 2).sum(axis=1)
            positions.append(int(squares.argmin()))
            distances.append(float(np.sqrt(squares.min())))
        return positions, distances

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Look up all objectives."""
        return self.values[self.nearest(configurations)[0]]


class CurveTableOracle:
    """Answers with the measured learning curve of the nearest configuration that was trained.

    Parameters
    ----------
    curves
        Output of :func:`aehpo_assets.hpo.surrogate.curves.curve_evaluations`.
    space
        The search space.
    task
        The task to answer for.

    Raises
    ------
    InputError
        If the curves do not know every objective.
    """

    objectives = OBJECTIVE_NAMES

    def __init__(self, curves: pd.DataFrame, space: SearchSpace, task: str):
        _demand_objectives([name for name in OBJECTIVE_NAMES if name in curves])
        own = curves[curves["task"] == task]
        # At each epoch the configurations come in the order of their score there.
        by_epoch = [TableOracle(at_epoch, space, task) for _, at_epoch in own.groupby("epoch")]
        order = [table.config_ids for table in by_epoch]
        self.at_end = by_epoch[-1]
        self.values = np.stack(
            [
                table.values[pd.Index(ids).get_indexer(order[-1]), 0]
                for table, ids in zip(by_epoch, order, strict=True)
            ],
            axis=1,
        )

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Look up all objectives at every fidelity."""
        return self.values[self.at_end.nearest(configurations)[0]]

    def answer(self, configurations: Sequence[Mapping[str, Any]]) -> Answer:
        """Look up the curves of the nearest trained configurations."""
        return self.at_end.answer_with(self.values, configurations)


class CurveOracle:
    """Answers with predicted learning curves: (configurations, fidelities, objectives).

    Raises
    ------
    InputError
        If the curves do not know every objective.
    """

    objectives = OBJECTIVE_NAMES

    def __init__(self, curves: CurveSurrogate, task: str):
        _demand_objectives(curves.objectives)
        self.curves, self.task = curves, task

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Predict all objectives at every fidelity."""
        return self.curves.predict(configurations, self.task)

    def answer(self, configurations: Sequence[Mapping[str, Any]]) -> Answer:
        """Predict the curves; a prediction is of the proposal itself."""
        return _of_itself(self(configurations), configurations)


def _of_itself(values: np.ndarray, configurations: Sequence[Mapping[str, Any]]) -> Answer:
    ids = [config_id_of(configuration) for configuration in configurations]
    return Answer(values, configurations, ids, np.zeros(len(ids)))


def _demand_objectives(known: list[str]) -> None:
    if known != list(OBJECTIVE_NAMES):
        raise InputError(
            f"the learning curves know {', '.join(known)} only",
            remedy="Keep the downstream scores along the curves.",
        )
