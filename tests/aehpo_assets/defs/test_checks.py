"""What becomes of an asset whose checks failed: its failure says what they found."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd
import pytest

from aehpo_assets.definitions import defs as assets_location
from aehpo_assets.defs.checks import check_specs, refuse_failed
from aehpo_assets.defs.partitions import tasks
from aehpo_assets.quality.check import Check, at_most, run_checks
from aehpo_gpu.definitions import defs as gpu_location

CHECKS = (
    at_most("grave", "n", 3, "no n is above 3", of="rows", blocking=True, remedy="Lower n."),
    at_most("light", "n", 2, "no n is above 2", of="rows", blocking=False, remedy="Look at n."),
)


def spec(check: Check) -> dg.AssetCheckSpec:
    return dg.AssetCheckSpec(check.name, asset="table", blocking=check.blocking)


def made_with(values: list[int]) -> dg.ExecuteInProcessResult:
    @dg.asset(
        check_specs=[dg.AssetCheckSpec(c.name, asset="table", blocking=c.blocking) for c in CHECKS]
    )
    def table(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
        rows = pd.DataFrame({"row": [f"row {i}" for i in range(len(values))], "n": values})
        result = dg.MaterializeResult(
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
        yield result
        refuse_failed(result)

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


def test_a_failed_check_of_one_task_stays_when_that_of_another_passes() -> None:
    instance = dg.DagsterInstance.ephemeral()
    instance.add_dynamic_partitions("task", ["a", "b"])

    @dg.asset(
        partitions_def=tasks, check_specs=check_specs("table", tasks, CHECKS[:1]), name="table"
    )
    def table(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        passed = context.partition_key == "b"
        outcome = dg.AssetCheckResult(check_name="grave", passed=passed)
        return dg.MaterializeResult(check_results=[outcome])

    for task in ("a", "b"):
        dg.materialize([table], partition_key=task, instance=instance, raise_on_error=False)
    key = dg.AssetCheckKey(dg.AssetKey("table"), "grave")
    records = instance.event_log_storage.get_asset_check_execution_history(key, limit=10)
    latest = {record.partition: record.status.value for record in reversed(records)}
    assert latest == {"a": "FAILED", "b": "SUCCEEDED"}


@pytest.mark.parametrize("location", [assets_location, gpu_location])
def test_every_check_has_the_partitions_of_its_asset(location: dg.Definitions) -> None:
    owned = [a for a in location.assets or [] if isinstance(a, dg.AssetsDefinition)]
    specs = {spec.key: spec for asset in owned for spec in asset.specs}
    checks = [check for asset in owned for check in asset.check_specs]
    assert checks
    for check in checks:
        assert check.partitions_def == specs[check.asset_key].partitions_def, check.name
