"""The surrogate: what a configuration that was never trained would probably reach.

One model per task and objective, fitted on the mean of every configuration of the task with the
noise that this mean has, the validated recommendations included. Its honesty is measured out of
fold. Which numbers a run counts as belongs to ``evaluations``; the means and their noise to
``means``; choosing the model of an objective to ``regressors``; walking the surrogate in search of
an optimum to ``hpo.search.simulation``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.objectives import OBJECTIVE, OBJECTIVES, VALID_LOSS_OBJECTIVE
from aehpo_assets.hpo.surrogate.diagnostics import (
    INTERVAL,
)
from aehpo_assets.hpo.surrogate.encoding import Configurations, Encoder
from aehpo_assets.hpo.surrogate.gaussian_process import GaussianProcess
from aehpo_assets.hpo.surrogate.regressors import (
    GAUSSIAN_PROCESS,
    ObjectiveModel,
)
from aehpo_assets.hpo.surrogate.trees import (
    TreePosterior,
    XGBoostRegressor,
)
from aehpo_assets.noise.level import half_width
from aehpo_assets.noise.pooled import Noise
from aehpo_assets.space import SearchSpace


class Surrogate:
    """Predicts every objective of a configuration on each task.

    Made by :func:`aehpo_assets.hpo.surrogate.fit.fit_surrogate` or :meth:`load`.

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
        dead: dict[str, XGBoostRegressor],
    ):
        self.space = space
        self.models = models
        self.dead = dead
        self.encoder = Encoder(space)

    @property
    def objectives(self) -> list[str]:
        """The objectives it predicts, in the order of a blackbox, and the loss behind them."""
        known = {objective for _, objective in self.models}
        every = (*OBJECTIVES, VALID_LOSS_OBJECTIVE)
        return [objective.name for objective in every if objective.name in known]

    @property
    def tasks(self) -> list[str]:
        """The tasks it can predict."""
        return list(dict.fromkeys(task for task, _ in self.models))

    def predict(self, configurations: Configurations, task: str) -> pd.DataFrame:
        """Predict the objectives of configurations: the posterior mean of what each truly reaches.

        Of a configuration that was trained, its own runs count as much as their number and noise
        let them. Scores are modelled on their own scale; seconds on that of logarithms, and the
        median of those is mapped back.

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
        self,
        configurations: Configurations,
        task: str,
        levels: Mapping[str, Noise | None] = MappingProxyType({}),
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return lower and upper ends of the 90 % intervals of the true means.

        They are those of the posterior: how far the mean of many more runs may lie from what is
        predicted, not how far a single run may. NaN where a model's misfit was not measured.

        Parameters
        ----------
        configurations, task
            As for :meth:`predict`.
        levels
            Objective to what the splits of the study leave open of its level
            (:func:`aehpo_assets.noise.level.level_of_mean`); without, the intervals are of the mean
            on these very splits.
        """
        X = self._encoded(configurations, task)
        ends: tuple[dict[str, np.ndarray], dict[str, np.ndarray]] = ({}, {})
        for name in self.objectives:
            posterior = self.models[task, name].posterior
            middle = posterior.predict(X)
            level = levels.get(name) or Noise(0.0, 1)
            half = half_width(posterior.variance(X), INTERVAL, level.variance, level.degrees)
            for values, side in zip(ends, (-1, 1), strict=True):
                values[name] = OBJECTIVE[name].from_model_scale(middle + side * half)
        return pd.DataFrame(ends[0]), pd.DataFrame(ends[1])

    def noise_known(self, task: str, objective: str) -> bool:
        """Whether replicates measured the noise that predictions and intervals allow for."""
        return self.models[task, objective].noise_known

    def posterior(
        self, configurations: Configurations, task: str, objective: str
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what is known of the true means of configurations, together.

        Parameters
        ----------
        configurations
            As for :meth:`predict`; K of them.
        task
            One of :attr:`tasks`.
        objective
            One of :attr:`objectives`.

        Returns
        -------
        mean : numpy.ndarray
            (K,) on the model scale of the objective
            (:meth:`aehpo_assets.hpo.objectives.Objective.to_model_scale`).
        covariance : numpy.ndarray
            (K, K); diagonal for trees.

        Raises
        ------
        InputError
            If the task is unknown.
        """
        X = self._encoded(configurations, task)
        posterior = self.models[task, objective].posterior
        return posterior.predict(X), posterior.covariance(X)

    def metric(self, configurations: Configurations, task: str, objective: str) -> np.ndarray:
        """Place configurations so that the distance of two is how differently they may score.

        Returns
        -------
        numpy.ndarray
            (configurations, columns) encoded hyperparameters, each in units of its length scale.
        """
        X = self._encoded(configurations, task)
        return X / self.models[task, objective].posterior.length_scales

    def predict_dead(self, configurations: Configurations, task: str) -> np.ndarray:
        """Predict the probability that a run diverges, fails or collapses: (configurations,)."""
        X = self.encoder.matrix(configurations)
        return self.dead[task].predict(X) if task in self.dead else np.zeros(len(X))

    def sample(
        self, configurations: Configurations, task: str, generator: np.random.Generator
    ) -> pd.DataFrame:
        """Draw one synthetic run per configuration, as noisy as the data.

        Predictions plus the noise of a replicate; inside the bounds.
        """
        drawn = {}
        for name, values in self._on_model_scale(configurations, task).items():
            noise = np.sqrt(self.models[task, name].noise) * generator.normal(size=len(values))
            drawn[name] = OBJECTIVE[name].from_model_scale(values + noise)
        return pd.DataFrame(drawn)

    def _on_model_scale(self, configurations: Configurations, task: str) -> dict[str, np.ndarray]:
        X = self._encoded(configurations, task)
        return {name: self.models[task, name].posterior.predict(X) for name in self.objectives}

    def _encoded(self, configurations: Configurations, task: str) -> np.ndarray:
        if task not in self.tasks:
            raise InputError(
                f"the surrogate knows no task {task!r}", remedy=f"Known: {', '.join(self.tasks)}."
            )
        return self.encoder.matrix(configurations)

    def save(self, folder: Path) -> None:
        """Write the models and ``metadata.json`` into a folder; nothing in it is a pickle."""
        folder.mkdir(parents=True, exist_ok=True)
        entries = []
        for (task, objective), model in self.models.items():
            file = f"{task}.{objective}{model.posterior.suffix}"
            model.posterior.save(folder / file)
            entries.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": model.name,
                    "file": file,
                    "noise": model.noise,
                    "noise_known": model.noise_known,
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
            kind = GaussianProcess if entry["model"] == GAUSSIAN_PROCESS else TreePosterior
            models[entry["task"], entry["objective"]] = ObjectiveModel(
                name=entry["model"],
                posterior=kind.restore(folder / entry["file"]),
                noise=entry["noise"],
                noise_known=entry["noise_known"],
            )
        dead: dict[str, XGBoostRegressor] = {
            task: XGBoostRegressor().restore(folder / file)
            for task, file in content["dead"].items()
        }
        return cls(SearchSpace.from_json(content["space"]), models, dead)
