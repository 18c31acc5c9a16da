"""How far a surrogate can be trusted: predictions out of fold, their errors, their intervals.

Everything here is measured on runs whose configuration the model did not see.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE

INTERVAL = 0.9
"""Nominal coverage of the prediction intervals."""

FOLDS = 5


def group_folds(config_ids: pd.Series, folds: int = FOLDS) -> np.ndarray:
    """Assign every run to a fold; all runs of a configuration share one.

    Returns
    -------
    numpy.ndarray
        (runs,) fold numbers; all zero if there is only one configuration.
    """
    codes, unique = pd.factorize(config_ids)
    return codes % min(folds, max(len(unique), 1))


def conformal_margins(residuals: np.ndarray, interval: float = INTERVAL) -> tuple[float, float]:
    """Lower and upper residual quantile, with the finite-sample correction of conformal margins."""
    known = residuals[np.isfinite(residuals)]
    if not len(known):
        return 0.0, 0.0
    tail = (1 - interval) / 2
    level = min(1.0, (1 - tail) * (1 + 1 / len(known)))
    return float(np.quantile(known, 1 - level)), float(np.quantile(known, level))


def out_of_fold_frame(
    runs: pd.DataFrame, objective: str, y: np.ndarray, held_out: np.ndarray, folds: np.ndarray
) -> pd.DataFrame:
    """Out-of-fold predictions on the objective's own scale; intervals from the other folds."""
    lower, upper = held_out.copy(), held_out.copy()
    for fold in np.unique(folds):
        held = folds == fold
        low, high = conformal_margins((y - held_out)[~held])
        lower[held] += low
        upper[held] += high
    on_own_scale = OBJECTIVE[objective].from_model_scale
    return pd.DataFrame(
        {
            "task": runs["task"].to_numpy(),
            "objective": objective,
            "config_id": runs["config_id"].to_numpy(),
            "seed": runs["seed"].to_numpy(),
            "actual": runs[objective].to_numpy(),
            "predicted": on_own_scale(held_out),
            "lower": on_own_scale(lower),
            "upper": on_own_scale(upper),
        }
    )


def accuracy(frame: pd.DataFrame) -> dict[str, float]:
    """Summarise out-of-fold predictions: R2, RMSE, Spearman's correlation, coverage.

    R2 is NaN where all actual values are equal, Spearman's correlation also where all predicted
    ones are.
    """
    actual, predicted = frame["actual"].to_numpy(), frame["predicted"].to_numpy()
    if not np.isfinite(predicted).all() or len(actual) < 2:
        return dict.fromkeys(("r2", "rmse", "spearman", "coverage"), float("nan"))
    errors = actual - predicted
    spread = float(((actual - actual.mean()) ** 2).sum())
    ranks = frame[["actual", "predicted"]].rank()
    inside = (frame["actual"] >= frame["lower"]) & (frame["actual"] <= frame["upper"])
    return {
        "r2": 1 - float((errors**2).sum()) / spread if spread > 0 else float("nan"),
        "rmse": float(np.sqrt((errors**2).mean())),
        "spearman": float(ranks["actual"].corr(ranks["predicted"]))
        if ranks.nunique().min() > 1
        else float("nan"),
        "coverage": float(inside.mean()),
    }


def calibration(
    out_of_fold: pd.DataFrame, levels: tuple[float, ...] = (0.5, 0.8, 0.9, 0.95)
) -> pd.DataFrame:
    """Measure how often prediction intervals of several levels hold the truth.

    The margins of a fold come from the residuals of the other folds.

    Parameters
    ----------
    out_of_fold
        Out-of-fold predictions as :func:`aehpo_assets.hpo.surrogate.surrogate.fit_surrogate`
        returns them.
    levels
        Nominal coverages.

    Returns
    -------
    pandas.DataFrame
        ``task, objective, level, coverage``.
    """
    rows = []
    for (task, objective), frame in out_of_fold.groupby(["task", "objective"], sort=False):
        on_model_scale = OBJECTIVE[str(objective)].to_model_scale
        actual = on_model_scale(frame["actual"].to_numpy())
        residuals = actual - on_model_scale(frame["predicted"].to_numpy())
        folds = group_folds(frame["config_id"])
        for level in levels:
            inside = np.zeros(len(frame), dtype=bool)
            for fold in np.unique(folds):
                low, high = conformal_margins(residuals[folds != fold], level)
                held = folds == fold
                inside[held] = (residuals[held] >= low) & (residuals[held] <= high)
            rows.append((task, objective, level, float(inside.mean())))
    return pd.DataFrame(rows, columns=["task", "objective", "level", "coverage"])


def worst_regions(
    out_of_fold: pd.DataFrame, evaluations: pd.DataFrame, hyperparameters: list[str]
) -> pd.DataFrame:
    """Find where each model errs most: the quarter of a hyperparameter with the largest error.

    Returns
    -------
    pandas.DataFrame
        One row per task and objective: ``task, objective, hyperparameter, lower, upper, rmse``
        inside that region and ``rmse_overall``.
    """
    known = evaluations.drop_duplicates(["task", "config_id"])[
        ["task", "config_id", *hyperparameters]
    ]
    joined = out_of_fold.merge(known, on=["task", "config_id"])
    joined["squared"] = (joined["actual"] - joined["predicted"]) ** 2
    rows = []
    for (task, objective), frame in joined.groupby(["task", "objective"], sort=False):
        worst: tuple[float, str, float, float] | None = None
        for name in hyperparameters:
            values = frame[name]
            quarters = pd.qcut(values, 4, labels=False, duplicates="drop")
            for quarter, errors in frame["squared"].groupby(quarters):
                error = float(np.sqrt(errors.mean()))
                if worst is None or error > worst[0]:
                    inside = values[quarters == quarter]
                    worst = (error, name, float(inside.min()), float(inside.max()))
        if worst is not None:
            overall = float(np.sqrt(frame["squared"].mean()))
            rows.append((task, objective, worst[1], worst[2], worst[3], worst[0], overall))
    columns = ["task", "objective", "hyperparameter", "lower", "upper", "rmse", "rmse_overall"]
    return pd.DataFrame(rows, columns=columns)
