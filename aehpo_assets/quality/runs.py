"""Checks of configurations, run results, blackbox, surrogate, recommendations and validation."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_R2, VALID_SCORE
from aehpo_assets.quality.check import FAULT, Check, among, at_least, at_most, run_checks, unique
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import CheckResult

STATUSES = ("ok", "diverged", "failed")

_INSIDE = at_most(
    "inside_the_space",
    "outside",
    0,
    "every configuration lies inside the search space",
    of="rows",
    blocking=True,
    remedy="Widen space in the study file, or take the configuration out of configurations.source.",
)
_UNIQUE_IDS = unique(
    "unique_config_ids",
    "config_id",
    "every config_id occurs once",
    of="rows",
    remedy="Give every row of configurations.source an id of its own.",
)
_DISTINCT = unique(
    "distinct",
    "identity",
    "no configuration occurs twice",
    of="rows",
    remedy="Lower configurations.count, widen space, or remove repeated rows of the source.",
)

CONFIGURATION_CHECKS = (_UNIQUE_IDS, _DISTINCT, _INSIDE)


def _auc_checks(of: str) -> tuple[Check, ...]:
    return (
        at_least(
            "auc_not_below_0",
            "auc_low",
            0,
            "no AUC is below 0",
            of=of,
            blocking=True,
            remedy=FAULT,
        ),
        at_most(
            "auc_not_above_1",
            "auc_high",
            1,
            "no AUC is above 1",
            of=of,
            blocking=True,
            remedy=FAULT,
        ),
    )


RUN_RESULT_CHECKS = (
    at_least(
        "something_was_measured",
        "measured",
        1,
        "one training at least ends with a score",
        of="outcome",
        blocking=True,
        remedy="Nothing is recommended for the task. Set preprocessing.scaler: standard or robust, "
        "check the values of the matrix, or narrow space.lr_fixed.",
    ),
    unique(
        "no_run_twice",
        "run",
        "no configuration has a seed twice",
        of="rows",
        remedy=FAULT,
    ),
    at_most(
        "as_planned",
        "unplanned_or_missing",
        0,
        "the runs are those of the study, none missing",
        of="plan",
        blocking=True,
        remedy="Call aehpo run again: what is missing is trained.",
    ),
    among(
        "known_status",
        "status",
        STATUSES,
        "every run is ok, diverged or failed",
        of="rows",
        remedy=FAULT,
    ),
    *_auc_checks("rows"),
    at_most(
        "r2_not_above_1",
        "r2_high",
        1,
        "no R2 is above 1",
        of="rows",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "finished_runs_have_scores",
        "without_score",
        0,
        "every run that is ok has a finite score and R2",
        of="rows",
        blocking=True,
        remedy="One label at least needs two classes in train, valid and test: see data_split.",
    ),
    at_least(
        "runtime_is_positive",
        "training_runtime",
        0,
        "no training takes negative time",
        of="rows",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "diverged_share",
        "diverged_share",
        0.5,
        "at most half of the runs diverged or failed",
        of="whole",
        blocking=False,
        remedy="Set preprocessing.scaler: standard or robust, or narrow space.lr_fixed. "
        "The column error of run_results says why.",
    ),
    at_most(
        "collapsed_share",
        "collapsed_share",
        0.5,
        "at most half of the runs have collapsed latents",
        of="whole",
        blocking=False,
        remedy="Lower the largest beta in space, or set annealing.",
    ),
)

BLACKBOX_CHECKS = (
    at_most(
        "finite_objectives",
        "not_finite",
        0,
        "every objective of every run is finite",
        of="rows",
        blocking=True,
        remedy=FAULT,
    ),
    *_auc_checks("rows"),
    at_most(
        "configurations_dropped",
        "dropped",
        0,
        "every configuration is there for every task",
        of="dropped",
        blocking=False,
        remedy="Train the same configurations for every task: call aehpo run again.",
    ),
)

SURROGATE_CHECKS = (
    at_least(
        "better_than_the_mean",
        "r2",
        0,
        "out of fold, the surrogate of the valid score beats the mean",
        of="score",
        blocking=False,
        remedy="Train more configurations: configurations.count.",
    ),
    at_least(
        "rank_correlation",
        "spearman",
        0.3,
        "out of fold, the surrogate of the valid score ranks configurations",
        of="score",
        blocking=False,
        remedy="Train more configurations: configurations.count.",
    ),
    at_least(
        "r2_surrogate_better_than_the_mean",
        "r2",
        0,
        "out of fold, the surrogate of the valid R2 beats the mean",
        of="reconstruction",
        blocking=False,
        remedy="Train more configurations: configurations.count.",
    ),
    at_least(
        "interval_coverage",
        "coverage",
        0.8,
        "out of fold, the 90 % interval of the mean valid score holds what came out",
        of="score",
        blocking=False,
        remedy="Train more configurations: configurations.count.",
    ),
)

RECOMMENDATION_CHECKS = (
    _DISTINCT,
    _INSIDE,
    at_most(
        "likely_to_finish",
        "predicted_dead",
        0.5,
        "no recommendation is likely to diverge, fail or collapse",
        of="rows",
        blocking=False,
        remedy="See diverged_share and collapsed_share of run_results.",
    ),
    *_auc_checks("rows"),
    at_most(
        "predictions_are_finite",
        "not_finite",
        0,
        "every prediction is finite",
        of="rows",
        blocking=True,
        remedy=FAULT,
    ),
)

VALIDATION_CHECKS = (
    unique("no_run_twice", "run", "no candidate has a seed twice", of="rows", remedy=FAULT),
    at_most(
        "every_candidate_trained",
        "untrained",
        0,
        "every candidate was trained",
        of="rows",
        blocking=True,
        remedy="Call aehpo run again: what is missing is trained.",
    ),
    *_auc_checks("rows"),
    at_most(
        "validated_runs_finish",
        "unfinished",
        0,
        "every candidate is trained to its end",
        of="rows",
        blocking=False,
        remedy="What diverged or failed has no score; the column error says why.",
    ),
    at_most(
        "predictions_hold",
        "error",
        0.1,
        "the mean actual valid score is within 0.1 of the predicted one",
        of="whole",
        blocking=False,
        remedy="Train more configurations, or call aehpo next-round to learn from these.",
    ),
)

VALIDATION_REPORT_CHECKS = (
    at_most(
        "bias_within_the_interval",
        "beyond",
        0,
        "the mean actual valid score lies within the interval of the predicted one, noise included",
        of="valid",
        blocking=False,
        remedy="Train more configurations, or call aehpo next-round to learn from these.",
    ),
)


def check_configurations(table: pd.DataFrame, space: SearchSpace) -> list[CheckResult]:
    """Check a table of configurations against their space."""
    return run_checks(CONFIGURATION_CHECKS, {"rows": _described(table, space)})


def check_run_results(
    results: pd.DataFrame, planned: pd.DataFrame, trained_on: str = ""
) -> list[CheckResult]:
    """Check run results against the study's plan.

    Parameters
    ----------
    results
        One row a run.
    planned
        ``config_id`` and ``seed`` of every run that the study asks for.
    trained_on
        What the values were, in words: told if no run was measured, which they mostly explain.
    """
    ok = results["status"] == "ok"
    scores = results[[VALID_SCORE, VALID_R2]]
    rows = pd.DataFrame(
        {
            "run": _runs(results),
            "status": results["status"],
            **_auc_range(results),
            "r2_high": results.filter(regex="_r2$").max(axis=1).fillna(0),
            "training_runtime": results["training_runtime"],
            "without_score": (ok & ~np.isfinite(scores).all(axis=1)).astype(int),
        }
    )
    whole = {
        "runs": _ends(results),
        "diverged_share": float((~ok).mean()),
        "collapsed_share": float((results["latent_status"] == "collapsed").mean()),
    }
    measured = int((ok & (rows["without_score"] == 0)).sum())
    outcome = "; ".join(part for part in (_ends(results), trained_on) if part)
    odd = sorted(set(_runs(results)) ^ set(_runs(planned)))
    return run_checks(
        RUN_RESULT_CHECKS,
        {
            "rows": rows,
            "whole": pd.DataFrame([whole]),
            "outcome": pd.DataFrame([{"outcome": outcome, "measured": measured}]),
            "plan": pd.DataFrame({"run": odd, "unplanned_or_missing": 1}),
        },
    )


def _ends(results: pd.DataFrame) -> str:
    """How the runs ended, in words: ``all 4 trainings of toy_rna diverged``."""
    counts = results["status"].value_counts()
    task = str(results["task"].iloc[0])
    if len(counts) == 1:
        return (
            f"all {len(results)} trainings of {task} {_ENDED.get(counts.index[0], counts.index[0])}"
        )
    ends = ", ".join(f"{count} {_ENDED.get(end, end)}" for end, count in counts.items())
    return f"of {len(results)} trainings of {task}, {ends}"


_ENDED = {"ok": "finished"}


def check_blackbox(evaluations: pd.DataFrame, dropped: pd.DataFrame) -> list[CheckResult]:
    """Check the evaluations that enter a blackbox."""
    objectives = evaluations[list(OBJECTIVE_NAMES)]
    rows = pd.DataFrame(
        {
            "run": evaluations["task"] + " " + _runs(evaluations),
            "not_finite": (~np.isfinite(objectives)).sum(axis=1),
            **_auc_range(evaluations),
        }
    )
    left_out = dropped[["config_id"]].assign(dropped=1)
    return run_checks(BLACKBOX_CHECKS, {"rows": rows, "dropped": left_out})


def check_surrogate(diagnostics: pd.DataFrame) -> list[CheckResult]:
    """Check the out-of-fold diagnostics of a surrogate; what cannot be measured counts as 0."""
    known = diagnostics.assign(
        r2=diagnostics["r2"].fillna(-1.0),
        spearman=diagnostics["spearman"].fillna(0.0),
        coverage=diagnostics["coverage"].fillna(0.0),
    )
    return run_checks(
        SURROGATE_CHECKS,
        {
            "score": known[known["objective"] == VALID_SCORE],
            "reconstruction": known[known["objective"] == VALID_R2],
        },
    )


def check_recommendations(table: pd.DataFrame, space: SearchSpace) -> list[CheckResult]:
    """Check recommendations against their space."""
    predicted = table[[f"predicted_{objective}" for objective in OBJECTIVE_NAMES]]
    rows = _described(table, space).assign(
        not_finite=(~np.isfinite(predicted)).sum(axis=1),
        predicted_dead=table["predicted_dead"],
        **_auc_range(predicted),
    )
    return run_checks(RECOMMENDATION_CHECKS, {"rows": rows})


def check_validation(validated: pd.DataFrame) -> list[CheckResult]:
    """Check validated recommendations: all trained, and what was predicted came out."""
    rows = pd.DataFrame(
        {
            "run": validated["origin"] + " " + _runs(validated),
            "untrained": validated["status"].isna().astype(int),
            "unfinished": (validated["status"] != "ok").astype(int),
            **_auc_range(validated),
        }
    )
    # A run that diverged or failed has no score of its own.
    finished = validated[validated["status"] == "ok"]
    recommended = finished[finished["origin"] == "recommended"]
    error = recommended[VALID_SCORE] - recommended[f"predicted_{VALID_SCORE}"]
    known = error.dropna()
    # With none at all there is nothing to compare: that they did not finish is told above.
    whole = pd.DataFrame([{"runs": "all", "error": abs(float(known.mean()))}]).head(len(known))
    return run_checks(VALIDATION_CHECKS, {"rows": rows, "whole": whole})


def check_validation_report(accuracy: pd.DataFrame) -> list[CheckResult]:
    """Check the accuracy of predictions, of each task and of all together."""
    rows = accuracy[["task"]].assign(beyond=accuracy["beyond"].astype(int))
    return run_checks(VALIDATION_REPORT_CHECKS, {"valid": rows})


def _runs(table: pd.DataFrame) -> pd.Series:
    return table["config_id"].astype(str) + " seed " + table["seed"].astype(str)


def _auc_range(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Lowest and highest AUC of each row; rows without any count as 0.5."""
    scores = table[[name for name in table if _is_auc(str(name))]]
    return {
        "auc_low": scores.min(axis=1).fillna(0.5),
        "auc_high": scores.max(axis=1).fillna(0.5),
    }


def _is_auc(name: str) -> bool:
    bare = name.removeprefix("predicted_")
    return bare in SCORES or bare.startswith("auc_")


def _described(table: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
    """Identity of each configuration, and whether and why it lies outside the space."""
    records = table[space.names].to_dict("records")
    problems = [space.problem(record) for record in records]
    ids = table["config_id"].astype(str)
    return pd.DataFrame(
        {
            "where": [f"{i}: {p}" if p else i for i, p in zip(ids, problems, strict=True)],
            "config_id": ids,
            "identity": [str(sorted(record.items())) for record in records],
            "outside": [int(problem is not None) for problem in problems],
        }
    )
