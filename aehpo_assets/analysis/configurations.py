"""What each configuration scored: the table that effects and importances are computed from."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import FAILED_SCORE, VALID_SCORE


def configuration_scores(results: pd.DataFrame, hyperparameters: Sequence[str]) -> pd.DataFrame:
    """Hyperparameters and mean valid score of each configuration.

    Parameters
    ----------
    results
        Run results; a run that is not ``ok`` counts as an AUC of 0.5, and where there are several
        tasks, each score less its task's mean.
    hyperparameters
        Columns to keep.

    Returns
    -------
    pandas.DataFrame
        Index ``config_id`` as text, in the order of the results; the hyperparameters, float64 or
        words, and the valid score.

    Raises
    ------
    InputError
        If the results lack a column.
    """
    for name in ("config_id", VALID_SCORE, *hyperparameters):
        if name not in results:
            raise InputError("run results lack a column", key=name)
    score = pd.to_numeric(results[VALID_SCORE], errors="coerce").astype("float64")
    if "status" in results:
        score = score.where(results["status"] == "ok")
    score = score.where(np.isfinite(score)).fillna(FAILED_SCORE)
    if "task" in results:
        score = score - score.groupby(results["task"]).transform("mean")
    names = list(hyperparameters)
    numbers = [name for name in names if not holds_words(results[name])]
    table = results[names].astype(dict.fromkeys(numbers, "float64")).assign(**{VALID_SCORE: score})
    rules = dict.fromkeys(names, "first") | {VALID_SCORE: "mean"}
    return table.groupby(results["config_id"].astype(str), sort=False).agg(rules)


def holds_words(values: pd.Series) -> bool:
    """Whether a column holds words, such as the names of optimisers, and no numbers."""
    return (
        not pd.api.types.is_numeric_dtype(values)
        and pd.to_numeric(values, errors="coerce").isna().all()
    )


def as_numbers(values: pd.Series) -> pd.Series:
    """Return a hyperparameter as numbers: words are numbered by the alphabet."""
    if not holds_words(values):
        return values
    return pd.Series(pd.factorize(values, sort=True)[0], values.index)
