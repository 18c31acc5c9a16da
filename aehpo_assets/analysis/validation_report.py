"""Whether what was predicted came out, and what it was worth, over all tasks of an architecture.

One task by itself belongs to ``validation_summary``; the picture to ``plots.validation``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from aehpo_assets.analysis.improvement import mean_difference
from aehpo_assets.analysis.names import BASELINE, RECOMMENDED
from aehpo_assets.analysis.validated_runs import scored_runs
from aehpo_assets.analysis.validation_summary import (
    Candidate,
    Gain,
    RecommendationSummary,
)
from aehpo_assets.hpo.columns import SCORES, TEST_SCORE, VALID_SCORE
from aehpo_assets.noise.pooled import replicate_noise
from aehpo_assets.noise.power import quantile
from aehpo_assets.noise.verdict import (
    BETTER,
    EQUAL,
    NOT_YET,
    WORSE,
    Difference,
    Verdict,
    verdicts,
)

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
        One row a task and configuration: ``task, config_id, rank, searcher, transfer, seeds,
        failed_runs, noise`` (known, or *noise not known* to what predicted it), ``predicted, lower,
        upper`` of the valid score (90 % interval of the true mean), ``actual`` (mean over the
        seeds; runs without a score count as 0.5), ``standard_error`` (of the mean, by the noise
        pooled over the autoencoders of the task; NaN where it is not known) and ``inside``: whether
        the mean lies where 90 % of such means should, its own noise included.
    """
    rows = []
    for task, table in validated.items():
        runs = scored_runs(table)
        noise = replicate_noise(runs, VALID_SCORE)
        recommended = runs[runs["origin"] == RECOMMENDED]
        for config_id, own in recommended.groupby("config_id", sort=False):
            first = own.iloc[0]
            rows.append(
                {
                    "task": task,
                    "config_id": config_id,
                    "rank": int(first["rank"]),
                    "searcher": first["searcher"],
                    "transfer": bool(first["transfer"]),
                    "seeds": len(own),
                    "failed_runs": int(own["failed"].sum()),
                    "noise": first["predicted_noise"],
                    "predicted": float(first[f"predicted_{VALID_SCORE}"]),
                    "lower": float(first[f"predicted_{VALID_SCORE}_lower"]),
                    "upper": float(first[f"predicted_{VALID_SCORE}_upper"]),
                    "actual": float(own[VALID_SCORE].mean()),
                    "standard_error": math.nan if noise is None else noise.error(len(own)),
                }
            )
    table = pd.DataFrame(rows)
    table["inside"] = _within(table, table["standard_error"])
    return table


def _within(rows: pd.DataFrame, errors: pd.Series) -> pd.Series:
    """Whether actual means lie in the intervals of the true ones, widened by their own noise."""
    gaps = rows["actual"] - rows["predicted"]
    ends = rows["upper"].where(gaps > 0, rows["lower"]) - rows["predicted"]
    of_runs = quantile(0.95, math.inf) * errors.fillna(0.0)
    return gaps.abs() <= np.hypot(ends, of_runs)


def accuracy(predicted: pd.DataFrame) -> pd.DataFrame:
    """Measure how far predictions of recommended configurations hold.

    A recommendation is where the surrogate promises most, so that it is where its errors in favour
    of a configuration would gather. A posterior mean has taken that into account, as far as its
    model is right: a bias beyond chance says that it is not.

    Parameters
    ----------
    predicted
        Output of :func:`predictions`.

    Returns
    -------
    pandas.DataFrame
        One row a task, then ``all tasks`` and ``within tasks`` (each less the mean of
        its task, which leaves what tells configurations of one task apart): ``task,
        configurations, pearson, spearman`` (NaN for fewer than three configurations), ``bias``
        (mean of predicted less actual), ``rmse``, ``inside`` (share of the means that lie where
        90 % of them should) and ``beyond`` (whether the mean of all of them does not). What the
        task's mean would decide is NaN within tasks.
    """
    rows = [{"task": task} | _accuracy(own) for task, own in predicted.groupby("task", sort=False)]
    numbers = ["predicted", "actual"]
    means = predicted.groupby("task")[numbers].transform("mean")
    centred = predicted.assign(**(predicted[numbers] - means))
    within = _accuracy(centred) | {"bias": math.nan, "inside": math.nan, "beyond": False}
    rows += [
        {"task": ALL_TASKS} | _accuracy(predicted),
        {"task": WITHIN_TASKS} | within,
    ]
    return pd.DataFrame(rows)


