"""What a study would cost on this machine: runs, shards, hours of every stage, memory, disk.

Hours are the planner's own estimates of its fleets, at the prices of the device: those that the
home was measured at, or those of a measurement of seconds. No configuration is trained. What the
other stages take belongs to ``stages``.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.datasets.catalogue import Task
from aehpo_assets.datasets.joint import joined, read_parts
from aehpo_assets.datasets.joint_names import modality_of, parts_of
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.datasets.read_ontology import task_ontology
from aehpo_assets.datasets.reading.memory import reading_need
from aehpo_assets.space import configurations_of, search_space, whole_values
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.runs.baseline_seconds import BaselineSeconds, dims_and_filters
from aehpo_gpu.runs.stages import (
    REPLICATE,
    Stage,
    classes_of,
    shared_stages,
    stages_of_both,
    stages_of_task,
)
from aehpo_gpu.runs.table import training_settings, with_seeds
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.device_cost import cost_model
from aehpo_gpu.training.plan import Shard, plan_shards, side_by_side_seconds
from aehpo_gpu.training.stacked import stages_of
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

BYTES_PER_RUN_ROW = 1_000
"""Size of one row of results in a compressed Parquet file, measured, rounded up."""


@dataclass(frozen=True)
class TaskEstimate:
    """What the sampled runs of one architecture cost on one task."""

    architecture: str
    task: str
    samples: int
    features: int
    runs: int
    shards: int
    hours: float
    memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class StudyEstimate:
    """What a study costs.

    Attributes
    ----------
    tasks
        Sampled runs, an entry for each architecture and task. Disk counts the matrices once, with
        the first architecture.
    stages
        Everything else.
    """

    tasks: list[TaskEstimate]
    stages: list[Stage]

    @property
    def runs(self) -> int:
        """All trainings, with the most that a stage may have."""
        return sum(e.runs for e in self.tasks) + sum(stage.runs for stage in self.stages)

    @property
    def hours(self) -> float:
        """Hours of everything, with the most that a stage may take."""
        return sum(e.hours for e in self.tasks) + sum(s.seconds for s in self.stages) / 3600


def estimate_study(
    study: Study, tasks: dict[str, Task], home: Home, *, measure: bool = True
) -> StudyEstimate:
    """Plan every architecture on every task, and price every other stage, without training.

    Parameters
    ----------
    study
        The study.
    tasks
        Its tasks.
    home
        Its home; what its device was measured at is used if it is there. Nothing is written.
    measure
        Whether to measure the device otherwise, which takes seconds for small networks and up to a
        minute for the largest; the shipped prices are used without.
    """
    settings = training_settings(study)
    estimates: list[TaskEstimate] = []
    stages: list[Stage] = []
    with _prices(home) as folder:
        for task, (dataset, modality) in tasks.items():
            reading = max(
                reading_need(
                    dataset.modality_path(part), part, dataset.modalities[part].feature_type
                ).bytes
                for part in parts_of(modality)
            )
            matrix = joined(dataset, read_parts(dataset, modality))
            ontology = Ontology(
                task_ontology(dataset, modality, matrix.columns), tuple(matrix.columns)
            )
            samples, features = matrix.shape
            n_train = round(samples * study.split.train)
            matrix_bytes = matrix.to_numpy().nbytes
            space = search_space(study.architectures[0], study.space)
            dims, filters = (whole_values(space, n) for n in ("latent_dim_fixed", "k_filter"))
            baselines = BaselineSeconds(
                n_train,
                features,
                classes_of(dataset, matrix.index, modality),
                **dims_and_filters(study.baselines.dims(dims), filters),
                methods=tuple(study.baselines.methods),
            )
            stages += stages_of_task(study, task, baselines)
            for position, architecture in enumerate(study.architectures):
                configurations = configurations_of(study, architecture)
                runs = with_seeds(
                    configurations.head(study.configurations.trained), study.run_seeds
                )
                cost: CostModel | None = None
                if measure:
                    widest = int(runs["k_filter"].max())
                    cost = cost_model(folder, architecture, runs, widest, settings)

                own_decoder = partial(with_decoder, ARCHITECTURES[architecture], ontology=ontology)
                runs, configurations = own_decoder(runs), own_decoder(configurations)
                of = features_of(task, matrix.columns)
                how: dict[str, Any] = {
                    "of": of,
                    "n_train": n_train,
                    "settings": settings,
                    "cost": cost,
                }
                seconds_of = partial(planned_seconds, architecture, **how)
                train = partial(_side_by_side, configurations, seconds_of)
                shards = [
                    shard
                    for _, own in runs.groupby("seed")
                    for shard in plan_shards(
                        architecture, own, features, n_train, settings, cost=cost
                    )
                ]
                dealt = [
                    shard
                    for _, own in runs.groupby("seed")
                    for shard in planned_shards(architecture, own, **how)
                ]
                seconds = side_by_side_seconds(dealt, len(settings.torch_devices()))
                widest_dim = max(dims, default=1)
                seconds += len(runs) * baselines.probe(widest_dim) + REPLICATE * study.replicates
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
                        hours=seconds / 3600,
                        memory_bytes=max(
                            reading, matrix_bytes + max(shard.estimated_bytes for shard in shards)
                        ),
                        disk_bytes=matrices + rows * BYTES_PER_RUN_ROW,
                    )
                )
                trained = study.configurations.trained
                stages += stages_of_both(study, architecture, task, train, baselines, trained)
    return StudyEstimate(estimates, [*stages, *shared_stages(study, list(tasks))])


def features_of(task: str, columns: pd.Index) -> TrainingTask:
    """A task without samples, whose features take turns as preprocessing has them."""
    modalities = modality_of(task, columns)
    if modalities is not None:
        ranks = pd.Series(modalities).groupby(modalities).cumcount()
        modalities = modalities[np.argsort(ranks.to_numpy(), kind="stable")]
    nothing = np.empty((0, len(columns)), dtype=np.float32)
    targets = DownstreamTargets((), (), {})
    return TrainingTask(task, nothing, np.empty(0, dtype=str), targets, modalities)


def planned_shards(
    architecture: str,
    runs: pd.DataFrame,
    *,
    of: TrainingTask,
    n_train: int,
    settings: TrainingSettings,
    cost: CostModel | None,
) -> list[Shard]:
    """Shards of some runs: of each of their networks, where a run has one a modality.

    Parameters
    ----------
    architecture, runs, settings, cost
        As for :func:`aehpo_gpu.training.plan.plan_shards`.
    of
        The task; its samples are not looked at.
    n_train
        Train samples of it.
    """
    return [
        shard
        for own, features in stages_of(architecture, runs, of)
        for shard in plan_shards(architecture, own, features, n_train, settings, cost=cost)
    ]


def planned_seconds(architecture: str, runs: pd.DataFrame, **how: Any) -> float:
    """Seconds of some runs on one device; arguments as for :func:`planned_shards`."""
    shards = planned_shards(architecture, runs, **how)
    return sum(shard.estimated_seconds for shard in shards)


def _side_by_side(
    configurations: pd.DataFrame, seconds_of: Callable[[pd.DataFrame], float], count: int
) -> float:
    """Seconds of the first so many configurations in one replicate."""
    return seconds_of(with_seeds(configurations.head(count), [0]))


@contextmanager
def _prices(home: Home) -> Iterator[Path]:
    """A folder with the prices that a home knows, in which others may be written."""
    with tempfile.TemporaryDirectory() as folder:
        prices = Path(folder) / "devices"
        if home.devices.is_dir():
            shutil.copytree(home.devices, prices)
        else:
            prices.mkdir()
        yield prices
