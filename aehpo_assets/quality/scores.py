"""What the checks of all tables of runs share: names of runs, and the range of their scores."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.columns import SCORES
from aehpo_assets.quality.check import FAULT, Check, at_least, at_most


def auc_checks(of: str) -> tuple[Check, ...]:
    """Check that no AUC lies outside of 0 to 1; ``of`` is the table with :func:`auc_range`."""
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


def run_names(table: pd.DataFrame) -> pd.Series:
    """Name each run by its configuration and seed."""
    return table["config_id"].astype(str) + " seed " + table["seed"].astype(str)


def auc_range(table: pd.DataFrame) -> dict[str, pd.Series]:
    """Lowest and highest AUC of each row; rows without any count as 0.5."""
    scores = table[[name for name in table if _is_auc(str(name))]]
    return {
        "auc_low": scores.min(axis=1).fillna(0.5),
        "auc_high": scores.max(axis=1).fillna(0.5),
    }


def _is_auc(name: str) -> bool:
    bare = name.removeprefix("predicted_")
    return bare in SCORES or bare.startswith("auc_")
