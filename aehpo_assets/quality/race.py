"""The check of a race: whether it ended with a decision."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.quality.check import at_most, run_checks
from aehpo_assets.race.race import UNDECIDED
from aehpo_assets.store.provenance import CheckResult

RACE_CHECKS = (
    at_most(
        "race_is_decided",
        "undecided",
        0,
        "the race ends with a decision before its budget does",
        of="race",
        blocking=False,
        remedy="Raise race.max_replicates or race.equivalence, or take any of the last candidates.",
    ),
)


def check_race(decision: str) -> list[CheckResult]:
    """Check how a race ended.

    Parameters
    ----------
    decision
        As of :class:`aehpo_assets.race.race.Outcome`.
    """
    summary = pd.DataFrame({"decision": [decision], "undecided": [int(decision == UNDECIDED)]})
    return run_checks(RACE_CHECKS, {"race": summary})
