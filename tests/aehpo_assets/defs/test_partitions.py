"""The partitions of an instance are those of the study, and what was made counts for ever."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest

from aehpo_assets.defs.partitions import (
    architectures_and_tasks,
    partition_key,
    partition_of,
    requested_partitions,
    study_partitions,
    sync_partitions,
)
from aehpo_assets.study import Study


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as instance:
        yield instance


def study(architectures: list[str], tasks: Any = "all") -> Study:
    content = {
        "name": "tiny",
        "tasks": tasks,
        "architectures": architectures,
        "configurations": {"count": 4},
        "epochs": 3,
    }
    return Study.model_validate(content)


def keys(instance: dg.DagsterInstance) -> set[str]:
    return set(architectures_and_tasks.get_partition_keys(dynamic_partitions_store=instance))


def test_the_partitions_are_architectures_and_tasks_of_the_study(
    instance: dg.DagsterInstance,
) -> None:
    sync_partitions(study(["vanillix", "varix"]), instance, ["a", "b"])
    assert keys(instance) == {"vanillix|a", "vanillix|b", "varix|a", "varix|b"}
    assert study_partitions(study(["varix"]), instance) == ["a", "b"]
    assert not requested_partitions(study(["varix", "vanillix"]), instance), "nothing has changed"


def test_an_architecture_comes_and_goes_with_the_study_file(instance: dg.DagsterInstance) -> None:
    sync_partitions(study(["vanillix"]), instance, ["a"])
    sync_partitions(study(["vanillix", "varix"]), instance)
    assert keys(instance) == {"vanillix|a", "varix|a"}
    sync_partitions(study(["varix"]), instance)
    assert keys(instance) == {"varix|a"}


def test_a_task_that_left_the_study_is_no_partition(instance: dg.DagsterInstance) -> None:
    sync_partitions(study(["varix"]), instance, ["a", "b"])
    sync_partitions(study(["varix"], ["b"]), instance)
    assert keys(instance) == {"varix|b"}
    sync_partitions(study(["varix"], ["b", "c"]), instance)
    assert keys(instance) == {"varix|b"}, "a task is none before its data set lands"
    sync_partitions(study(["varix"], ["b", "c"]), instance, ["b", "c", "d"])
    assert keys(instance) == {"varix|b", "varix|c"}


def test_a_task_of_a_study_of_all_stays_when_its_data_set_is_gone(
    instance: dg.DagsterInstance,
) -> None:
    sync_partitions(study(["varix"]), instance, ["a", "b"])
    sync_partitions(study(["varix"]), instance, ["a"])
    assert keys(instance) == {"varix|a", "varix|b"}


def test_what_was_made_counts_again_when_it_comes_back(instance: dg.DagsterInstance) -> None:
    made = dg.AssetKey("run_results")
    sync_partitions(study(["vanillix", "varix"]), instance, ["a"])
    for architecture in ("vanillix", "varix"):
        event = dg.AssetMaterialization(made, partition=partition_key((architecture, "a")))
        instance.report_runless_asset_event(event)
    sync_partitions(study(["varix"]), instance)
    assert keys(instance) == {"varix|a"}
    sync_partitions(study(["vanillix", "varix"]), instance)
    assert instance.get_materialized_partitions(made) == keys(instance)


def test_materializations_of_static_architectures_still_count(
    instance: dg.DagsterInstance,
) -> None:
    """As homes had them whose architectures were those of the zoo, whatever the study."""
    zoo = dg.StaticPartitionsDefinition(["vanillix", "varix", "disentanglix"])
    before = dg.MultiPartitionsDefinition(
        {"architecture": zoo, "task": dg.DynamicPartitionsDefinition(name="task")}
    )
    instance.add_dynamic_partitions("task", ["a"])

    @dg.asset(partitions_def=before)
    def run_results() -> None:
        pass

    key = partition_key(("varix", "a"))
    assert dg.materialize([run_results], partition_key=key, instance=instance).success
    status = instance.get_status_by_partition(run_results.key, ["varix|a"], before)
    assert status is not None

    sync_partitions(study(["varix"]), instance)
    assert instance.get_materialized_partitions(run_results.key) == keys(instance)
    now = instance.get_status_by_partition(run_results.key, ["varix|a"], architectures_and_tasks)
    assert now == status


def test_a_key_of_two_dynamic_dimensions_is_read_architecture_first() -> None:
    key = partition_key(("varix", "a_rna"))
    assert str(key) == "varix|a_rna"
    assert partition_of(key) == ("varix", "a_rna")
    assert architectures_and_tasks.partition_dimension_names == ["architecture", "task"]
