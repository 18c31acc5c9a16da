"""What becomes of an asset whose checks failed: its failure says what they found."""

import dagster as dg
import pandas as pd
import pytest

from aehpo_assets.defs.checks import check_specs, told_of_failed_checks
from aehpo_assets.quality.check import at_most, run_checks

CHECKS = (
    at_most("grave", "n", 3, "no n is above 3", of="rows", blocking=True, remedy="Lower n."),
    at_most("light", "n", 2, "no n is above 2", of="rows", blocking=False, remedy="Look at n."),
)


def made_with(values: list[int]) -> dg.ExecuteInProcessResult:
    @dg.asset(check_specs=check_specs("table", CHECKS))
    @told_of_failed_checks
    def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        rows = pd.DataFrame({"row": [f"row {i}" for i in range(len(values))], "n": values})
        return dg.MaterializeResult(
            asset_key="table",
            check_results=[
                dg.AssetCheckResult(
                    check_name=check.name,
                    passed=check.passed,
                    severity=dg.AssetCheckSeverity.ERROR
                    if check.blocking
                    else dg.AssetCheckSeverity.WARN,
                    description=check.description,
                )
                for check in run_checks(CHECKS, {"rows": rows})
            ],
        )

    return dg.materialize([table], raise_on_error=False)


def test_the_failure_of_a_run_is_what_its_blocking_checks_found() -> None:
    result = made_with([1, 9, 3])
    assert not result.success
    said = "no n is above 3: found 9 (row 1). Lower n."
    failure = result.get_step_failure_events()[0].step_failure_data
    assert f"grave: {said}" in failure.error.to_string()
    assert "light" not in failure.error.cause.message
    # It was made all the same, and its checks are there to be looked at.
    assert len(result.asset_materializations_for_node("table")) == 1
    evaluated = {e.check_name: e.description for e in result.get_asset_check_evaluations()}
    warned = "no n is above 2: found 9 (row 1, row 2). Look at n."
    assert evaluated == {"grave": said, "light": warned}


@pytest.mark.parametrize("values", [[1, 2], [3]])
def test_what_only_warns_stops_nothing(values: list[int]) -> None:
    assert made_with(values).success
