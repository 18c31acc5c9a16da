"""A race that ends without a decision is named."""

from __future__ import annotations

import pytest

from aehpo_assets.quality.race import check_race
from aehpo_assets.race.race import ALONE, BEST, EQUIVALENT, UNDECIDED


@pytest.mark.parametrize("decision", [BEST, EQUIVALENT, ALONE])
def test_a_decided_race_passes(decision: str) -> None:
    (check,) = check_race(decision)
    assert check.passed


def test_a_budget_that_ended_first_is_a_warning_with_a_remedy() -> None:
    (check,) = check_race(UNDECIDED)
    assert not check.passed
    assert not check.blocking
    assert "Raise race.max_replicates" in check.description
