"""The artefacts that a study is made of: which there are, what each depends on, which are stale.

The rule itself is ``freshness``; here the assets' definitions, the store and the files of the data
sets are put to it. Nothing is made here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path

import dagster as dg

from aehpo_assets.datasets.catalogue import Task, dataset_settings, usable_tasks
from aehpo_assets.defs.partitions import all_tasks, dimensions, every_task, study_partitions
from aehpo_assets.defs.raw_files import RAW_FILES
from aehpo_assets.defs.recipe import (
    CODE_VERSIONS,
    DATASET_SECTION,
    OPTIONAL_INPUTS,
    ORIGIN,
    STUDY_SETTINGS,
    is_asked_for,
)
from aehpo_assets.report.data_sets import origin_settings
from aehpo_assets.store.code_version import CodeVersions
from aehpo_assets.store.freshness import (
    code_version_of,
    known_settings,
    study_settings,
    why_stale,
)
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import FILE, Partition, artefact_name
from aehpo_assets.study import Study


def specs_of(assets: Iterable[dg.AssetsDefinition]) -> dict[str, dg.AssetSpec]:
    """Return asset name to spec."""
    return {spec.key.to_user_string(): spec for asset in assets for spec in asset.specs}


class StudyArtefacts:
    """The artefacts of the study of a home.

    Parameters
    ----------
    home
        The home, which has adopted the study.
    datasets
        Task to the data set it belongs to and the modality.
    tasks
        The tasks of the study.
    specs
        Asset name to its spec; of one that another code location owns, a stub will do.
    """

    def __init__(
        self,
        home: Home,
        datasets: Mapping[str, Task],
        tasks: list[str],
        specs: Mapping[str, dg.AssetSpec],
    ):
        self.home = home
        self.study: Study = home.study()
        self.datasets = datasets
        self.tasks = tasks
        self.specs = specs
        self._file_hashes: dict[Path, str] = {}

    @classmethod
    def known_to(
        cls, instance: dg.DagsterInstance, home: Home, assets: Iterable[dg.AssetsDefinition]
    ) -> StudyArtefacts:
        """Return them as an instance and a code location know the study of a home today.

        Parameters
        ----------
        instance
            Knows the tasks of a study of all of them.
        home
            The home.
        assets
            Every asset that the code location knows, those of the other one as stubs.
        """
        study = home.study()
        return cls(
            home,
            usable_tasks(home.data_roots(), study.fusion)[0],
            study_partitions(study, instance),
            specs_of(assets),
        )

    def partitions(self, asset: str) -> list[Partition]:
        """Partitions of an asset within the study; none if the study does not ask for it."""
        if not is_asked_for(self.specs[asset].metadata, self.study):
            return []
        definition = self.specs[asset].partitions_def
        return [tuple(p) for p in product(*(self._keys(d) for d in dimensions(definition)))]

    def why_stale(
        self, asset: str, partition: Partition, *, but_for_code: bool = False
    ) -> str | None:
        """Say why an artefact has to be made again, or None if it is up to date.

        Parameters
        ----------
        asset, partition
            The artefact.
        but_for_code
            Whether to pass over what made it: the code of today may be another.
        """
        spec = self.specs[asset]
        provenance = self.home.store.provenance(asset, partition)
        if provenance is None and (damage := self.home.store.damage(asset, partition)):
            return damage
        settings = known_settings(
            study_settings(self.study, list(spec.metadata[STUDY_SETTINGS])),
            provenance.settings if provenance else {},
        )
        section = str(spec.metadata[DATASET_SECTION])
        if section == ORIGIN:
            # Of a data set that is not at hand, what is known of it stays as it is.
            kept = provenance.settings if provenance else {}
            settings |= {k: v for k, v in kept.items() if k.startswith("dataset.")}
            settings |= origin_settings(self.home)
        elif section and partition and partition[-1] in self.datasets:
            settings |= dataset_settings(self.datasets[partition[-1]], section)
        elif section and provenance:
            # The data set is gone; what was made of it is kept as it is.
            settings |= {k: v for k, v in provenance.settings.items() if k.startswith("dataset.")}
        recorded = provenance.inputs if provenance else {}
        expected = self._expected_inputs(asset, partition, recorded)
        versions = CodeVersions(**spec.metadata[CODE_VERSIONS])
        code_version = code_version_of(versions, self.study, partition)
        recorded_code = but_for_code or (self.is_gone(partition) and _reads_files(recorded))
        if recorded_code and provenance is not None:
            code_version = provenance.code_version
        return why_stale(
            provenance,
            code_version=code_version,
            settings=settings,
            inputs=expected,
            prices=self._prices_of(expected),
        )

    def is_gone(self, partition: Partition) -> bool:
        """Whether no data set makes the task of a partition now: what was made of it is kept."""
        return any(name in self.tasks and name not in self.datasets for name in partition[-1:])

    @property
    def gone(self) -> list[str]:
        """Tasks whose data set is gone."""
        return [task for task in self.tasks if self.is_gone((task,))]

    def _prices_of(self, inputs: Iterable[str]) -> set[str]:
        """Price lists that the seconds of some artefacts were read from."""
        records = [
            self.home.store.provenance(asset, tuple(partition))
            for asset, *partition in (name.split("/") for name in inputs if ":" not in name)
        ]
        return {prices for record in records if record for prices in record.prices}

    def _keys(self, dimension: str) -> list[str]:
        if dimension == "architecture":
            return list(self.study.architectures)
        return self.tasks

    def parents(self, asset: str, partition: Partition) -> dict[str, list[Partition]]:
        """Partitions of each parent that this partition depends on.

        Equal in shared dimensions, unless the dependency is mapped to every task.
        """
        spec = self.specs[asset]
        own = dict(zip(dimensions(spec.partitions_def), partition, strict=True))
        parents = {}
        for dep in spec.deps:
            name = dep.asset_key.to_user_string()
            if name == RAW_FILES:
                # No artefact: what reads them records their hashes.
                continue
            theirs = dimensions(self.specs[name].partitions_def)
            joined = dep.partition_mapping in (every_task, all_tasks)
            shared = own.keys() - ({"task"} if joined else set())
            choices = [[own[d]] if d in shared else self._keys(d) for d in theirs]
            parents[name] = [tuple(p) for p in product(*choices)]
        return parents

    def needs(self, asset: str, partition: Partition) -> dict[str, list[Partition]]:
        """Partitions of the parents without which this partition cannot be made.

        Of what an artefact of one task reads of every task, that is its own; it does without its
        optional inputs.
        """
        optional = self._optional_inputs(asset)
        return {
            parent: [p for p in partitions if set(p) <= set(partition)] or partitions
            for parent, partitions in self.parents(asset, partition).items()
            if parent not in optional
        }

    def _optional_inputs(self, asset: str) -> set[str]:
        return set(self.specs[asset].metadata.get(OPTIONAL_INPUTS, []))

    def _present_path(self, name: str, partition: Partition) -> Path:
        """Where a recorded file is today: a data set may have been moved as it is."""
        path = self.home.store.file_path(name)
        if path.exists() or not partition or partition[-1] not in self.datasets:
            return path
        return self.datasets[partition[-1]][0].folder / path.name

    def _expected_inputs(
        self, asset: str, partition: Partition, recorded: dict[str, str]
    ) -> dict[str, str]:
        """Data versions today of what the artefact read, and of parents that have come since."""
        expected = {}
        read = {name.split("/")[0] for name in recorded if not _is_file(name)}
        read |= self._optional_inputs(asset)
        found = {
            (parent, p): provenance
            for parent, partitions in self.parents(asset, partition).items()
            for p in partitions
            if parent in read and (provenance := self.home.store.provenance(parent, p))
        }
        # What did not pass its checks is read by nobody, nor what was made together with it.
        failed = {p for (_, p), provenance in found.items() if provenance.failed_checks}
        for (parent, p), provenance in found.items():
            if p not in failed:
                expected[artefact_name(parent, p)] = provenance.data_version
        if self.is_gone(partition):
            expected |= {name: v for name, v in recorded.items() if _is_file(name)}
            return expected
        for name in filter(_is_file, recorded):
            path = self._present_path(name, partition)
            if path.exists():
                if path not in self._file_hashes:
                    self._file_hashes[path] = file_hash(path)
                expected[name] = self._file_hashes[path]
        return expected


def _is_file(name: str) -> bool:
    return name.startswith(FILE)


def _reads_files(inputs: Mapping[str, str]) -> bool:
    return any(map(_is_file, inputs))
