"""Validated runs with scores that can be compared, and those of an origin's best candidate."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.hpo.objectives import FAILED_SCORE, VALID_SCORE


def scored_runs(validated: pd.DataFrame) -> pd.DataFrame:
    """Return validated runs with finite scores: runs without one count as 0.5.

    Parameters
    ----------
    validated
        As for :func:`aehpo_assets.analysis.validation_summary.recommendation_summary`, with or
        without the test score.

    Returns
    -------
    pandas.DataFrame
        The same rows; scores float64, ``config_id`` text, and ``failed`` for runs that
        diverged, failed or lack a score.
    """
    status = validated.get("status", pd.Series("ok", index=validated.index))
    scores = {}
    failed = status != "ok"
    for name in [score for score in SCORES if score in validated]:
        values = pd.to_numeric(validated[name], errors="coerce").astype("float64")
        values = values.where(np.isfinite(values) & (status == "ok"))
        failed = failed | values.isna()
        scores[name] = values.fillna(FAILED_SCORE)
    return validated.assign(config_id=validated["config_id"].astype(str), **scores, failed=failed)


def best_runs(runs: pd.DataFrame, origin: str) -> pd.DataFrame:
    """Return the runs of an origin's best candidate by mean valid score; of equal ones the first.

    Parameters
    ----------
    runs
        Output of :func:`scored_runs`, of one architecture and task.
    origin
        A key of :data:`aehpo_assets.analysis.names.ORIGIN_NAMES`.
    """
    of_origin = runs[runs["origin"] == origin]
    if of_origin.empty:
        return of_origin
    means = of_origin.groupby("config_id", sort=False)[VALID_SCORE].mean()
    return of_origin[of_origin["config_id"] == means.idxmax()]
