"""Conditions that Dagster does not have, each by itself."""

from __future__ import annotations

from typing import Any

import dagster as dg

from aehpo_assets.defs.study_conditions import in_turn


class Asked(dg.AutomationCondition[dg.AssetKey]):
    """Holds everywhere or nowhere, and counts how often it is asked."""

    def __init__(self, holds: bool) -> None:
        self.holds, self.times = holds, 0

    def evaluate(self, context: dg.AutomationContext[Any]) -> dg.AutomationResult[Any]:
        self.times += 1
        everything, nothing = context.candidate_subset, context.get_empty_subset()
        return dg.AutomationResult(context, everything if self.holds else nothing)


def ticks(*operands: Asked) -> list[int]:
    """Partitions that are requested in each of two evaluations."""
    partitions = dg.StaticPartitionsDefinition(["a", "b"])

    @dg.asset(partitions_def=partitions, automation_condition=in_turn(*operands))
    def asset() -> None:
        """Never made."""

    instance, cursor, requested = dg.DagsterInstance.ephemeral(), None, []
    for _ in range(2):
        result = dg.evaluate_automation_conditions([asset], instance, cursor=cursor)
        cursor = result.cursor
        requested.append(result.total_requested)
    return requested


def test_operands_in_turn_are_asked_as_long_as_something_is_left() -> None:
    first, second, third = Asked(True), Asked(False), Asked(True)
    assert ticks(first, second, third) == [0, 0]
    assert (first.times, second.times, third.times) == (2, 2, 0)


def test_operands_in_turn_hold_where_all_of_them_do() -> None:
    operands = [Asked(True), Asked(True)]
    assert ticks(*operands) == [2, 2]
    assert [operand.times for operand in operands] == [2, 2]
