"""What a study would cost on this machine: runs, shards, hours, memory, disk.

The hours are the planner's own estimates of its fleets; nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

from aehpo_assets.datasets.catalogue import Task
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.reading.memory import reading_need
from aehpo_assets.space import configurations_of
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_gpu.runs.table import training_settings, with_seeds
from aehpo_gpu.training.plan import plan_shards

BYTES_PER_RUN_ROW = 1_000
"""Size of one row of results in a compressed Parquet file, measured, rounded up."""

NOT_COUNTED = (
    "Not counted: validation; a race, live searches and trained benchmark finds, if the study has "
    "any."
)
"""What is trained beyond the sampled runs; how much of it depends on what the searches find."""


@dataclass(frozen=True)
class TaskEstimate:
    """What one architecture costs on one task."""

    architecture: str
    task: str
    samples: int
    features: int
    runs: int
    shards: int
    hours: float
    memory_bytes: int
    disk_bytes: int


def estimate_study(study: Study, tasks: dict[str, Task], home: Home) -> list[TaskEstimate]:
    """Plan every architecture on every task, without training.

    Parameters
    ----------
    study
        The study.
    tasks
        Its tasks.
    home
        Its home; what its device was measured at is used if it is there.

    Returns
    -------
    list of TaskEstimate
        One for each architecture and task. Disk counts the matrices once, with the first
        architecture.
    """
    settings = training_settings(study)
    estimates = []
    for task, (dataset, modality) in tasks.items():
        feature_type = dataset.modalities[modality].feature_type
        reading = reading_need(dataset.modality_path(modality), modality, feature_type).bytes
        matrix = read_matrix(dataset, modality)
        samples, features = matrix.shape
        matrix_bytes = matrix.to_numpy().nbytes
        for position, architecture in enumerate(study.architectures):
            configurations = configurations_of(study, architecture)
            runs = with_seeds(configurations.head(study.configurations.trained), study.run_seeds)
            shards = plan_shards(
                architecture, runs, features, round(samples * study.split.train), settings
            )
            rows = len(runs) * (1 + len(study.fidelities))
            matrices = 2 * matrix_bytes if position == 0 else 0
            estimates.append(
                TaskEstimate(
                    architecture=architecture,
                    task=task,
                    samples=samples,
                    features=features,
                    runs=len(runs),
                    shards=len(shards),
                    hours=sum(shard.estimated_seconds for shard in shards) / 3600,
                    memory_bytes=max(
                        reading, matrix_bytes + max(shard.estimated_bytes for shard in shards)
                    ),
                    disk_bytes=matrices + rows * BYTES_PER_RUN_ROW,
                )
            )
    return estimates
