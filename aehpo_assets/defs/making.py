"""One artefact in the making: every table is read through it, and the artefact written through it.

So the provenance record names exactly what was read, and no artefact exists without its record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd

from aehpo_assets.defs.partitions import (
    architectures_and_tasks,
    belongs,
    dimensions,
    partition_in,
    study_partitions,
)
from aehpo_assets.defs.recipe import Recipe, is_asked_for
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.shown import ColumnLineage, lineage_of_columns, materialized, schema
from aehpo_assets.errors import AehpoError, InputError, NotAskedForError
from aehpo_assets.space import SearchSpace, search_space
from aehpo_assets.store.freshness import code_version_of, study_settings
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.home import Home
from aehpo_assets.store.measured import PRICES, measured_columns
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.store.store import Partition, Record, Store, artefact_name
from aehpo_assets.study import Study


@dataclass
class Making:
    """One artefact in the making, for the study as it was when the making began.

    Attributes
    ----------
    recipe
        What it depends on.
    context
        Dagster's context.
    home
        The home that it is made in.
    settings
        The study that lives there.
    partition
        Architecture and task, as far as the asset has them.
    inputs
        Name to data version of everything read so far.
    taken
        Name to the data versions of what was taken over for good, in this making and before.
    prices
        Price lists that the seconds of what was read so far come from.
    opening
        Number of the opening of test scores, of what shows any.
    """

    recipe: Recipe
    context: dg.AssetExecutionContext | dg.OpExecutionContext
    home: Home
    settings: Study
    partition: Partition
    inputs: dict[str, str] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    dataset_settings: dict[str, Any] = field(default_factory=dict)
    prices: set[str] = field(default_factory=set)
    opening: int | None = None

    @classmethod
    def begin(
        cls,
        recipe: Recipe,
        context: dg.AssetExecutionContext | dg.OpExecutionContext,
        study: StudyResource,
    ) -> Making:
        """Begin the artefact of the partition that Dagster is materializing.

        Raises
        ------
        InputError
            If the partition does not belong to the study.
        NotAskedForError
            If the study lacks the section without which there is nothing to make.
        """
        home, settings, partition = study.home, study.study, partition_in(context)
        is_asset = isinstance(context, dg.AssetExecutionContext)
        # What is made by a graph of ops has both dimensions.
        definition = context.assets_def.partitions_def if is_asset else architectures_and_tasks
        for name, key in zip(dimensions(definition), partition, strict=True):
            if not belongs(settings, name, key):
                raise InputError(
                    f"the study {settings.name} does not list the {name} {key!r}",
                    file=home.study_file,
                    key=f"{name}s",
                    remedy="Add it to your study file, and call `aehpo run` with it.",
                )
        if not is_asked_for(recipe.metadata, settings):
            raise NotAskedForError(
                f"the study has no {recipe.only_with}, without which there is no {recipe.asset}",
                file=home.study_file,
                key=recipe.only_with,
                remedy="Select what the study has, or start the job `study`. If you want it, add "
                "it to your study file, and call `aehpo run` with it.",
            )
        return cls(recipe, context, home, settings, partition)

    @cached_property
    def store(self) -> Store:
        """The store of the home."""
        return self.home.store

    @cached_property
    def tasks(self) -> list[str]:
        """The tasks of the study, sorted."""
        return study_partitions(self.settings, self.context.instance)

    @cached_property
    def space(self) -> SearchSpace:
        """The search space of the architecture, as the study narrows it."""
        return search_space(self.partition[0], self.settings.space)

    @property
    def section(self) -> Any:
        """The optional section of the study without which there is nothing to make."""
        section: Any = self.settings
        for part in str(self.recipe.only_with).split("."):
            section = getattr(section, part)
        return section

    def table(self, asset: str, *partition: str) -> pd.DataFrame:
        """Read an input table whose blocking checks passed.

        Raises
        ------
        StaleInputError
            If it is missing, damaged, or did not pass its checks.
        """
        self._reads(asset, partition)
        return self.store.read_table(asset, partition)

    def tables(self, asset: str) -> dict[str, pd.DataFrame]:
        """Read a table of the architecture for each task of the study that has usable results.

        A task whose data or training failed does not hold back the others.

        Raises
        ------
        StaleInputError
            If no task has; it says what is wrong with the first.
        """
        architecture = self.partition[0]
        # Learning curves have no checks of their own: those of the run results are theirs too.
        needed = ("run_results", asset)
        usable = [
            task
            for task in self.tasks
            if all(self.store.is_usable(name, (architecture, task)) for name in needed)
        ]
        if left_out := sorted(set(self.tasks) - set(usable)):
            self.context.log.warning(f"Without usable {asset}, left out: {', '.join(left_out)}")
        return {task: self.table(asset, architecture, task) for task in usable or self.tasks[:1]}

    def tables_of_tasks(self, asset: str) -> dict[str, pd.DataFrame]:
        """Read a table that knows no architecture for each task of the study that has it."""
        usable = [task for task in self.tasks if self.store.is_usable(asset, (task,))]
        return {task: self.table(asset, task) for task in usable}

    def reads_all(self, asset: str) -> None:
        """Record as inputs all that the study has of an asset, for those who read it themselves."""
        own = {*self.settings.architectures, *self.tasks}
        for partition in self.store.partitions(asset):
            if set(partition) <= own and self.store.is_usable(asset, partition):
                self._reads(asset, partition)

    def _reads(self, asset: str, partition: Partition) -> None:
        provenance = self.store.checked(asset, partition)
        self.inputs[artefact_name(asset, partition)] = provenance.data_version
        self.prices |= set(provenance.prices)

    def taken_table(self, asset: str, *partition: str) -> pd.DataFrame:
        """Read a table to keep its content, whatever becomes of it; otherwise as :meth:`table`."""
        provenance = self.store.checked(asset, partition)
        name = artefact_name(asset, partition)
        self.taken[name] = [*self.taken.get(name, []), provenance.data_version]
        return self.store.read_table(asset, partition)

    def folder(self, asset: str, *partition: str) -> Path:
        """Path of an input folder whose blocking checks passed.

        Raises
        ------
        StaleInputError
            If it is missing or did not pass its checks.
        """
        self._reads(asset, partition)
        return self.store.existing_folder(asset, partition)

    def predecessor(self) -> pd.DataFrame | None:
        """Read the artefact that is in its place until now; None if there is none to be read."""
        try:
            return self.store.read_table(self.recipe.asset, self.partition)
        except AehpoError:
            return None

    def file(self, path: Path) -> Path:
        """Record a file outside the store as an input."""
        self.inputs[self.store.file_name(path)] = file_hash(path)
        return path

    @property
    def code_version(self) -> str:
        """Version of what computes it, with the members chosen by its partition and the study."""
        return code_version_of(self.recipe.code, self.settings, self.partition)

    def record(self, checks: Sequence[CheckResult] = (), device: str = "cpu") -> Record:
        """Everything known about the artefact before it is written."""
        settings = study_settings(self.settings, self.recipe.settings)
        return Record(
            code_version=self.code_version,
            settings=settings | self.dataset_settings,
            inputs=self.inputs,
            taken=self.taken,
            checks=checks,
            device=device,
            prices=self.prices,
            opening=self.opening,
        )

    def write_table(
        self,
        frame: pd.DataFrame,
        *,
        checks: Sequence[CheckResult] = (),
        metadata: Mapping[str, Any] | None = None,
        plots: Mapping[str, bytes] | None = None,
        measured: bool = False,
        device: str = "cpu",
        column_lineage: ColumnLineage | None = None,
    ) -> dg.MaterializeResult:
        """Write the artefact as a table, and return what Dagster shows of it.

        Parameters
        ----------
        frame
            The table.
        checks
            Outcomes of the data-quality checks; they become part of the record.
        metadata
            Key numbers.
        plots
            Title to PNG.
        measured
            Whether columns of measured seconds are among its own; they do not enter the data
            version. A label or a feature may have such a name and count all the same.
        device
            Device that the numbers were computed on.
        column_lineage
            Column to the columns of other assets that it was made from.
        """
        if measured and PRICES in frame:
            self.prices |= set(frame[PRICES].dropna())
        provenance = self.store.write_table(
            self.recipe.asset,
            self.partition,
            frame,
            self.record(checks, device),
            measured=measured_columns(frame) if measured else (),
        )
        path = self.store.table_path(self.recipe.asset, self.partition)
        shown = {
            "dagster/row_count": len(frame),
            "columns": len(frame.columns),
            "path": dg.MetadataValue.path(path),
            **schema(self.recipe.asset, frame),
            **lineage_of_columns(column_lineage or {}),
        }
        return materialized(provenance, self.recipe.asset, shown, metadata, plots)

    def write_folder(
        self,
        fill: Callable[[Path], object],
        *,
        data_version: str | None = None,
        checks: Sequence[CheckResult] = (),
        metadata: Mapping[str, Any] | None = None,
        plots: Mapping[str, bytes] | None = None,
        device: str = "cpu",
    ) -> dg.MaterializeResult:
        """Write the artefact as a folder, and return what Dagster shows of it."""
        provenance = self.store.write_folder(
            self.recipe.asset,
            self.partition,
            fill,
            self.record(checks, device),
            data_version=data_version,
        )
        path = self.store.folder_path(self.recipe.asset, self.partition)
        shown = {"path": dg.MetadataValue.path(path)}
        return materialized(provenance, self.recipe.asset, shown, metadata, plots)

    def write_tables(
        self,
        tables: Mapping[str, pd.DataFrame],
        fill: Callable[[Path], object] = lambda folder: None,
        **shown: Any,
    ) -> dg.MaterializeResult:
        """Write the artefact as a folder of tables, ``<name>.parquet`` each.

        Parameters
        ----------
        tables
            Name to table.
        fill
            Writes into the folder what is no table.
        **shown
            As for :meth:`write_folder`.
        """

        def fill_all(folder: Path) -> None:
            fill(folder)
            for name, table in tables.items():
                table.to_parquet(folder / f"{name}.parquet", index=False)

        return self.write_folder(fill_all, **shown)
