"""How far a surrogate can be trusted: predictions out of fold, their errors, their intervals.

Everything here is measured on configurations that the model did not see, by the mean of their
runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.noise.words import KNOWN, NOT_KNOWN

if TYPE_CHECKING:
    from aehpo_assets.hpo.surrogate.means import ConfigurationMeans
    from aehpo_assets.hpo.surrogate.regressors import HeldOut

INTERVAL = 0.9
"""Nominal coverage of the intervals."""

FOLDS = 5


def folds_of(configurations: int, folds: int = FOLDS) -> np.ndarray:
    """Assign every configuration to a fold.

    Returns
    -------
    numpy.ndarray
        (configurations,) fold numbers; all zero if there is only one.
    """
    return np.arange(configurations) % min(folds, max(configurations, 1))


def out_of_fold_frame(
    task: str, objective: str, means: ConfigurationMeans, held_out: HeldOut
) -> pd.DataFrame:
    """Put what was predicted of each configuration beside the mean that came out.

    Returns
    -------
    pandas.DataFrame
        One row a configuration: ``task, objective, noise`` (known, or *noise not known*),
        ``config_id, replicates, actual`` (mean), ``predicted, lower, upper`` on the objective's own
        scale, and ``deviations``, how many standard deviations the mean lies from its prediction on
        the model scale. Interval and deviations are those of a mean of so many replicates: its
        noise is included.
    """
    own = OBJECTIVE[objective].from_model_scale
    deviation = np.sqrt(held_out.variance + means.of_means)
    half = _normal_quantile(INTERVAL) * deviation
    gaps = means.y - held_out.mean
    with np.errstate(invalid="ignore", divide="ignore"):
        deviations = np.where(gaps == 0, 0.0, gaps / deviation)
    return pd.DataFrame(
        {
            "task": task,
            "objective": objective,
            "noise": KNOWN if means.noise_known else NOT_KNOWN,
            "config_id": means.config_ids,
            "replicates": means.replicates.astype("int64"),
            "actual": own(means.y),
            "predicted": own(held_out.mean),
            "lower": own(held_out.mean - half),
            "upper": own(held_out.mean + half),
            "deviations": deviations,
        }
    )


def _normal_quantile(level: float) -> float:
    """Deviations from the mean within which so much of a normal distribution lies."""
    from scipy.stats import norm

    return float(norm.ppf(0.5 + level / 2))


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
    """Measure how often intervals of several levels hold the mean that came out.

    Parameters
    ----------
    out_of_fold
        Out-of-fold predictions as :func:`aehpo_assets.hpo.surrogate.fit.fit_surrogate`
        returns them.
    levels
        Nominal coverages.

    Returns
    -------
    pandas.DataFrame
        ``task, objective, noise, level, coverage``; NaN where nothing was held out.
    """
    rows = []
    for (task, objective), frame in out_of_fold.groupby(["task", "objective"], sort=False):
        deviations = frame["deviations"].abs()
        measured = deviations.notna().all()
        for level in levels:
            inside = float((deviations <= _normal_quantile(level)).mean())
            coverage = inside if measured else float("nan")
            rows.append((task, objective, frame["noise"].iloc[0], level, coverage))
    return pd.DataFrame(rows, columns=["task", "objective", "noise", "level", "coverage"])


def worst_regions(
    out_of_fold: pd.DataFrame, evaluations: pd.DataFrame, hyperparameters: list[str]
) -> pd.DataFrame:
    """Find where each model errs most: the quarter of a hyperparameter with the largest error.

    Of a hyperparameter that has words, each is a region.

    Returns
    -------
    pandas.DataFrame
        One row per task and objective: ``task, objective, hyperparameter, lower, upper, rmse``
        inside that region and ``rmse_overall``; ``word`` as well where it is one, whose bounds are
        NaN.
    """
    known = evaluations.drop_duplicates(["task", "config_id"])[
        ["task", "config_id", *hyperparameters]
    ]
    joined = out_of_fold.merge(known, on=["task", "config_id"])
    joined["squared"] = (joined["actual"] - joined["predicted"]) ** 2
    rows = []
    for (task, objective), frame in joined.groupby(["task", "objective"], sort=False):
        worst: tuple[float, str, float, float, str] | None = None
        for name in hyperparameters:
            values = frame[name]
            words = not pd.api.types.is_numeric_dtype(values)
            regions = values if words else pd.qcut(values, 4, labels=False, duplicates="drop")
            for region, errors in frame["squared"].groupby(regions):
                error = float(np.sqrt(errors.mean()))
                if worst is None or error > worst[0]:
                    inside = values[regions == region]
                    bounds = (np.nan,) * 2 if words else (float(inside.min()), float(inside.max()))
                    worst = (error, name, *bounds, str(region) if words else "")
        if worst is not None:
            overall = float(np.sqrt(frame["squared"].mean()))
            rows.append((task, objective, *worst[1:4], worst[0], overall, worst[4]))
    columns = ["task", "objective", "hyperparameter", "lower", "upper", "rmse", "rmse_overall"]
    table = pd.DataFrame(rows, columns=[*columns, "word"])
    return table if (table["word"] != "").any() else table[columns]
