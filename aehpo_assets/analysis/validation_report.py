"""Whether what was predicted came out, and what it was worth, over all tasks of an architecture.

One task by itself belongs to ``validation_summary``; the picture to ``plots.validation``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.analysis.improvement import (
    BEATS,
    DOES_NOT_BEAT,
    UNDECIDED,
    Improvement,
    mean_interval,
)
from aehpo_assets.analysis.names import BEST_SAMPLED, RECOMMENDED, UNTUNED_DEFAULT
from aehpo_assets.analysis.validation_summary import best_runs, gain, scored_runs
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE

SCORES = (VALID_SCORE, TEST_SCORE)
ALL_TASKS = "all tasks"
WITHIN_TASKS = "within tasks"

_FEWEST = 3
"""Fewest points whose correlation says something: that of two is 1 or -1."""


def predictions(validated: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Put what was predicted of every recommended configuration beside what came out.

    Parameters
    ----------
    validated
        Task to validated recommendations: one row a candidate and seed.

    Returns
    -------
    pandas.DataFrame
        One row a score (valid, test), task and configuration: ``score, task, config_id, rank,
        searcher, transfer, seeds, failed_runs, predicted, lower, upper`` (90 % interval of a
        single run), ``actual`` (mean over the seeds; runs without a score count as 0.5),
        ``standard_error`` (NaN with one seed) and ``inside`` (whether the mean lies in the
        interval, which happens more often than for a single run, as a mean varies less).
    """
    rows = []
    for task, table in validated.items():
        runs = scored_runs(table)
        recommended = runs[runs["origin"] == RECOMMENDED]
        for config_id, own in recommended.groupby("config_id", sort=False):
            first = own.iloc[0]
            rows += [
                {
                    "score": score,
                    "task": task,
                    "config_id": config_id,
                    "rank": int(first["rank"]),
                    "searcher": first["searcher"],
                    "transfer": bool(first["transfer"]),
                    "seeds": len(own),
                    "failed_runs": int(own["failed"].sum()),
                    "predicted": float(first[f"predicted_{score}"]),
                    "lower": float(first[f"predicted_{score}_lower"]),
                    "upper": float(first[f"predicted_{score}_upper"]),
                    "actual": float(own[score].mean()),
                    "standard_error": float(own[score].sem()),
                }
                for score in SCORES
            ]
    table = pd.DataFrame(rows)
    table["inside"] = table["actual"].between(table["lower"], table["upper"])
    valid_first = table["score"].eq(TEST_SCORE).argsort(kind="stable")
    return table.iloc[valid_first].reset_index(drop=True)


def accuracy(predicted: pd.DataFrame) -> pd.DataFrame:
    """Measure how far predictions of recommended configurations hold.

    A recommendation is where the surrogate promises most, so that it is where its errors in favour
    of a configuration gather: a positive bias is to be expected, and worth knowing.

    Parameters
    ----------
    predicted
        Output of :func:`predictions`.

    Returns
    -------
    pandas.DataFrame
        One row a score and task, then ``all tasks`` and ``within tasks`` (each less the mean of
        its task, which leaves what tells configurations of one task apart): ``score, task,
        configurations, pearson, spearman`` (NaN for fewer than three configurations), ``bias``
        (mean of predicted less actual), ``rmse``, ``inside`` (share of the means inside the 90 %
        interval of a single run) and ``beyond`` (whether the mean actual score lies outside the
        mean interval). What the task's mean would decide is NaN within tasks.
    """
    rows = []
    for score in SCORES:
        rows_of_score = predicted[predicted["score"] == score]
        for task, own in rows_of_score.groupby("task", sort=False):
            rows.append({"score": score, "task": task} | _accuracy(own))
        rows.append({"score": score, "task": ALL_TASKS} | _accuracy(rows_of_score))
        numbers = ["predicted", "actual"]
        means = rows_of_score.groupby("task")[numbers].transform("mean")
        centred = rows_of_score.assign(**(rows_of_score[numbers] - means))
        within = _accuracy(centred) | {"bias": math.nan, "inside": math.nan, "beyond": False}
        rows.append({"score": score, "task": WITHIN_TASKS} | within)
    return pd.DataFrame(rows)


def _accuracy(rows: pd.DataFrame) -> dict[str, float | int | bool]:
    error = rows["predicted"] - rows["actual"]
    means = rows[["lower", "actual", "upper"]].mean()
    return {
        "configurations": len(rows),
        "pearson": _correlation(rows["predicted"], rows["actual"]),
        "spearman": _correlation(rows["predicted"].rank(), rows["actual"].rank()),
        "bias": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "inside": float(rows["inside"].mean()),
        "beyond": not means["lower"] <= means["actual"] <= means["upper"],
    }


def _correlation(one: pd.Series, other: pd.Series) -> float:
    if len(one) < _FEWEST or min(np.ptp(one), np.ptp(other)) < 1e-12:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def improvements(validated: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Compare the recommendation of every task with its opponents.

    Parameters
    ----------
    validated
        Task to validated recommendations.

    Returns
    -------
    pandas.DataFrame
        One row a task, opponent (``best_sampled``, ``untuned_default``) and score: ``task,
        config_id, opponent, opponent_config_id, score, improvement, lower, upper`` (95 % over
        seeds), ``seeds`` and ``outcome`` in words. Opponents that were not validated are left out.
    """
    rows = []
    for task, table in validated.items():
        runs = scored_runs(table)
        recommended = best_runs(runs, RECOMMENDED)
        for opponent in (BEST_SAMPLED, UNTUNED_DEFAULT):
            other = best_runs(runs, opponent)
            found = gain(recommended, other, opponent)
            if found is None:
                continue
            for score, difference in zip(SCORES, (found.valid, found.test), strict=True):
                rows.append(
                    {
                        "task": task,
                        "config_id": recommended["config_id"].iloc[0],
                        "opponent": opponent,
                        "opponent_config_id": other["config_id"].iloc[0],
                        "score": score,
                        **_as_row(difference),
                        "outcome": difference.outcome,
                    }
                )
    return pd.DataFrame(rows)


def improved_tasks(compared: pd.DataFrame) -> pd.DataFrame:
    """Count on how many tasks the recommendation is better, and by how much over all of them.

    Parameters
    ----------
    compared
        Output of :func:`improvements`.

    Returns
    -------
    pandas.DataFrame
        One row an opponent and score: ``opponent, score, tasks, beats, cannot be told apart from,
        does not beat, improvement, lower, upper``: the mean over the tasks with its 95 % interval
        over them, which covers the chance of training and that of the tasks, as far as a few tasks
        that share samples can.
    """
    rows = []
    for (opponent, score), own in compared.groupby(["opponent", "score"], sort=False):
        counts = own["outcome"].value_counts()
        overall = _as_row(mean_interval(own["improvement"]))
        rows.append(
            {
                "opponent": opponent,
                "score": score,
                "tasks": overall.pop("seeds"),
                **{name: int(counts.get(name, 0)) for name in (BEATS, UNDECIDED, DOES_NOT_BEAT)},
                **overall,
            }
        )
    return pd.DataFrame(rows)


def _as_row(difference: Improvement) -> dict[str, float | int]:
    return {
        "improvement": difference.mean,
        "lower": difference.lower,
        "upper": difference.upper,
        "seeds": difference.seeds,
    }
