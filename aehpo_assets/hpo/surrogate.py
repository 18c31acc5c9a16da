"""The surrogate: what a configuration that was never trained would probably reach.

One model per task and objective, fitted on every run of the task, the validated recommendations
included. Its honesty is measured out of fold. Which numbers a run counts as belongs to
``evaluations``; walking the surrogate in search of an optimum belongs to ``simulation``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.encoding import Configurations, Encoder
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVES
from aehpo_assets.hpo.regressors import XGBoostRegressor
from aehpo_assets.hpo.seeds import named_seed
from aehpo_assets.hpo.space_json import space_from_json, space_to_json
from aehpo_assets.hpo.surrogate_diagnostics import (
    INTERVAL,
    accuracy,
    conformal_margins,
    group_folds,
    out_of_fold_frame,
    out_of_fold_predictions,
)
from aehpo_assets.hpo.transforms import from_model_scale, to_model_scale
from aehpo_assets.space import SearchSpace


class Surrogate:
    """Predicts every objective of a configuration on each task.

    Made by :func:`fit_surrogate` or :meth:`load`.

    Parameters
    ----------
    space
        The search space it was fitted on.
    models
        (task, objective) to a fitted regressor.
    margins
        (task, objective) to the lower and upper margin of the prediction interval, on the model
        scale.
    """

    def __init__(
        self,
        space: SearchSpace,
        models: dict[tuple[str, str], Any],
        margins: dict[tuple[str, str], tuple[float, float]],
    ):
        self.space = space
        self.models = models
        self.margins = margins
        self.encoder = Encoder(space)

    @property
    def objectives(self) -> list[str]:
        """The objectives it predicts, in the order of a blackbox."""
        known = {objective for _, objective in self.models}
        return [objective for objective in OBJECTIVES if objective in known]

    @property
    def tasks(self) -> list[str]:
        """The tasks it can predict."""
        return list(dict.fromkeys(task for task, _ in self.models))

    def predict(self, configurations: Configurations, task: str) -> pd.DataFrame:
        """Predict the objectives of configurations.

        Parameters
        ----------
        configurations
            A frame or a list of configurations, with the hyperparameters of the space.
        task
            One of :attr:`tasks`.

        Returns
        -------
        pandas.DataFrame
            One row a configuration, in order; columns are the objectives, inside their bounds.

        Raises
        ------
        InputError
            If the task is unknown.
        """
        return pd.DataFrame(self.predict_matrix(configurations, task), columns=self.objectives)

    def predict_matrix(self, configurations: Configurations, task: str) -> np.ndarray:
        """Return what :meth:`predict` returns, as (configurations, objectives) without labels."""
        modelled = self._on_model_scale(configurations, task)
        return np.column_stack(
            [from_model_scale(modelled[objective], objective) for objective in self.objectives]
        )

    def predict_interval(
        self, configurations: Configurations, task: str
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return lower and upper ends of the 90 % prediction intervals of single runs.

        The margins are quantiles of the out-of-fold residuals on the model scale (cross-conformal
        prediction, Vovk 2015), so the ends stay inside the bounds of the objective.
        """
        modelled = self._on_model_scale(configurations, task)
        ends = []
        for side in (0, 1):
            ends.append(
                pd.DataFrame(
                    {
                        objective: from_model_scale(
                            values + self.margins[task, objective][side], objective
                        )
                        for objective, values in modelled.items()
                    }
                )
            )
        return ends[0], ends[1]

    def _on_model_scale(self, configurations: Configurations, task: str) -> dict[str, np.ndarray]:
        if task not in self.tasks:
            raise InputError(
                f"the surrogate knows no task {task!r}", remedy=f"Known: {', '.join(self.tasks)}."
            )
        X = self.encoder.matrix(configurations)
        return {objective: self.models[task, objective].predict(X) for objective in self.objectives}

    def save(self, folder: Path) -> None:
        """Write the models and ``metadata.json`` into a folder; nothing in it is a pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for (task, objective), model in self.models.items():
            file = f"{task}.{objective}{model.suffix}"
            model.save(folder / file)
            entries.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": model.name,
                    "file": file,
                    "margins": list(self.margins[task, objective]),
                }
            )
        content = {"space": space_to_json(self.space), "interval": INTERVAL, "models": entries}
        (folder / "metadata.json").write_text(json.dumps(content, indent=1), encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> Surrogate:
        """Read what :meth:`save` wrote.

        Raises
        ------
        StaleInputError
            If the folder holds no surrogate.
        """
        try:
            content = json.loads((folder / "metadata.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise StaleInputError(f"{folder} holds no readable surrogate ({error})") from None
        models, margins = {}, {}
        for entry in content["models"]:
            key = (entry["task"], entry["objective"])
            models[key] = XGBoostRegressor.load(folder / entry["file"])
            margins[key] = (entry["margins"][0], entry["margins"][1])
        return cls(space_from_json(content["space"]), models, margins)


def training_table(
    results: Mapping[str, pd.DataFrame],
    space: SearchSpace,
    validated: Mapping[str, pd.DataFrame] | None = None,
) -> pd.DataFrame:
    """Join sampled and validated runs into the long table that the surrogate is fitted on.

    A run (task, configuration, seed) that occurs in both counts once.
    """
    joined = {}
    for task, runs in results.items():
        extra = (validated or {}).get(task)
        parts = [runs] if extra is None or extra.empty else [runs, extra]
        both = pd.concat([part.assign(config_id=part["config_id"].astype(str)) for part in parts])
        joined[task] = both.drop_duplicates(["config_id", "seed"], ignore_index=True)
    return evaluation_table(joined, space)


def fit_surrogate(
    evaluations: pd.DataFrame, space: SearchSpace, seed: int = 0
) -> tuple[Surrogate, pd.DataFrame, pd.DataFrame]:
    """Fit one model per task and objective, and measure each out of fold.

    Parameters
    ----------
    evaluations
        Output of :func:`training_table`; of the objectives, those it has are modelled.
    space
        The architecture's search space.
    seed
        Seed of the models.

    Returns
    -------
    surrogate : Surrogate
    diagnostics : pandas.DataFrame
        One row per task and objective: ``task, objective, model, runs, configurations, r2, rmse,
        spearman, coverage`` (of the 90 % interval), all of them out of fold, on the objective's
        own scale; NaN where fewer than two configurations make them meaningless.
    out_of_fold : pandas.DataFrame
        One row per run and objective: ``task, objective, config_id, seed, actual, predicted,
        lower, upper``.
    """
    encoder = Encoder(space)
    models, margins, rows, predictions = {}, {}, [], []
    for task in evaluations["task"].unique():
        runs = evaluations[evaluations["task"] == task]
        X = encoder.matrix(runs)
        folds = group_folds(runs["config_id"])
        for objective in [name for name in OBJECTIVES if name in runs]:
            y = to_model_scale(runs[objective].to_numpy(), objective)
            model_seed = named_seed(seed, "surrogate", task, objective)
            held_out = out_of_fold_predictions(X, y, folds, model_seed)
            models[task, objective] = XGBoostRegressor(model_seed).fit(X, y)
            margins[task, objective] = conformal_margins(y - held_out)
            frame = out_of_fold_frame(runs, objective, y, held_out, folds)
            predictions.append(frame)
            rows.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": XGBoostRegressor.name,
                    "runs": len(runs),
                    "configurations": runs["config_id"].nunique(),
                }
                | accuracy(frame)
            )
    surrogate = Surrogate(space, models, margins)
    return surrogate, pd.DataFrame(rows), pd.concat(predictions, ignore_index=True)
