"""The partitions of the whole platform, shared by both code locations.

Partitions are domain concepts only: the tasks and the architectures of the study that lives in the
home. Both are dynamic, so that nothing outside the study stands there as missing. A configuration
is a row, and shards are execution; neither is a partition.
See https://docs.dagster.io/guides/build/partitions-and-backfills.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from typing import Any

import dagster as dg

from aehpo_assets.store.store import Partition
from aehpo_assets.study import Study

tasks = dg.DynamicPartitionsDefinition(name="task")
architectures = dg.DynamicPartitionsDefinition(name="architecture")
architectures_and_tasks = dg.MultiPartitionsDefinition(
    {"architecture": architectures, "task": tasks}
)

with warnings.catch_warnings():
    # Dagster announces at every start that this class is in beta.
    warnings.simplefilter("ignore", dg.BetaWarning)
    every_task = dg.MultiPartitionMapping(
        {
            "architecture": dg.DimensionPartitionMapping(
                "architecture", dg.IdentityPartitionMapping()
            ),
            "task": dg.DimensionPartitionMapping("task", dg.AllPartitionMapping()),
        }
    )
"""What transfers between tasks depends on all of them, within its architecture."""

all_tasks = dg.AllPartitionMapping()
"""What compares tasks depends on the descriptions of all of them, which know no architecture."""


def partition_key(partition: Partition) -> str | None:
    """Return Dagster's key of a partition: ``(varix, tcga_rna)`` is ``varix|tcga_rna``.

    What is made once a study has none.
    """
    if len(partition) < 2:
        return partition[0] if partition else None
    architecture, task = partition
    return dg.MultiPartitionKey({"architecture": architecture, "task": task})


def partition_of(key: str) -> Partition:
    """Return the partition behind Dagster's key; the architecture comes first, as in the store."""
    if isinstance(key, dg.MultiPartitionKey):
        dimensions = key.keys_by_dimension
        return dimensions["architecture"], dimensions["task"]
    return (key,)


def partition_in(context: dg.AssetExecutionContext | dg.OpExecutionContext) -> Partition:
    """Return the partition that Dagster is materializing; an empty one of what has none."""
    return partition_of(context.partition_key) if context.has_partition_key else ()


def dimensions(definition: dg.PartitionsDefinition[Any] | None) -> tuple[str, ...]:
    """Return the names of the dimensions of an asset, in the order of the store."""
    if isinstance(definition, dg.MultiPartitionsDefinition):
        return ("architecture", "task")
    if isinstance(definition, dg.DynamicPartitionsDefinition):
        return (str(definition.name),)
    return ()


def belongs(study: Study, dimension: str, key: str) -> bool:
    """Whether an architecture or a task is one of a study."""
    if dimension == "architecture":
        return key in study.architectures
    return study.wanted_tasks == "all" or key in study.wanted_tasks


def study_partitions(study: Study, instance: dg.DagsterInstance) -> list[str]:
    """Return the tasks of a study, sorted: those it lists, or all that the instance knows."""
    if study.wanted_tasks == "all":
        return sorted(instance.get_dynamic_partitions(str(tasks.name)))
    return sorted(study.wanted_tasks)


PartitionsRequest = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest


def requested_partitions(
    study: Study, instance: dg.DagsterInstance, available: Iterable[str] = ()
) -> list[PartitionsRequest]:
    """Return what makes the partitions that an instance knows those of a study.

    What left the study is to be no partition any more. Its artefacts stay in the store and its
    history in the instance: both count again if it comes back.

    Parameters
    ----------
    study
        The study that lives in the home of the instance.
    instance
        The instance.
    available
        Tasks that there are, beside those that the instance knows already; of a study that lists
        its tasks, those count that it lists.
    """
    there = {*instance.get_dynamic_partitions(str(tasks.name)), *available}
    wanted = {
        architectures: set(study.architectures),
        tasks: there if study.wanted_tasks == "all" else there & set(study.wanted_tasks),
    }
    requests: list[PartitionsRequest] = []
    for definition, keys in wanted.items():
        known = set(instance.get_dynamic_partitions(str(definition.name)))
        if new := sorted(keys - known):
            requests.append(definition.build_add_request(new))
        if left := sorted(known - keys):
            requests.append(definition.build_delete_request(left))
    return requests


def sync_partitions(
    study: Study, instance: dg.DagsterInstance, available: Iterable[str] = ()
) -> None:
    """Carry out :func:`requested_partitions`."""
    for request in requested_partitions(study, instance, available):
        name, keys = request.partitions_def_name, request.partition_keys
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            instance.add_dynamic_partitions(name, keys)
        else:
            for key in keys:
                instance.delete_dynamic_partition(name, key)


def known_tasks(instance: dg.DagsterInstance) -> set[str]:
    """Return the tasks that an instance knows."""
    return set(instance.get_dynamic_partitions(str(tasks.name)))


def forget_task(task: str, instance: dg.DagsterInstance) -> None:
    """Take a task out of the partitions of an instance."""
    instance.delete_dynamic_partition(str(tasks.name), task)
