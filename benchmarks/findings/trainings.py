"""What findings are trained on, and training it: a cohort, a grid, and the runs of some seeds.

What is trained is kept, a file for each part, architecture and seed, so that whoever is stopped
goes on. A file names what it was made of: of another grid it is another file.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from aehpo_assets.datasets.dataset import read_dataset, task_name
from aehpo_assets.datasets.joint import joined, read_parts
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.store.files import atomic_file
from aehpo_assets.store.hashes import settings_hash
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.study.data import Preprocessing, Split
from aehpo_gpu.runs.table import engine_version
from aehpo_gpu.training.plan import plan_fleets
from aehpo_gpu.training.prices import SHIPPED_CPU
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


class Source(Protocol):
    """What runs are trained on."""

    @property
    def facts(self) -> dict[str, Any]:
        """What its data depend on beside its files."""

    def data(self, seed: int) -> TrainingTask:
        """Return what runs of a seed are trained on."""


@dataclass(frozen=True)
class Cohort:
    """A modality of a data set, the labels that count, and how many samples are trained on.

    Attributes
    ----------
    folder, modality
        Where the data set is, and which of its matrices.
    labels
        Labels that latents are scored by, each with the same weight; all of its objective by
        default.
    samples
        Train samples of a replicate at most, drawn from its train part.
    preprocessing
        How the matrix is filtered and scaled.
    """

    folder: Path
    modality: str
    labels: tuple[str, ...] = ()
    samples: int = 1400
    preprocessing: Preprocessing = field(
        default_factory=lambda: Preprocessing(filter="mad", clip=10)
    )

    @property
    def facts(self) -> dict[str, Any]:
        """What its data depend on beside its files."""
        return {
            "data": self.folder.name,
            "modality": self.modality,
            "labels": list(self.labels),
            "samples": self.samples,
            "preprocessing": self.preprocessing.model_dump_json(),
        }

    @cached_property
    def _replicates(self) -> Replicates:
        dataset = read_dataset(self.folder)
        matrix = joined(dataset, read_parts(dataset, self.modality))
        labels = read_labels(dataset, matrix.index, self.modality)
        absent = [label for label in self.labels if label not in labels]
        if absent:
            raise InputError(f"{dataset.name} has no label {absent[0]}", file=dataset.file)
        if self.labels:
            labels.attrs["objective"] = {label: [label] for label in self.labels}
        labels.attrs["regression"] = []
        split = restrict_split(draw_split(dataset, Split()), matrix.index)
        task = task_name(dataset, self.modality)
        return Replicates(task, matrix, split.to_frame("split"), labels, self.preprocessing, 0)

    def data(self, seed: int) -> TrainingTask:
        """Return what runs of a seed are trained on: its replicate, with a part of its train."""
        parts = self._replicates.split(seed).to_numpy(dtype=str)
        train = np.flatnonzero(parts == "train")
        source = np.random.default_rng(named_seed(seed, "findings", "train"))
        left_out = source.permutation(train)[self.samples :]
        kept = np.ones(len(parts), dtype=bool)
        kept[left_out] = False
        return self._replicates.data(seed, kept)


def grid(fixed: dict[str, Any], **values: Sequence[Any]) -> pd.DataFrame:
    """Return all combinations of some values beside what is fixed, with ``config_id``."""
    rows = [
        fixed | dict(zip(values, combination, strict=True))
        for combination in itertools.product(*values.values())
    ]
    table = pd.DataFrame(rows)
    table.insert(0, "config_id", [f"{number:04d}" for number in range(len(table))])
    return table


@dataclass(frozen=True)
class Trainer:
    """Trains the runs of findings, and keeps them below a folder.

    Attributes
    ----------
    folder
        Where finished runs are kept.
    """

    folder: Path

    def runs(
        self,
        part: str,
        cohort: Source,
        architecture: str,
        configurations: pd.DataFrame,
        seeds: Sequence[int],
        epochs: int,
    ) -> pd.DataFrame:
        """Train configurations in the replicates of some seeds, or read them where they are kept.

        Parameters
        ----------
        part
            Name of what they are trained for, and of their files.
        cohort, architecture, configurations
            What is trained on what.
        seeds
            Each is a replicate, and what all draws of its runs hang on.
        epochs
            How long a run is trained at most.

        Returns
        -------
        pandas.DataFrame
            Run results, with ``auc``: the valid score, missing where a run failed.
        """
        found = []
        for seed in seeds:
            made_of = {
                "cohort": cohort.facts,
                "configurations": configurations.to_dict("list"),
                "epochs": epochs,
                "engine": engine_version(architecture),
            }
            name = f"{part}-{architecture}-{seed}-{settings_hash(made_of)[:12]}.parquet"
            path = self.folder / name
            if not path.exists():
                sys.stderr.write(f"{part}: {len(configurations)} of {architecture}, seed {seed}\n")
                runs = _train(cohort.data(seed), architecture, configurations, seed, epochs)
                path.parent.mkdir(parents=True, exist_ok=True)
                with atomic_file(path) as temporary:
                    runs.to_parquet(temporary)
            found.append(pd.read_parquet(path))
        table = pd.concat(found, ignore_index=True)
        return table.assign(auc=table[VALID_SCORE].where(table["status"] == "ok"))


def _train(
    data: TrainingTask, architecture: str, configurations: pd.DataFrame, seed: int, epochs: int
) -> pd.DataFrame:
    """Train configurations of one seed as fleets."""
    runs = configurations.assign(seed=seed)
    settings = TrainingSettings(epochs=epochs, device="cpu")
    planned = plan_fleets(architecture, runs, data.n_features, data.n_train, settings)
    fleets = [fleet.rows for fleet in planned]
    return train_shard(data, architecture, runs, fleets, settings, SHIPPED_CPU).runs


def mean_by(runs: pd.DataFrame, of: str = "auc", **chosen: Any) -> pd.Series:
    """Return the mean of a column over the runs of each seed that have some values, by seed."""
    mask = np.ones(len(runs), dtype=bool)
    for name, value in chosen.items():
        mask &= runs[name].isin(value if isinstance(value, (list, tuple)) else [value]).to_numpy()
    if not mask.any():
        raise ValueError(f"no run has {chosen}")
    return runs[mask].groupby("seed")[of].mean()
