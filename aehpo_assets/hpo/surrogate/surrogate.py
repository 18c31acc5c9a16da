"""The surrogate: what a configuration that was never trained would probably reach.

One model per task and objective, fitted on every run of the task, the validated recommendations
included. Its honesty is measured out of fold. Which numbers a run counts as belongs to
``evaluations``; choosing the model of an objective to ``regressors``; walking the surrogate in
search of an optimum to ``hpo.search.simulation``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE, OBJECTIVES
from aehpo_assets.hpo.surrogate.diagnostics import (
    FOLDS,
    INTERVAL,
    accuracy,
    group_folds,
    out_of_fold_frame,
)
from aehpo_assets.hpo.surrogate.encoding import Configurations, Encoder
from aehpo_assets.hpo.surrogate.regressors import (
    REGRESSORS,
    ObjectiveModel,
    Regressor,
    XGBoostRegressor,
    fit_objective,
)
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed


class Surrogate:
    """Predicts every objective of a configuration on each task.

    Made by :func:`fit_surrogate` or :meth:`load`.

    Parameters
    ----------
    space
        The search space it was fitted on.
    models
        (task, objective) to the model.
    dead
        Task to the classifier of runs that diverge, fail or collapse.
    """

    def __init__(
        self,
        space: SearchSpace,
        models: dict[tuple[str, str], ObjectiveModel],
        dead: dict[str, Regressor],
    ):
        self.space = space
        self.models = models
        self.dead = dead
        self.encoder = Encoder(space)

    @property
    def objectives(self) -> list[str]:
        """The objectives it predicts, in the order of a blackbox."""
        known = {objective for _, objective in self.models}
        return [objective.name for objective in OBJECTIVES if objective.name in known]

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
        return np.column_stack([OBJECTIVE[n].from_model_scale(v) for n, v in modelled.items()])

    def predict_interval(
        self, configurations: Configurations, task: str
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return lower and upper ends of the 90 % prediction intervals of single runs.

        The margins are quantiles of the out-of-fold residuals on the model scale (cross-conformal
        prediction, Vovk 2015), so the ends stay inside the bounds of the objective.
        """
        modelled = self._on_model_scale(configurations, task)
        lower, upper = (
            pd.DataFrame(
                {
                    name: OBJECTIVE[name].from_model_scale(
                        values + self.models[task, name].margins[side]
                    )
                    for name, values in modelled.items()
                }
            )
            for side in (0, 1)
        )
        return lower, upper

    def predict_dead(self, configurations: Configurations, task: str) -> np.ndarray:
        """Predict the probability that a run diverges, fails or collapses: (configurations,)."""
        X = self.encoder.matrix(configurations)
        return self.dead[task].predict(X) if task in self.dead else np.zeros(len(X))

    def sample(
        self, configurations: Configurations, task: str, generator: np.random.Generator
    ) -> pd.DataFrame:
        """Draw one synthetic run per configuration, as noisy as the data.

        Predictions plus residuals that were seen out of fold; inside the bounds.
        """
        modelled = self._on_model_scale(configurations, task)
        drawn = {}
        for name, values in modelled.items():
            residuals = self.models[task, name].residuals
            levels = np.linspace(0, 1, len(residuals))
            noise = np.interp(generator.random(len(values)), levels, residuals)
            drawn[name] = OBJECTIVE[name].from_model_scale(values + noise)
        return pd.DataFrame(drawn)

    def _on_model_scale(self, configurations: Configurations, task: str) -> dict[str, np.ndarray]:
        if task not in self.tasks:
            raise InputError(
                f"the surrogate knows no task {task!r}", remedy=f"Known: {', '.join(self.tasks)}."
            )
        X = self.encoder.matrix(configurations)
        return {name: self.models[task, name].regressor.predict(X) for name in self.objectives}

    def save(self, folder: Path) -> None:
        """Write the models and ``metadata.json`` into a folder; nothing in it is a pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for (task, objective), model in self.models.items():
            file = f"{task}.{objective}{model.regressor.suffix}"
            model.regressor.save(folder / file)
            entries.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": model.name,
                    "file": file,
                    "margins": list(model.margins),
                    "residuals": list(model.residuals),
                }
            )
        dead = {task: f"{task}.dead{model.suffix}" for task, model in self.dead.items()}
        for task, file in dead.items():
            self.dead[task].save(folder / file)
        content = {
            "space": self.space.to_json(),
            "interval": INTERVAL,
            "models": entries,
            "dead": dead,
        }
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
        models = {}
        for entry in content["models"]:
            models[entry["task"], entry["objective"]] = ObjectiveModel(
                name=entry["model"],
                regressor=REGRESSORS[entry["model"]](0).restore(folder / entry["file"]),
                margins=(entry["margins"][0], entry["margins"][1]),
                residuals=tuple(entry["residuals"]),
            )
        dead: dict[str, Regressor] = {
            task: XGBoostRegressor().restore(folder / file)
            for task, file in content["dead"].items()
        }
        return cls(SearchSpace.from_json(content["space"]), models, dead)


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
    evaluations: pd.DataFrame,
    space: SearchSpace,
    seed: int = 0,
    candidates: Sequence[str] = ("xgboost",),
    folds: int = FOLDS,
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
    candidates
        Keys of :data:`aehpo_assets.hpo.surrogate.regressors.REGRESSORS`; each objective gets the
        one with the smallest out-of-fold error on the model scale.
    folds
        Number of folds; 1 leaves all measuring out and takes the first candidate.

    Returns
    -------
    surrogate : Surrogate
    diagnostics : pandas.DataFrame
        One row per task and objective: ``task, objective, model, runs, configurations, r2, rmse,
        spearman, coverage`` (of the 90 % interval), all of them out of fold, on the objective's
        own scale, NaN where fewer than two configurations make them meaningless; and
        ``error_<candidate>``, by which the model was chosen.
    out_of_fold : pandas.DataFrame
        One row per run and objective: ``task, objective, config_id, seed, actual, predicted,
        lower, upper``.

    Raises
    ------
    InputError
        If a candidate is unknown.
    """
    for name in candidates:
        if name not in REGRESSORS:
            raise InputError(
                f"unknown surrogate model {name!r}",
                key="hpo.surrogates",
                remedy=f"Known: {', '.join(REGRESSORS)}.",
            )
    encoder = Encoder(space)
    models: dict[tuple[str, str], ObjectiveModel] = {}
    dead: dict[str, Regressor] = {}
    rows, predictions = [], []
    for task in evaluations["task"].unique():
        runs = evaluations[evaluations["task"] == task]
        X = encoder.matrix(runs)
        fold_of_run = group_folds(runs["config_id"], folds)
        for objective in [name for name in OBJECTIVE if name in runs]:
            y = OBJECTIVE[objective].to_model_scale(runs[objective].to_numpy())
            model_seed = named_seed(seed, "surrogate", task, objective)
            model, held_out, errors = fit_objective(X, y, fold_of_run, model_seed, candidates)
            models[task, objective] = model
            frame = out_of_fold_frame(runs, objective, y, held_out, fold_of_run)
            predictions.append(frame)
            rows.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": model.name,
                    "runs": len(runs),
                    "configurations": runs["config_id"].nunique(),
                }
                | accuracy(frame)
                | {f"error_{name}": error for name, error in errors.items()}
            )
        if "dead" in runs:
            dead[task] = failure_classifier(named_seed(seed, "dead", task)).fit(
                X, runs["dead"].to_numpy("float64")
            )
    surrogate = Surrogate(space, models, dead)
    return surrogate, pd.DataFrame(rows), pd.concat(predictions, ignore_index=True)


def failure_classifier(seed: int) -> XGBoostRegressor:
    """Return the unfitted classifier of runs that diverge, fail or collapse."""
    return XGBoostRegressor(
        seed, rounds=120, objective="binary:logistic", max_depth=3, eta=0.1, min_child_weight=0.5
    )
