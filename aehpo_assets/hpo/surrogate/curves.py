"""Learning curves for searchers: those measured, and one surrogate for each epoch of theirs."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.blackbox import BlackboxTables, blackbox_evaluations
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.surrogate.encoding import Configurations
from aehpo_assets.hpo.surrogate.fit import fit_surrogate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.space import SearchSpace


class CurveSurrogate:
    """Predicts the objectives of a configuration at every kept epoch of its training.

    Parameters
    ----------
    surrogates
        Epoch to the surrogate of that epoch, ascending.
    """

    def __init__(self, surrogates: dict[int, Surrogate]):
        self.surrogates = surrogates

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs it can predict, ascending."""
        return tuple(self.surrogates)

    @property
    def objectives(self) -> list[str]:
        """Objectives it can predict: those that the curves know at every epoch."""
        return next(iter(self.surrogates.values())).objectives

    def predict(self, configurations: Configurations, task: str) -> np.ndarray:
        """Predict (configurations, fidelities, objectives)."""
        at_epochs = [s.predict_matrix(configurations, task) for s in self.surrogates.values()]
        return np.stack(at_epochs, axis=1)

    def save(self, folder: Path) -> None:
        """Write one folder per epoch."""
        folder.mkdir(parents=True, exist_ok=True)
        for epoch, surrogate in self.surrogates.items():
            surrogate.save(folder / str(epoch))
        content = json.dumps({"fidelities": list(self.fidelities)})
        (folder / "fidelities.json").write_text(content, encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> CurveSurrogate:
        """Read what :meth:`save` wrote."""
        content = json.loads((folder / "fidelities.json").read_text(encoding="utf-8"))
        return cls({epoch: Surrogate.load(folder / str(epoch)) for epoch in content["fidelities"]})


def curve_evaluations(tables: BlackboxTables) -> pd.DataFrame:
    """Return multi-fidelity blackboxes as one long table of what was measured.

    Returns
    -------
    pandas.DataFrame
        One row a run and epoch: ``epoch`` and the columns of
        :func:`aehpo_assets.hpo.blackbox.blackbox_evaluations`; epochs ascending.
    """
    box = next(iter(tables.tasks.values()))
    return pd.concat(
        [
            blackbox_evaluations(tables, fidelity=position).assign(epoch=int(epoch))
            for position, epoch in enumerate(box.fidelity_values)
        ],
        ignore_index=True,
    )


def fit_curve_surrogate(
    tables: BlackboxTables, space: SearchSpace, seed: int = 0
) -> CurveSurrogate:
    """Fit a surrogate at every fidelity of multi-fidelity blackboxes.

    Parameters
    ----------
    tables
        Output of :func:`aehpo_assets.hpo.blackbox.curves_blackboxes`.
    space
        The architecture's search space.
    seed
        Seed of the models.

    Raises
    ------
    InputError
        If the curves do not know the valid score, which searches optimise.
    """
    box = next(iter(tables.tasks.values()))
    if VALID_SCORE not in box.objectives_names:
        raise InputError(
            "the learning curves do not know the downstream score",
            key=VALID_SCORE,
            remedy="Keep it along the curves, or search on whole trainings.",
        )
    surrogates = {}
    for position, epoch in enumerate(box.fidelity_values):
        evaluations = blackbox_evaluations(tables, fidelity=position)
        surrogates[int(epoch)], _, _ = fit_surrogate(evaluations, space, seed, folds=1)
    return CurveSurrogate(surrogates)


@dataclass(frozen=True)
class Curves:
    """Everything that answers searchers on learning curves.

    Attributes
    ----------
    surrogate
        Predicts curves.
    measured
        Output of :func:`curve_evaluations`.
    """

    surrogate: CurveSurrogate
    measured: pd.DataFrame

    @property
    def fidelities(self) -> tuple[int, ...]:
        """Epochs at which the curves are known, ascending."""
        return self.surrogate.fidelities

    @classmethod
    def fit(cls, tables: BlackboxTables, space: SearchSpace, seed: int = 0) -> Curves:
        """Fit the surrogate, see :func:`fit_curve_surrogate`."""
        return cls(fit_curve_surrogate(tables, space, seed), curve_evaluations(tables))

    def save(self, folder: Path) -> None:
        """Write the surrogate, and what was measured beside it."""
        self.surrogate.save(folder)
        self.measured.to_parquet(folder / "evaluations.parquet", index=False)

    @classmethod
    def load(cls, folder: Path) -> Curves:
        """Read what :meth:`save` wrote."""
        return cls(CurveSurrogate.load(folder), pd.read_parquet(folder / "evaluations.parquet"))
