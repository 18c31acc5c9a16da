"""Checks of configurations, sampled and recommended, against their search space."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES
from aehpo_assets.quality.check import FAULT, at_most, run_checks, unique
from aehpo_assets.quality.scores import auc_checks, auc_range
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import CheckResult

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
    *auc_checks("rows"),
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


def check_configurations(table: pd.DataFrame, space: SearchSpace) -> list[CheckResult]:
    """Check a table of configurations against their space."""
    return run_checks(CONFIGURATION_CHECKS, {"rows": _described(table, space)})


def check_recommendations(table: pd.DataFrame, space: SearchSpace) -> list[CheckResult]:
    """Check recommendations against their space."""
    predicted = table[[f"predicted_{objective}" for objective in OBJECTIVE_NAMES]]
    rows = _described(table, space).assign(
        not_finite=(~np.isfinite(predicted)).sum(axis=1),
        predicted_dead=table["predicted_dead"],
        **auc_range(predicted),
    )
    return run_checks(RECOMMENDATION_CHECKS, {"rows": rows})


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
