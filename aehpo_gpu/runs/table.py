"""From a table of runs to a table of results: plan, train shard by shard, collect.

The steps are separate, so that an orchestrator can take them in separate processes. What is
finished lies in the archive of the home; whoever comes next trains only what is missing. Knows
neither Dagster nor how a fleet is trained.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import columns_of_test, without_test
from aehpo_assets.space.training import LENGTHS
from aehpo_assets.store.code_version import ARCHITECTURE, Chosen, CodeVersions
from aehpo_assets.store.home import Home
from aehpo_assets.store.run_archive import RUN_KEY, RunArchive, run_keys
from aehpo_assets.study import Study
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.checkpoint import Checkpoints
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.defaults import training_defaults
from aehpo_gpu.training.device_cost import cost_model
from aehpo_gpu.training.plan import Shard, plan_shards
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.shards import train_shards
from aehpo_gpu.training.task import ONTOLOGY, TrainingSettings, TrainingTask, training_task

if TYPE_CHECKING:
    from aehpo_assets.space import SearchSpace


def engine_version(architecture: str) -> str:
    """Return the version of the code that trains and scores the runs of an architecture.

    It is of what ``train_shard`` reaches, with the architecture's own module, and of what decides
    which classes are scored. Planning, prices and the archive are not in it: a run's numbers do not
    depend on which others it is trained with.
    """
    versions = CodeVersions.of((train_shard, training_task), (Chosen(ARCHITECTURES),))
    return versions.version({ARCHITECTURE: (architecture,)})


def training_settings(study: Study) -> TrainingSettings:
    """Pick the training settings out of a study."""
    return TrainingSettings(
        epochs=study.epochs,
        steps=study.steps,
        fidelities=tuple(sorted(study.fidelities)),
        annealing=study.annealing,
        vae_loss=study.vae_loss,
        precision=study.precision,
        device=study.device,
        score_fidelities=study.score_fidelities,
    )


def study_replicates(
    task: str,
    study: Study,
    tables: Mapping[str, pd.DataFrame],
    versions: Mapping[str, str] = MappingProxyType({}),
    ontology: pd.DataFrame | None = None,
) -> Replicates:
    """Return the replicates of a task of a study.

    Parameters
    ----------
    task, study
        Which.
    tables
        Asset to table: ``omics_matrix``, ``data_split`` and ``sample_labels``.
    versions
        As :attr:`aehpo_gpu.training.replicates.Replicates.versions`.
    ontology
        Table of ``feature_ontology``, for architectures that need one.
    """
    return Replicates(
        task=task,
        matrix=tables["omics_matrix"],
        table=tables["data_split"],
        labels=tables["sample_labels"],
        preprocessing=study.preprocessing,
        seed=study.split.seed,
        versions=dict(versions),
        ontology=ontology,
    )


def with_seeds(configurations: pd.DataFrame, seeds: list[int]) -> pd.DataFrame:
    """One row a run: every configuration with every seed."""
    return configurations.merge(pd.DataFrame({"seed": seeds}), how="cross")


def distinct_runs(chosen: pd.DataFrame, seeds: Sequence[int], space: SearchSpace) -> pd.DataFrame:
    """One row a run: every configuration that was chosen once, with every seed."""
    configurations = chosen.drop_duplicates("config_id")[["config_id", *space.names]]
    return with_seeds(configurations, list(seeds))


def measured_cost(
    home: Home, architecture: str, runs: pd.DataFrame, settings: TrainingSettings
) -> CostModel:
    """Return the cost model of the device, measured once and kept in the home.

    It is measured on runs as they were asked for, not on what a task's features or an earlier call
    left of them: so it is the same whichever task comes first.
    """
    return cost_model(home.devices, architecture, runs, int(runs["k_filter"].max()), settings)


@dataclass(frozen=True)
class RunTable:
    """Some runs of one architecture on one task, and everything their results depend on.

    Attributes
    ----------
    architecture
        Name of the architecture.
    data
        Matrix, split and targets of the task: of replicate 0 where there are several.
    runs
        One row a run: ``config_id``, the hyperparameters and ``seed``.
    settings
        Epochs, annealing, precision, device.
    inputs
        Name to data version of what ``data`` was made of, and of nothing else.
    home
        Where finished shards are kept.
    replicates
        Where the study has several: the run of seed r is of replicate r. No shard mixes them.
    """

    architecture: str
    data: TrainingTask
    runs: pd.DataFrame
    settings: TrainingSettings
    inputs: dict[str, str]
    home: Home
    replicates: Replicates | None = None

    @property
    def archive(self) -> RunArchive:
        """Finished shards of this architecture and task."""
        return RunArchive(self.home.runs / self.architecture / self.data.task)

    @property
    def _checkpoints(self) -> Path:
        return self.home.checkpoints / self.architecture / self.data.task

    @property
    def engine_version(self) -> str:
        """Version of the code that trains and scores them."""
        return engine_version(self.architecture)

    @property
    def replicate_of(self) -> pd.Series:
        """Replicate of each run."""
        seeds = self.runs["seed"].reset_index(drop=True)
        return seeds if self.replicates else seeds * 0

    def data_of(self, replicate: int) -> TrainingTask:
        """What the runs of a replicate are trained on."""
        further = self.replicates if replicate else None
        return further.data(replicate) if further else self.data

    def inputs_of(self, replicate: int) -> dict[str, str]:
        """Name to version of what a replicate is made of."""
        return self.replicates.inputs(replicate) if self.replicates else self.inputs

    def _size_of(self, replicate: int) -> tuple[int, int]:
        """Features and train samples of a replicate."""
        if self.replicates is None or replicate == 0:
            return self.data.n_features, self.data.n_train
        return self.replicates.n_features(replicate), self.replicates.n_train(replicate)

    def keys(self, rows: Sequence[int] | slice = slice(None)) -> list[str]:
        """Key of each run, or of those at some positions, in their order."""
        asked = self.replicate_of.iloc[rows]
        defaults = training_defaults(ARCHITECTURES[self.architecture], self.settings.annealing)
        defaults[LENGTHS[self.settings.unit]] = self.settings.length
        keys = pd.Series("", index=asked.index)
        for replicate, own in asked.groupby(asked):
            inputs = self.inputs_of(int(replicate))
            if self.data.ontology is not None:
                known = f"{ONTOLOGY}/{self.data.task}"
                inputs = inputs | {known: self.data.ontology.version}
            common = {
                "architecture": self.architecture,
                "task": self.data.task,
                "inputs": inputs,
                "settings": self.settings.identity(),
                "engine": self.engine_version,
            }
            keys[own.index] = run_keys(self.runs.iloc[own.index], common, defaults)
        return keys.tolist()

    def plan(self) -> list[Shard]:
        """Cut what is missing into shards of even length; their positions are within ``runs``."""
        keys = pd.Series(self.keys()).drop_duplicates()
        missing = ~keys.isin(self.archive.finished(keys))
        shards: list[Shard] = []
        runs = with_decoder(ARCHITECTURES[self.architecture], self.runs, self.data.ontology)
        for replicate, own in missing.groupby(self.replicate_of[keys.index]):
            if not own.any():
                continue
            rows = own.index.tolist()
            planned = plan_shards(
                self.architecture,
                runs.iloc[rows],
                *self._size_of(int(replicate)),
                self.settings,
                cost=self.cost(),
                missing=set(np.flatnonzero(own).tolist()),
            )
            for shard in planned:
                fleets = tuple(tuple(rows[at] for at in fleet) for fleet in shard.fleets)
                shards.append(replace(shard, shard_id=len(shards), fleets=fleets))
        return shards

    def cost(self) -> CostModel:
        """Cost model of the device, see :func:`measured_cost`."""
        return measured_cost(self.home, self.architecture, self.runs, self.settings)

    def train(self, shard: Shard, on_progress: Callable[[Progress], None]) -> None:
        """Train a shard and put it into the archive."""
        (replicate,) = self.replicate_of.iloc[shard.rows].unique()
        keys = self.keys(shard.rows)
        checkpoints = Checkpoints(self._checkpoints, dict(zip(shard.rows, keys, strict=True)))
        result = train_shard(
            self.data_of(int(replicate)),
            self.architecture,
            self.runs,
            shard.fleets,
            self.settings,
            self.cost(),
            on_progress,
            checkpoints,
        )
        identity = ["config_id", "seed"]
        key_of = self.runs.iloc[shard.rows][identity].assign(**{RUN_KEY: keys})
        self.archive.add(
            result.runs.merge(key_of, on=identity, how="left", validate="one_to_one"),
            result.curves.merge(key_of, on=identity, how="left"),
            result.influence,
        )
        for fleet in shard.fleets:
            checkpoints.of(fleet).remove()

    def train_all(self, shards: Sequence[Shard], on_progress: Callable[[Progress], None]) -> None:
        """Train shards on all devices that there are, and put them into the archive."""
        train_shards(shards, self.train, self.settings.torch_devices(), on_progress)

    def train_missing(
        self, on_progress: Callable[[Progress], None]
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Train what is missing, and return what :meth:`collect` returns."""
        self.train_all(self.plan(), on_progress)
        return self.collect()

    def collect(self, *, open_test: bool = False) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return results and curves of all runs, in the order of the runs.

        Where there are several replicates, the results have ``replicate``, and ``split_seed``: the
        number of the split in ``data_split``. ``run_key`` is the key of a run in the archive.

        A run that the archive knows under another ``config_id`` takes the present one.

        Parameters
        ----------
        open_test
            Whether to show what tells of the test samples.
        """
        results, curves = self._collect()
        return (results, curves) if open_test else (without_test(results), without_test(curves))

    def test_scores(self) -> pd.DataFrame:
        """Return what all runs tell of the test samples, in the order of the runs.

        Whoever calls this opens the test, and has to say so
        (:class:`aehpo_assets.store.openings.Openings`).

        Returns
        -------
        pandas.DataFrame
            ``config_id``, ``seed``, ``replicate`` and ``split_seed`` where there are several,
            ``status``, the test columns of run results, and ``run_key``.
        """
        results, _ = self._collect()
        named = ["config_id", "seed", "split_seed", "replicate", "status"]
        named = [name for name in named if name in results]
        return results[[*named, *columns_of_test(results), RUN_KEY]]

    def _collect(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        keys = self.keys()
        results, curves = self.archive.collect(keys)
        # What is left there are fleets that nobody will ask for again.
        Checkpoints(self._checkpoints, {}).clear()
        results["config_id"] = self.runs["config_id"].to_numpy()
        if self.replicates:
            after = results.columns.get_loc("seed") + 1
            for column in ("split_seed", "replicate"):
                results.insert(after, column, self.replicate_of.to_numpy())
        config_ids = dict(zip(keys, self.runs["config_id"], strict=True))
        curves["config_id"] = curves[RUN_KEY].map(config_ids)
        results[RUN_KEY] = results.pop(RUN_KEY)
        return results, curves.drop(columns=RUN_KEY)
