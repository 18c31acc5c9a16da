"""The partitions of the whole platform, shared by both code locations.

Partitions are domain concepts only: tasks (dynamic, as data sets land) and architectures. A
configuration is a row, and shards are execution; neither is a partition.
See https://docs.dagster.io/guides/build/partitions-and-backfills.
"""

from __future__ import annotations

import warnings

import dagster as dg

from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.store import Partition
from aehpo_assets.study import Study

tasks = dg.DynamicPartitionsDefinition(name="task")
architectures = dg.StaticPartitionsDefinition(list(ARCHITECTURE_SPACES))
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


def partition_key(partition: Partition) -> str:
    """Return Dagster's key of a partition: ``(varix, tcga_rna)`` is ``varix|tcga_rna``."""
    if len(partition) == 1:
        return partition[0]
    architecture, task = partition
    return dg.MultiPartitionKey({"architecture": architecture, "task": task})


def partition_of(key: str) -> Partition:
    """Return the partition behind Dagster's key; the architecture comes first, as in the store."""
    if isinstance(key, dg.MultiPartitionKey):
        dimensions = key.keys_by_dimension
        return dimensions["architecture"], dimensions["task"]
    return (key,)


def study_partitions(study: Study, instance: dg.DagsterInstance) -> list[str]:
    """Return the tasks of a study, sorted: those it lists, or all that the instance knows."""
    if study.tasks == "all":
        return sorted(instance.get_dynamic_partitions(str(tasks.name)))
    return sorted(study.tasks)
