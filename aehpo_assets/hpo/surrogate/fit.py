"""Fitting the surrogate: one model per task and objective, and its honesty out of fold.

Which numbers a run counts as belongs to ``evaluations``; the means and their noise to ``means``;
choosing the model of an objective to ``regressors``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import OBJECTIVE, OBJECTIVES, Objective
from aehpo_assets.hpo.surrogate.diagnostics import (
    FOLDS,
    accuracy,
    folds_of,
    out_of_fold_frame,
)
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.hpo.surrogate.means import configuration_means, with_likely_noise
from aehpo_assets.hpo.surrogate.regressors import (
    GAUSSIAN_PROCESS,
    REGRESSORS,
    Means,
    ObjectiveModel,
    fit_objective,
)
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.surrogate.trees import (
    XGBoostRegressor,
    failure_classifier,
)
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed


def training_table(
    results: Mapping[str, pd.DataFrame],
    space: SearchSpace,
    validated: Mapping[str, pd.DataFrame] | None = None,
    objectives: Sequence[Objective] = OBJECTIVES,
) -> pd.DataFrame:
    """Join sampled and validated runs into the long table that the surrogate is fitted on.

    A run (task, configuration, seed) that occurs in both counts once. Of the ``objectives``, those
    beyond :data:`aehpo_assets.hpo.objectives.OBJECTIVES` are what searches are after
    (:func:`aehpo_assets.hpo.after.objectives_for`).
    """
    joined = {}
    for task, runs in results.items():
        extra = (validated or {}).get(task)
        parts = [runs] if extra is None or extra.empty else [runs, extra]
        both = pd.concat([part.assign(config_id=part["config_id"].astype(str)) for part in parts])
        joined[task] = both.drop_duplicates(["config_id", "seed"], ignore_index=True)
    return evaluation_table(joined, space, objectives)


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
        Of :data:`aehpo_assets.hpo.surrogate.regressors.REGRESSORS`; the preferred one
        first: each objective gets the one under which the means of configurations that it did not
        see are most likely, and clearly so if it is a later one.
    folds
        Number of folds; 1 leaves all measuring out and takes the first candidate, which for trees
        then has no intervals and knows no noise but a measured one.

    Returns
    -------
    surrogate : Surrogate
    diagnostics : pandas.DataFrame
        One row per task and objective: ``task, objective, model, runs, configurations,
        noise_known`` (whether replicates measured the noise of a run; if not, it is what is most
        likely, and no less than on any task where it was), ``noise`` (standard deviation of a
        replicate, on the model scale), ``r2, rmse, spearman, coverage`` (of the 90 % interval, the
        noise of the means included), all of them of means out of fold, on the objective's own
        scale, NaN where fewer than two configurations make them meaningless; ``r2_ceiling`` (the
        reliability of the means: the highest R2 that the truth itself would have; NaN where the
        noise is not known); and ``log_likelihood_<candidate>``, by which the model was chosen.
    out_of_fold : pandas.DataFrame
        One row per configuration and objective, of
        :func:`aehpo_assets.hpo.surrogate.diagnostics.out_of_fold_frame`.

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
    by_task = dict(iter(evaluations.groupby("task", sort=False)))
    objectives = [name for name in OBJECTIVE if name in evaluations]
    measured = {
        (task, name): configuration_means(runs, name)
        for task, runs in by_task.items()
        for name in objectives
    }
    models: dict[tuple[str, str], ObjectiveModel] = {}
    dead: dict[str, XGBoostRegressor] = {}
    rows, predictions = [], []
    for task, runs in by_task.items():
        X = encoder.matrix(runs.drop_duplicates("config_id"))
        fold_of = folds_of(len(X), folds)
        for objective in objectives:
            model_seed = named_seed(seed, "surrogate", task, objective)
            means, kernel = measured[task, objective], None
            if not means.noise_known and (folds > 1 or GAUSSIAN_PROCESS in candidates):
                same = [m for (_, other), m in measured.items() if other == objective]
                known = [m.noise for m in same if m.noise_known]
                means, kernel = with_likely_noise(means, X, model_seed, known)
            name, posterior, held_out, likely = fit_objective(
                Means(X, means.y, means.of_means, means.degrees),
                *(fold_of, model_seed, candidates, kernel),
            )
            models[task, objective] = ObjectiveModel(
                name, posterior, means.noise, means.noise_known
            )
            frame = out_of_fold_frame(task, objective, means, held_out)
            predictions.append(frame)
            rows.append(
                {
                    "task": task,
                    "objective": objective,
                    "model": name,
                    "runs": len(runs),
                    "configurations": len(X),
                    "noise_known": means.noise_known,
                    "noise": float(np.sqrt(means.noise)),
                }
                | accuracy(frame)
                | {"r2_ceiling": means.reliability}
                | {f"log_likelihood_{name}": value for name, value in likely.items()}
            )
        if "dead" in runs:
            dead[task] = failure_classifier(named_seed(seed, "dead", task)).fit(
                encoder.matrix(runs), runs["dead"].to_numpy("float64")
            )
    surrogate = Surrogate(space, models, dead)
    return surrogate, pd.DataFrame(rows), pd.concat(predictions, ignore_index=True)
