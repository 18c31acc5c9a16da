"""The check of noise: whether a single run says enough to rank configurations by."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.quality.check import at_least, run_checks
from aehpo_assets.store.provenance import CheckResult

NOISE_CHECKS = (
    at_least(
        "one_run_is_reliable",
        "reliability",
        0.5,
        "half of the variance of single runs at least lies between configurations",
        of="score",
        blocking=False,
        remedy="Give the study more seeds: what single runs rank is mostly luck.",
    ),
)


def check_noise(components: pd.DataFrame, score: str) -> list[CheckResult]:
    """Check the reliability of one run; where it is not known, there is nothing to check.

    Parameters
    ----------
    components
        As of :func:`aehpo_assets.noise.summary.noise_tables`.
    score
        The score that searches see.
    """
    known = components[(components["score"] == score) & components["reliability"].notna()]
    return run_checks(NOISE_CHECKS, {"score": known[["score", "reliability"]]})
