"""The check of the benchmark of transfer: similarity-weighted transfer must not harm."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.transfer.verdicts import HARMS
from aehpo_assets.quality.check import at_most, run_checks
from aehpo_assets.store.provenance import CheckResult

TRANSFER_CHECKS = (
    at_most(
        "transfer_does_no_harm",
        "harmed",
        0,
        "similarity-weighted transfer harms no search",
        of="weighted",
        blocking=False,
    ),
)


def check_transfer(verdicts: pd.DataFrame) -> list[CheckResult]:
    """Check the verdicts on similarity-weighted transfer; what it harms is named.

    Parameters
    ----------
    verdicts
        Output of :func:`aehpo_assets.hpo.transfer.verdicts.transfer_verdicts`.
    """
    weighted = verdicts[verdicts["way"] == "weighted"]
    cases = pd.DataFrame(
        {
            "case": weighted["searcher"] + " on " + weighted["task"],
            "harmed": (weighted["verdict"] == HARMS).astype(int),
        }
    )
    return run_checks(TRANSFER_CHECKS, {"weighted": cases})
