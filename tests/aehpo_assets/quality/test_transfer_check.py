"""The check that weighted transfer harms nothing."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.quality.transfer import check_transfer


def verdicts(weighted: str) -> pd.DataFrame:
    return pd.DataFrame(
        [
            ("brca", "cqr", "plain", "harms"),
            ("brca", "cqr", "weighted", weighted),
            ("luad", "cqr", "weighted", "helps"),
        ],
        columns=["task", "searcher", "way", "verdict"],
    )


def test_harm_by_weighted_transfer_is_named() -> None:
    (outcome,) = check_transfer(verdicts("harms"))
    assert not outcome.passed
    assert not outcome.blocking
    assert "cqr on brca" in outcome.description
    assert "luad" not in outcome.description


def test_harm_by_plain_transfer_is_no_failure() -> None:
    (outcome,) = check_transfer(verdicts("no clear difference"))
    assert outcome.passed
