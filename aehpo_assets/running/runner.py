"""Running a study without the UI: both code locations in one process, on the home's instance.

The runner loads the code locations by the module names in ``workspace.yaml`` and imports neither
by itself. It materializes one asset partition after another, leaves out what is up to date, and
leaves the instance as the UI would have left it. What is printed belongs to ``cli.main``.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from graphlib import TopologicalSorter
from pathlib import Path
from types import MappingProxyType
from typing import Any

import dagster as dg
import yaml

from aehpo_assets.datasets.catalogue import Task
from aehpo_assets.datasets.joint_names import is_joint
from aehpo_assets.defs.failures import reason_of_failure
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.partitions import partition_key, study_partitions, sync_partitions
from aehpo_assets.defs.resource import HEADLESS_TAG, INTERRUPTED_TAG, study_on
from aehpo_assets.defs.run_tags import run_tags
from aehpo_assets.defs.study_artefacts import StudyArtefacts, specs_of
from aehpo_assets.errors import InputError
from aehpo_assets.running.asset_runs import (
    AssetRuns,
    is_interrupted,
    warnings_of,
)
from aehpo_assets.shipped import WORKSPACE_FILE
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Partition, artefact_name
from aehpo_assets.study import Study


@dataclass(frozen=True)
class Work:
    """One unit of work: the assets that are made together, for one partition."""

    assets: tuple[str, ...]
    partition: Partition
    reason: str

    @property
    def name(self) -> str:
        """Name for messages: ``run_results [varix | tcga_rna]``."""
        part = f" [{' | '.join(self.partition)}]" if self.partition else ""
        return f"{self.assets[0]}{part}"


@dataclass(frozen=True)
class Outcome:
    """What became of a unit of work."""

    work: Work
    seconds: float
    error: str | None
    warnings: tuple[str, ...]


class CodeLocations:
    """The assets of all code locations of a workspace, each owned by exactly one."""

    def __init__(self, workspace_file: Path = WORKSPACE_FILE):
        self._workspace_file = workspace_file

    @cached_property
    def _definitions(self) -> dict[str, dg.Definitions]:
        content = yaml.safe_load(self._workspace_file.read_text(encoding="utf-8"))
        modules = [entry["python_module"] for entry in content["load_from"]]
        return {
            module["location_name"]: importlib.import_module(module["module_name"]).defs
            for module in modules
        }

    @cached_property
    def assets(self) -> list[dg.AssetsDefinition]:
        """Every asset that some code location computes, upstream before downstream."""
        owned = [
            asset
            for definitions in self._definitions.values()
            for asset in definitions.assets or []
            if isinstance(asset, dg.AssetsDefinition)
        ]
        by_key = {key: asset for asset in owned for key in asset.keys}
        parents = {
            id(asset): {
                id(by_key[dep.asset_key])
                for spec in asset.specs
                for dep in spec.deps
                if dep.asset_key in by_key and by_key[dep.asset_key] is not asset
            }
            for asset in owned
        }
        by_id = {id(asset): asset for asset in owned}
        return [by_id[i] for i in TopologicalSorter(parents).static_order()]

    @cached_property
    def owners(self) -> dict[str, str]:
        """Asset name to the code location that computes it."""
        return {
            key.to_user_string(): location
            for location, definitions in self._definitions.items()
            for asset in definitions.assets or []
            if isinstance(asset, dg.AssetsDefinition)
            for key in asset.keys
        }

    @cached_property
    def specs(self) -> dict[str, dg.AssetSpec]:
        """Asset name to its spec."""
        return specs_of(self.assets)

    @cached_property
    def nodes(self) -> dict[str, str]:
        """Asset name to the op or graph that makes it in a run."""
        return {
            key.to_user_string(): asset.node_def.name for asset in self.assets for key in asset.keys
        }

    def works(self, artefacts: StudyArtefacts) -> Iterator[tuple[tuple[str, ...], Partition]]:
        """All units of work of a study, upstream before downstream."""
        for asset in self.assets:
            names = tuple(sorted(key.to_user_string() for key in asset.keys))
            names = tuple(sorted(names, key=lambda name: name != "run_results"))
            for partition in artefacts.partitions(names[0]):
                yield names, partition


class StudyRun:
    """A study on its home: what there is to do, and doing it.

    Parameters
    ----------
    home
        The home, which has adopted the study.
    instance
        Its Dagster instance.
    datasets
        Task to the data set it belongs to and the modality.
    locations
        The code locations.
    """

    def __init__(
        self,
        home: Home,
        instance: dg.DagsterInstance,
        datasets: dict[str, Task],
        locations: CodeLocations | None = None,
    ):
        self.home = home
        self.instance = instance
        self.locations = locations or CodeLocations()
        self.artefacts = StudyArtefacts(
            home, datasets, study_partitions(home.study(), instance), self.locations.specs
        )
        self._runs = AssetRuns(self.locations.assets, study_on(home), instance)

    def works(self) -> Iterator[tuple[tuple[str, ...], Partition]]:
        """All units of work of the study, upstream before downstream."""
        return self.locations.works(self.artefacts)

    def run(
        self,
        *,
        on_start: Callable[[Work], None] = lambda work: None,
        on_end: Callable[[Outcome], None] = lambda outcome: None,
        on_left_out: Callable[[Work], None] = lambda work: None,
        on_done: Callable[[int], None] = lambda count: None,
    ) -> list[Outcome]:
        """Materialize whatever is not up to date.

        What depends on something that failed is left out; everything else is made.

        Parameters
        ----------
        on_start, on_end
            Called around each unit of work that is done.
        on_left_out
            Called for each that hangs on one that failed.
        on_done
            Called with the number of units looked at so far, up to date or made.

        Returns
        -------
        list of Outcome
            One for each unit of work that was done or failed, in order.
        """
        outcomes: list[Outcome] = []
        failed: set[str] = set()
        for count, (assets, partition) in enumerate(self.works()):
            on_done(count)
            if failed and self._depends_on(assets, partition, failed):
                failed |= {artefact_name(asset, partition) for asset in assets}
                on_left_out(Work(assets, partition, "hangs on a failure"))
                continue
            reasons = [self._why_made(asset, partition) for asset in assets]
            reason = next((r for r in reasons if r), None)
            if reason is None:
                continue
            work = Work(assets, partition, reason)
            on_start(work)
            outcome = self.materialize(work)
            outcomes.append(outcome)
            if outcome.error is not None:
                failed |= {artefact_name(asset, partition) for asset in assets}
            on_end(outcome)
        return outcomes

    def _why_made(self, asset: str, partition: Partition) -> str | None:
        """Say why an artefact is to be made: its record is not of today, or its content damaged."""
        why = self.artefacts.why_stale(asset, partition)
        return why or self.home.store.damage(asset, partition)

    def materialize(self, work: Work, config: Mapping[str, Any] | None = None) -> Outcome:
        """Materialize one unit of work in this process.

        Parameters
        ----------
        work
            What to make.
        config
            Dagster's run configuration of its assets.

        Raises
        ------
        KeyboardInterrupt
            If a signal interrupted the run, which Dagster takes for the failure of a step. The run
            is marked, so that the UI asks again for what it was to make.
        """
        started = time.monotonic()
        result = self._runs.execute(
            work.assets,
            self.locations.owners[work.assets[0]],
            {HEADLESS_TAG: "true", **run_tags(self.artefacts, work.assets, work.partition)},
            {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}, **(config or {})},
        )
        if not result.success and is_interrupted(result):
            self.instance.add_run_tags(result.run_id, {INTERRUPTED_TAG: "true"})
            raise KeyboardInterrupt
        warnings = tuple(warnings_of(result))
        error = None if result.success else reason_of_failure(result.all_events)
        return Outcome(work, time.monotonic() - started, error, warnings)

    def tell_instance(self) -> int:
        """Tell the instance of artefacts that it does not know of, and return how many those are.

        A process killed between the two writes leaves the store ahead of the instance, and an
        instance that was lost and made again knows nothing at all.
        """
        told = 0
        for asset in self.locations.specs:
            known: set[str | None] = {
                *self.instance.get_materialized_partitions(dg.AssetKey(asset))
            }
            if self.instance.get_latest_materialization_event(dg.AssetKey(asset)) is not None:
                known.add(None)
            for partition in self.artefacts.partitions(asset):
                key = partition_key(partition)
                provenance = self.home.store.provenance(asset, partition)
                if key in known or provenance is None or provenance.failed_checks:
                    continue
                self.instance.report_runless_asset_event(
                    dg.AssetMaterialization(
                        asset,
                        description="Found in the store; the event of its making was lost.",
                        partition=key,
                        metadata={"inputs": dg.MetadataValue.json(provenance.inputs)},
                        tags={"dagster/data_version": provenance.data_version},
                    )
                )
                told += 1
        return told

    def _depends_on(self, assets: Sequence[str], partition: Partition, failed: set[str]) -> bool:
        """Whether all that they need of some parent failed; one task does not hold back others."""
        return any(
            partitions and all(artefact_name(parent, p) in failed for p in partitions)
            for asset in assets
            for parent, partitions in self.artefacts.needs(asset, partition).items()
        )


def prepare(
    study: Study,
    home: Home,
    datasets: dict[str, Task],
    *,
    file: Path,
) -> dg.DagsterInstance:
    """Adopt the study, open the instance and make its partitions those of the study.

    A task of a study of all tasks whose data set is gone stays, if something was made of it.

    Raises
    ------
    InputError
        If the home belongs to another study.
    """
    home.adopt(study, file)
    instance = open_instance(home)
    made = [task for (task,) in home.store.partitions("omics_matrix")]
    sync_partitions(study, instance, [*datasets, *made])
    return instance


def study_tasks(
    study: Study,
    available: dict[str, Task],
    file: Path,
    problems: Mapping[Path, InputError] = MappingProxyType({}),
) -> dict[str, Task]:
    """Restrict the available tasks to those of the study.

    Parameters
    ----------
    study
        The study.
    available
        Task to the data set it belongs to and the modality.
    file
        The study file, for the message.
    problems
        What is wrong with the other data sets: they may have the task that is missed.

    Raises
    ------
    InputError
        If the study names a task that no data set has, or there is none at all.
    """
    broken = next(iter(problems.values()), None)
    also = f"; a data set cannot be used: {broken}" if broken else ""
    if not available and broken is not None:
        raise broken
    if not available:
        raise InputError(
            "no data set was found",
            file=file,
            key="tasks",
            remedy="Give a folder of data sets with --data or AEHPO_DATA.",
        )
    for fused in study.fused_tasks:
        if fused not in available:
            raise InputError(
                f"no data set has all that {fused} joins{also}",
                file=file,
                key="fusion",
                remedy=f"Tasks of one modality: {', '.join(_single(available))}. Add a data root "
                "with --data.",
            )
    wanted = study.wanted_tasks
    if wanted == "all":
        return available
    for task in wanted:
        if task not in available:
            raise InputError(
                f"unknown task {task!r}{also}",
                file=file,
                key="tasks",
                remedy=f"Available: {', '.join(_single(available))}. Add a data root with --data.",
            )
    return {task: available[task] for task in wanted}


def _single(available: Mapping[str, Task]) -> list[str]:
    return sorted(task for task, (_, modality) in available.items() if not is_joint(modality))