def _accuracy(rows: pd.DataFrame) -> dict[str, float | int | bool]:
    error = rows["predicted"] - rows["actual"]
    means = rows[["predicted", "lower", "actual", "upper"]].mean().to_frame().T
    # What was trained in the same replicates shares nothing of this noise: splits are out of it.
    errors = np.sqrt((rows["standard_error"] ** 2).mean() / len(rows))
    return {
        "configurations": len(rows),
        "pearson": _correlation(rows["predicted"], rows["actual"]),
        "spearman": _correlation(rows["predicted"].rank(), rows["actual"].rank()),
        "bias": float(error.mean()),
        "rmse": float(np.sqrt((error**2).mean())),
        "inside": float(rows["inside"].mean()),
        "beyond": not _within(means, pd.Series(errors, index=means.index)).all(),
    }


def _correlation(one: pd.Series, other: pd.Series) -> float:
    if len(one) < _FEWEST or min(np.ptp(one), np.ptp(other)) < 1e-12:
        return math.nan
    return float(np.corrcoef(one, other)[0, 1])


def candidates(summaries: Mapping[str, RecommendationSummary]) -> pd.DataFrame:
    """List the candidate of each origin and the baselines of every task, with what they score.

    Parameters
    ----------
    summaries
        Task to its summary.

    Returns
    -------
    pandas.DataFrame
        One row a task and candidate: ``task, origin`` (``baseline`` for these), ``name,
        predicted_valid, predicted_noise`` (known, or *noise not known* to what predicted it;
        missing where nothing was predicted), ``valid, valid_error, test, test_error`` (standard
        errors, NaN where the noise is not known), ``runs, failed_runs``.
    """
    rows = []
    for task, summary in summaries.items():
        named = [*summary.candidates.items(), *((BASELINE, one) for one in summary.baselines)]
        rows += [{"task": task, "origin": origin} | _of_candidate(one) for origin, one in named]
    columns = ["task", "origin", "name", "predicted_valid", "predicted_noise"]
    columns += ["valid", "valid_error"]
    columns += ["test", "test_error", "runs", "failed_runs"]
    return pd.DataFrame(rows, columns=columns)


def _of_candidate(candidate: Candidate) -> dict[str, object]:
    return {
        "name": candidate.name,
        "predicted_valid": candidate.predicted_valid,
        "predicted_noise": candidate.predicted_noise,
        "valid": candidate.valid.mean,
        "valid_error": candidate.valid.standard_error,
        "test": candidate.test.mean,
        "test_error": candidate.test.standard_error,
        "runs": candidate.runs,
        "failed_runs": candidate.failed_runs,
    }


def improvements(summaries: Mapping[str, RecommendationSummary]) -> pd.DataFrame:
    """Compare the recommendation of every task with its opponents.

    The verdicts on a score are given for all rows together, so that of studies in which nothing is
    better or worse at most 5 % say so anywhere.

    Parameters
    ----------
    summaries
        Task to its summary.

    Returns
    -------
    pandas.DataFrame
        One row a task, opponent (``best_sampled``, ``untuned_default``, ``baseline``) and score:
        ``task, opponent, against`` (its name in sentences), ``config_id, opponent_config_id,
        score, improvement, standard_error, degrees`` (of freedom), ``lower, upper`` (95 %, of this
        row alone), ``replicates, tested`` (whether the noise is known), ``outcome`` (``better``,
        ``worse``, ``equal`` or ``not yet``), ``p`` (adjusted), ``more`` (replicates that would
        decide a difference as large as this; missing where no number would) and ``decidable`` (the
        smallest gain that is found with a power of 80 %). Of the test score, ``new_patients``:
        the outcome once the chance that drew the test samples is counted too, with its
        ``new_patients_error``, ``new_patients_lower`` and ``new_patients_upper`` (95 %); missing
        where it is not known. Opponents that were not validated are left out.
    """
    gains = [(task, gain) for task, summary in summaries.items() for gain in summary.gains]
    parts = []
    for score in SCORES:
        found = verdicts([gain.differences[score] for _, gain in gains])
        parts += [
            _row(task, gain, score, verdict)
            for (task, gain), verdict in zip(gains, found, strict=True)
        ]
    table = pd.DataFrame(parts, columns=_IMPROVEMENTS[: -len(NEW_PATIENTS)])
    return table.astype({"more": "Int64"}).assign(**_for_new_patients(gains, table))


