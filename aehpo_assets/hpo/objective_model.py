"""The model of one objective on one task: chosen out of fold, with its residuals.

Fitting all of them belongs to ``surrogate``; what the candidates are to ``regressors``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aehpo_assets.hpo.regressors import REGRESSORS, Regressor
from aehpo_assets.hpo.surrogate_diagnostics import conformal_margins

RESIDUAL_LEVELS = 101
"""Number of quantiles, from 0 to 1, by which the out-of-fold residuals are kept."""


@dataclass(frozen=True)
class ObjectiveModel:
    """A fitted model and what it leaves unexplained.

    Attributes
    ----------
    name
        Key of :data:`aehpo_assets.hpo.regressors.REGRESSORS`.
    regressor
        The fitted model, on the model scale.
    margins
        Lower and upper margin of the 90 % prediction interval of a run, on the model scale.
    residuals
        Quantiles of the out-of-fold residuals, ascending, on the model scale.
    """

    name: str
    regressor: Regressor
    margins: tuple[float, float]
    residuals: tuple[float, ...]


def fit_objective(
    X: np.ndarray, y: np.ndarray, folds: np.ndarray, seed: int, candidates: Sequence[str]
) -> tuple[ObjectiveModel, np.ndarray, dict[str, float]]:
    """Fit the candidate that predicts unseen configurations best.

    Parameters
    ----------
    X, y
        Encoded configurations and values on the model scale.
    folds
        Fold of every row; rows of one configuration share theirs.
    seed
        Seed of the models.
    candidates
        Keys of :data:`aehpo_assets.hpo.regressors.REGRESSORS`; the first wins a tie.

    Returns
    -------
    model : ObjectiveModel
    held_out : numpy.ndarray
        Out-of-fold predictions of the chosen model.
    errors : dict
        Candidate to its out-of-fold root mean squared error, on the model scale.
    """
    held_out = {name: out_of_fold_predictions(name, X, y, folds, seed) for name in candidates}
    errors = {name: float(np.sqrt(((y - p) ** 2).mean())) for name, p in held_out.items()}
    # NaN (a single fold) compares as false, so that the first candidate stays.
    best = candidates[0]
    for name in candidates[1:]:
        if errors[name] < errors[best]:
            best = name
    residuals = y - held_out[best]
    known = residuals[np.isfinite(residuals)]
    levels = np.linspace(0, 1, RESIDUAL_LEVELS)
    model = ObjectiveModel(
        name=best,
        regressor=REGRESSORS[best](seed).fit(X, y),
        margins=conformal_margins(residuals),
        residuals=tuple(np.quantile(known, levels).tolist()) if len(known) else (0.0, 0.0),
    )
    return model, held_out[best], errors


def out_of_fold_predictions(
    name: str, X: np.ndarray, y: np.ndarray, folds: np.ndarray, seed: int
) -> np.ndarray:
    """Predict every run by a model that saw no run of its configuration; NaN with one fold."""
    predicted = np.full(len(y), np.nan)
    if folds.max(initial=0) == 0:
        return predicted
    for fold in np.unique(folds):
        held = folds == fold
        predicted[held] = REGRESSORS[name](seed).fit(X[~held], y[~held]).predict(X[held])
    return predicted
