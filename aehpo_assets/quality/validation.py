"""Checks of validated recommendations, and of how far predictions hold."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.quality.check import FAULT, at_most, run_checks, unique
from aehpo_assets.quality.scores import auc_checks, auc_range, run_names
from aehpo_assets.store.provenance import CheckResult

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
    *auc_checks("rows"),
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


def check_validation(validated: pd.DataFrame) -> list[CheckResult]:
    """Check validated recommendations: all trained, and what was predicted came out."""
    rows = pd.DataFrame(
        {
            "run": validated["origin"] + " " + run_names(validated),
            "untrained": validated["status"].isna().astype(int),
            "unfinished": (validated["status"] != "ok").astype(int),
            **auc_range(validated),
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