def _for_new_patients(
    gains: Sequence[tuple[str, Gain]], rows: pd.DataFrame
) -> dict[str, pd.Series]:
    """Say of the differences on test what holds for new patients: a family of verdicts of its own.

    Returns
    -------
    dict of str to pandas.Series
        The columns :data:`NEW_PATIENTS`, missing on valid and where nothing is known.
    """
    known = [(at, gain.for_new_patients) for at, (_, gain) in enumerate(gains)]
    widened = {at: one for at, one in known if one is not None}
    found = dict(zip(widened, verdicts(list(widened.values())), strict=True))
    on_test = rows.index[rows["score"] == TEST_SCORE]
    columns = {name: pd.Series(math.nan, index=rows.index) for name in NEW_PATIENTS[1:]}
    outcomes = pd.Series(pd.NA, index=rows.index, dtype="str")
    for at, verdict in found.items():
        row = on_test[at]
        outcomes[row] = verdict.outcome
        columns["new_patients_error"][row] = verdict.difference.error
        bounds = verdict.difference.interval()
        columns["new_patients_lower"][row], columns["new_patients_upper"][row] = bounds
    return {NEW_PATIENTS[0]: outcomes} | columns


NEW_PATIENTS = (
    "new_patients",
    "new_patients_error",
    "new_patients_lower",
    "new_patients_upper",
)
"""Columns of what a difference on test says of patients that nobody has seen."""

_IMPROVEMENTS = [
    *("task", "opponent", "against", "config_id", "opponent_config_id", "score", "improvement"),
    *("standard_error", "degrees", "lower", "upper", "replicates", "tested", "outcome", "p"),
    *("more", "decidable", *NEW_PATIENTS),
]


def _row(task: str, gain: Gain, score: str, verdict: Verdict) -> dict[str, object]:
    return {
        "task": task,
        "opponent": gain.opponent,
        "against": gain.against,
        "config_id": gain.config_id,
        "opponent_config_id": gain.opponent_config_id,
        "score": score,
        **_measured(verdict.difference),
        "replicates": verdict.difference.replicates,
        "tested": verdict.difference.is_tested,
        "outcome": verdict.outcome,
        "p": verdict.p,
        "more": verdict.more,
        "decidable": verdict.decidable,
    }


def improved_tasks(compared: pd.DataFrame) -> pd.DataFrame:
    """Count on how many tasks the recommendation is better, and by how much over all of them.

    Parameters
    ----------
    compared
        Output of :func:`improvements`.

    Returns
    -------
    pandas.DataFrame
        One row an opponent and score: ``opponent, score, tasks, better, equal, not yet, worse``,
        ``untested`` (tasks whose noise is not known, which are none of those), ``improvement,
        lower, upper``: the mean over the tasks with its 95 % interval over them, which covers the
        chance of training and that of the tasks, as far as a few tasks that share samples can.
    """
    rows = []
    for (opponent, score), own in compared.groupby(["opponent", "score"], sort=False):
        counts = own.loc[own["tested"], "outcome"].value_counts()
        overall = _measured(mean_difference(own["improvement"]))
        rows.append(
            {
                "opponent": opponent,
                "score": score,
                "tasks": len(own),
                **{name: int(counts.get(name, 0)) for name in (BETTER, EQUAL, NOT_YET, WORSE)},
                "untested": int((~own["tested"]).sum()),
                **{name: overall[name] for name in ("improvement", "lower", "upper")},
            }
        )
    return pd.DataFrame(rows)


def _measured(difference: Difference) -> dict[str, float]:
    """Return a difference as columns; what is not known is NaN."""
    bounds = difference.interval() if difference.is_tested else (math.nan, math.nan)
    return {
        "improvement": difference.mean,
        "standard_error": difference.error,
        "degrees": difference.degrees,
        "lower": bounds[0],
        "upper": bounds[1],
    }
