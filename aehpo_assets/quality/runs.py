"""Checks of run results."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import VALID_R2, VALID_SCORE
from aehpo_assets.quality.check import FAULT, among, at_least, at_most, run_checks, unique
from aehpo_assets.quality.scores import auc_checks, auc_range, run_names
from aehpo_assets.store.provenance import CheckResult

STATUSES = ("ok", "diverged", "failed")


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
    *auc_checks("rows"),
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
            "run": run_names(results),
            "status": results["status"],
            **auc_range(results),
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
    odd = sorted(set(run_names(results)) ^ set(run_names(planned)))
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
