"""What a study would cost on this machine: runs, shards, hours, memory, disk.

The hours are the planner's own estimates of its fleets; nothing is trained.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from aehpo_assets.datasets.catalogue import Task
from aehpo_assets.datasets.dataset import parts_of
from aehpo_assets.datasets.joint import joined, read_parts
from aehpo_assets.datasets.reading.memory import reading_need
from aehpo_assets.race.schedule import most_trainings
from aehpo_assets.space import configurations_of
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_gpu.runs.table import training_settings, with_seeds
from aehpo_gpu.training.plan import plan_shards
from aehpo_gpu.training.task import TrainingSettings

BYTES_PER_RUN_ROW = 1_000
"""Size of one row of results in a compressed Parquet file, measured, rounded up."""

NOT_COUNTED = (
    "Not counted: validation; live searches and trained benchmark finds, if the study has any."
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
    race: RaceEstimate | None = None


@dataclass(frozen=True)
class RaceEstimate:
    """What the race of one architecture costs on one task, if nothing ends it before its budget.

    Attributes
    ----------
    runs
        Trainings.
    hours
        At the prices of the first sampled configurations, as many as race side by side.
    """

    runs: int
    hours: float


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
        reading = max(
            reading_need(
                dataset.modality_path(part), part, dataset.modalities[part].feature_type
            ).bytes
            for part in parts_of(modality)
        )
        matrix = joined(dataset, read_parts(dataset, modality))
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
                    race=_race(study, architecture, configurations, matrix.shape, settings),
                )
            )
    return estimates


def _race(
    study: Study,
    architecture: str,
    configurations: pd.DataFrame,
    shape: tuple[int, int],
    settings: TrainingSettings,
) -> RaceEstimate | None:
    if study.race is None:
        return None
    samples, features = shape
    runs, seconds = 0, 0.0
    for side_by_side, replicates in most_trainings(
        study.race.candidates, study.race.max_replicates
    ):
        one = with_seeds(configurations.head(side_by_side), [0])
        # Each replicate has a matrix of its own, and so fleets of its own.
        shards = plan_shards(
            architecture, one, features, round(samples * study.split.train), settings
        )
        runs += side_by_side * replicates
        seconds += replicates * sum(shard.estimated_seconds for shard in shards)
    return RaceEstimate(runs, seconds / 3600)
