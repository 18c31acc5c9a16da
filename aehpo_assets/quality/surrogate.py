"""Checks of what surrogates are made of, and of how well they predict what they did not see."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_R2, VALID_SCORE
from aehpo_assets.quality.check import FAULT, at_least, at_most, run_checks
from aehpo_assets.quality.scores import auc_checks, auc_range, run_names
from aehpo_assets.store.provenance import CheckResult

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
    *auc_checks("rows"),
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


def check_blackbox(evaluations: pd.DataFrame, dropped: pd.DataFrame) -> list[CheckResult]:
    """Check the evaluations that enter a blackbox."""
    objectives = evaluations[list(OBJECTIVE_NAMES)]
    rows = pd.DataFrame(
        {
            "run": evaluations["task"] + " " + run_names(evaluations),
            "not_finite": (~np.isfinite(objectives)).sum(axis=1),
            **auc_range(evaluations),
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
