"""What each hyperparameter does to the valid score by itself: its main effect, level by level.

How much a model of all hyperparameters together leans on each belongs to ``importance``; the
picture belongs to ``aehpo_assets.analysis.plots``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.analysis.configurations import configuration_scores, holds_words
from aehpo_assets.hpo.objectives import VALID_SCORE

MOST_LEVELS = 8
"""A hyperparameter with more distinct values is cut into bins."""

BINS = 6

WORD = "word"
"""Column of the level of a hyperparameter that has words."""

COLUMNS = (
    "hyperparameter",
    "lower",
    "upper",
    "value",
    "configurations",
    "effect",
    "standard_error",
    "explained",
)


def main_effects(results: pd.DataFrame, hyperparameters: Sequence[str]) -> pd.DataFrame:
    """Mean valid score at each level of each hyperparameter, less the mean over all.

    Sampled configurations draw every hyperparameter independently, so that the plain mean at a
    level averages the others out and needs no model: it is the first-order term of a functional
    ANOVA (Hutter et al. 2014, "An efficient approach for assessing hyperparameter importance"),
    estimated directly. This does not hold for configurations that a search has chosen.

    A configuration counts once, averaged over its seeds and tasks, each task less its own mean. A
    run that is not ``ok`` or has no score counts as an AUC of 0.5, as in the blackbox. Values are
    levels where there are at most eight of them, else six bins of equally many configurations.

    Parameters
    ----------
    results
        Run results of one architecture: ``config_id``, the hyperparameters and the valid score;
        ``status`` and ``task`` where there are any.
    hyperparameters
        Columns to judge: numbers, or words, of which each is a level.

    Returns
    -------
    pd.DataFrame
        One row a hyperparameter and level, in that order: ``hyperparameter``, ``lower`` and
        ``upper`` (smallest and largest value in the level), ``value`` (their median),
        ``configurations``, ``effect`` (AUC), ``standard_error`` (NaN with one configuration) and
        ``explained``, the share of the variance between configurations that the levels explain,
        freed of what they would explain by chance (omega squared: around 0 or below means none;
        NaN where it cannot be told). Where a hyperparameter has words there is ``word`` as well,
        empty at numbers; ``lower``, ``upper`` and ``value`` of a word are NaN.

    Raises
    ------
    InputError
        If the results lack a column.
    """
    configurations = configuration_scores(results, hyperparameters)
    parts = [_levels(configurations[name], configurations[VALID_SCORE]) for name in hyperparameters]
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    table = pd.concat(parts, ignore_index=True)
    if WORD not in table:
        return table[list(COLUMNS)]
    return table[[*COLUMNS, WORD]].fillna({WORD: ""})


def _levels(values: pd.Series, score: pd.Series) -> pd.DataFrame:
    """Return one row a level of one hyperparameter."""
    if holds_words(values):
        places, words = pd.factorize(values, sort=True)
        places = pd.Series(places, values.index, name=values.name, dtype="float64")
        levels = _levels_of_numbers(places, score, most=len(words))
        named = np.asarray(words)[levels["value"].astype(int)]
        return levels.assign(**{WORD: named, "lower": np.nan, "upper": np.nan, "value": np.nan})
    return _levels_of_numbers(values, score)


def _levels_of_numbers(
    values: pd.Series, score: pd.Series, most: int = MOST_LEVELS
) -> pd.DataFrame:
    known = np.isfinite(values)
    values, score = values[known], score[known]
    level = level_numbers(values, most)
    centred = score - score.mean()
    by_value, by_score = values.groupby(level), centred.groupby(level)
    return pd.DataFrame(
        {
            "hyperparameter": str(values.name),
            "lower": by_value.min(),
            "upper": by_value.max(),
            "value": by_value.median(),
            "configurations": by_score.size(),
            "effect": by_score.mean(),
            "standard_error": by_score.sem(),
            "explained": _omega_squared(centred, level),
        }
    )


def level_numbers(values: pd.Series, most: int = MOST_LEVELS) -> pd.Series:
    """Number the levels of a hyperparameter from 0, in the order of its values.

    Parameters
    ----------
    values
        Finite numbers, one a configuration.
    most
        With more distinct values they are cut into six bins of equally many configurations.
    """
    if values.nunique() <= most:
        return values.rank(method="dense").astype(int) - 1
    return pd.qcut(values.rank(method="first"), BINS, labels=False)


def _omega_squared(centred: pd.Series, level: pd.Series) -> float:
    """Share of variance explained by the levels, unbiased (Hays 1963)."""
    within_freedom = len(centred) - level.nunique()
    total = float((centred**2).sum())
    if within_freedom < 1 or total == 0:
        return float("nan")
    between = float((centred.groupby(level).transform("mean") ** 2).sum())
    within = max(total - between, 0.0) / within_freedom
    return (between - (level.nunique() - 1) * within) / (total + within)
