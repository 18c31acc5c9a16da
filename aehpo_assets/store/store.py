"""The store: where artefacts lie, and how each is written together with its provenance.

``HOME/store/<asset>/<partition…>.parquet`` for tables, ``HOME/store/<asset>/<partition>/`` for
folders (blackboxes, surrogates). A table's provenance and its ``attrs`` live in the Parquet
metadata, so that a file never parts from its record; a folder's in ``provenance.json``.

A record names its artefact and is sealed. What is read is held against the name, the seal and the
hash of the content. What is not what was written, or lies where another belongs, is set aside as
``.<name>.damaged``: it is missing from then on, and whoever runs the study next makes it again.
The archives of finished trainings and searches are stores of their own below the home.

What an artefact means, and whether it is up to date, is not known here.
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.errors import StaleInputError
from aehpo_assets.store.files import (
    atomic_file,
    atomic_folder,
    damaged_path,
    present_folder,
    recover_folder,
)
from aehpo_assets.store.hashes import content_hash, file_hashes
from aehpo_assets.store.measured import folder_version
from aehpo_assets.store.processor import arithmetic
from aehpo_assets.store.provenance import CheckResult, Provenance, git_state, library_versions
from aehpo_assets.store.seals import sealed
from aehpo_assets.store.verified import (
    DamagedError,
    read_verified,
    record_of_folder,
    record_of_table,
    verify_folder,
    with_record,
)

logger = logging.getLogger(__name__)


Partition = tuple[str, ...]


_NAMED_AT_MOST = 5


@dataclass
class Record:
    """What the maker of an artefact knows about it before it is written."""

    code_version: str
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    taken: dict[str, list[str]] = field(default_factory=dict)
    checks: Sequence[CheckResult] = ()
    device: str = "cpu"
    prices: Collection[str] = ()
    opening: int | None = None


FILE = "file:"
"""Prefix of the names of files outside the store among the inputs of a record."""


def artefact_name(asset: str, partition: Partition) -> str:
    """Return the name by which provenance refers to an artefact: ``run_results/varix/tcga_rna``."""
    return "/".join((asset, *partition))


class Store:
    """Artefacts below one folder.

    Parameters
    ----------
    root
        The folder; it need not exist yet.
    """

    def __init__(self, root: Path):
        self.root = Path(root)

    def file_name(self, path: Path) -> str:
        """Name of a file among inputs; one inside the home is named from there, so that it moves.

        Parameters
        ----------
        path
            An absolute path.
        """
        home = self.root.parent
        return f"{FILE}{path.relative_to(home) if path.is_relative_to(home) else path}"

    def file_path(self, name: str) -> Path:
        """Return the path of a file by its name among inputs."""
        return self.root.parent / name.removeprefix(FILE)

    def table_path(self, asset: str, partition: Partition) -> Path:
        """Path of a table."""
        *folders, name = (asset, *partition)
        return self.root.joinpath(*folders, f"{name}.parquet")

    def folder_path(self, asset: str, partition: Partition) -> Path:
        """Path of a folder artefact."""
        return self.root.joinpath(asset, *partition)

    def write_table(
        self,
        asset: str,
        partition: Partition,
        frame: pd.DataFrame,
        record: Record,
        *,
        measured: tuple[str, ...] = (),
    ) -> Provenance:
        """Write a table and its provenance, atomically.

        Parameters
        ----------
        asset, partition
            Which artefact.
        frame
            The table; its ``attrs`` (JSON only) are kept.
        record
            Code version, settings, inputs and checks.
        measured
            Columns of measured seconds: they do not enter the data version.

        Returns
        -------
        Provenance
            The record as written, with the data version.
        """
        version = content_hash(frame, without=measured)
        provenance = self._provenance(
            asset,
            partition,
            version,
            record,
            measured=measured,
            content=content_hash(frame) if measured else version,
        )
        table = pa.Table.from_pandas(frame, preserve_index=frame.index.name is not None)
        path = self.table_path(asset, partition)
        with atomic_file(path) as temporary:
            pq.write_table(
                with_record(table, provenance, frame.attrs),
                temporary,
                compression="zstd",
                write_page_checksum=True,
            )
        damaged_path(path).unlink(missing_ok=True)
        return provenance

    def write_folder(
        self,
        asset: str,
        partition: Partition,
        fill: Callable[[Path], object],
        record: Record,
        *,
        data_version: str | None = None,
    ) -> Provenance:
        """Let ``fill`` write into an empty folder, and put it in place with its provenance.

        The data version is the hash of what the files say (:func:`folder_version`), unless one is
        given.
        """
        path = self.folder_path(asset, partition)
        with atomic_folder(path) as temporary:
            fill(temporary)
            files = file_hashes(temporary)
            version = data_version or folder_version(temporary)
            provenance = self._provenance(asset, partition, version, record, files=files)
            content = json.dumps(sealed(provenance.model_dump(mode="json")), indent=1)
            (temporary / "provenance.json").write_text(content, encoding="utf-8")
        shutil.rmtree(damaged_path(path), ignore_errors=True)
        return provenance

    def read_table(self, asset: str, partition: Partition) -> pd.DataFrame:
        """Read a table with its ``attrs``, and hold its content against its data version.

        Raises
        ------
        StaleInputError
            If the artefact is missing or damaged; what is damaged is set aside.
        """
        path = self.table_path(asset, partition)
        try:
            return read_verified(path, artefact_name(asset, partition))
        except FileNotFoundError:
            raise self._missing(asset, partition) from None
        except DamagedError as error:
            raise self._set_aside(path, asset, partition, str(error)) from None

    def find_table(self, asset: str, partition: Partition) -> pd.DataFrame | None:
        """Read a table that can be made again; None if it is missing, or damaged, which is logged.

        What is damaged is set aside.
        """
        if not self.table_path(asset, partition).exists():
            return None
        try:
            return self.read_table(asset, partition)
        except StaleInputError as error:
            logger.warning("%s", error)
            return None

    def sound_tables(self, asset: str) -> dict[Partition, pd.DataFrame]:
        """Read all tables of an asset that can be made again; what is damaged is left out.

        It is set aside and logged: each by name, or if they are many, the first and their number.
        """
        tables, damaged = {}, []
        for partition in self.partitions(asset):
            try:
                tables[partition] = self.read_table(asset, partition)
            except StaleInputError as error:
                damaged.append(str(error))
        for problem in damaged[:1] if len(damaged) > _NAMED_AT_MOST else damaged:
            logger.warning("%s", problem)
        if len(damaged) > _NAMED_AT_MOST:
            more = len(damaged) - 1
            logger.warning("%d more tables of %s are set aside likewise", more, self.root / asset)
        return tables

    def existing_folder(self, asset: str, partition: Partition) -> Path:
        """Path of a folder artefact, whose files are those that were written.

        Raises
        ------
        StaleInputError
            If it is missing or damaged; what is damaged is set aside.
        """
        path = self.folder_path(asset, partition)
        recover_folder(path)
        if not (path / "provenance.json").exists():
            raise self._missing(asset, partition)
        try:
            verify_folder(path, artefact_name(asset, partition))
        except DamagedError as error:
            raise self._set_aside(path, asset, partition, str(error)) from None
        return path

    def damage(self, asset: str, partition: Partition) -> str | None:
        """Say what is wrong with the content of an artefact, or None; nothing is set aside.

        Of one that is missing, nothing is wrong unless it was set aside.
        """
        table, place = self.table_path(asset, partition), self.folder_path(asset, partition)
        folder, name = present_folder(place), artefact_name(asset, partition)
        try:
            if table.exists():
                read_verified(table, name)
            elif (folder / "provenance.json").exists():
                verify_folder(folder, name)
            elif damaged_path(table).exists() or damaged_path(place).exists():
                return "it was damaged, and is set aside"
        except DamagedError as error:
            return str(error)
        return None

    def provenance(self, asset: str, partition: Partition) -> Provenance | None:
        """Provenance of an artefact, or None if it is missing, unreadable or of another one."""
        table = self.table_path(asset, partition)
        folder = present_folder(self.folder_path(asset, partition))
        name = artefact_name(asset, partition)
        try:
            if table.exists():
                return record_of_table(pq.read_schema(table), name)
            if (folder / "provenance.json").exists():
                return record_of_folder(folder, name)
        except (OSError, KeyError, ValueError, pa.ArrowException):
            return None
        return None

    def checked(self, asset: str, partition: Partition) -> Provenance:
        """Provenance of an artefact that may be used.

        Raises
        ------
        StaleInputError
            If it is missing or damaged, or one of its blocking checks did not pass.
        """
        provenance = self.provenance(asset, partition)
        if provenance is None:
            if (damage := self.damage(asset, partition)) is not None:
                name = artefact_name(asset, partition)
                raise StaleInputError(f"{name}: damaged ({damage}). Materialize it again.")
            raise self._missing(asset, partition)
        if provenance.failed_checks:
            failed = "; ".join(
                f"{check.name} ({check.description})" for check in provenance.failed_checks
            )
            raise StaleInputError(
                f"{artefact_name(asset, partition)} did not pass its checks: {failed}. "
                "Correct the data and materialize it again."
            )
        return provenance

    def is_usable(self, asset: str, partition: Partition) -> bool:
        """Whether an artefact is there and its blocking checks passed."""
        provenance = self.provenance(asset, partition)
        return provenance is not None and not provenance.failed_checks

    def partitions(self, asset: str) -> list[Partition]:
        """Partitions of an asset that lie in the store, sorted."""
        folder = self.root / asset
        tables = {
            path.relative_to(folder).with_suffix("").parts
            for path in folder.rglob("*.parquet")
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
            and not (path.parent / "provenance.json").exists()
        }
        folders = {
            path.parent.relative_to(folder).parts
            for path in folder.rglob("provenance.json")
            if not any(part.startswith(".") for part in path.relative_to(folder).parts)
        }
        return sorted(tables | folders)

    def recover(self) -> None:
        """Put back the folders that killed writers set aside; nobody may be writing."""
        for path in sorted(self.root.rglob(".*.old")):
            recover_folder(path.with_name(path.name[1:].removesuffix(".old")))

    def _provenance(
        self,
        asset: str,
        partition: Partition,
        data_version: str,
        record: Record,
        *,
        measured: tuple[str, ...] = (),
        content: str | None = None,
        files: dict[str, str] | None = None,
    ) -> Provenance:
        commit, dirty = git_state()
        return Provenance(
            artefact=artefact_name(asset, partition),
            data_version=data_version,
            code_version=record.code_version,
            settings=record.settings,
            inputs=record.inputs,
            taken=record.taken,
            checks=list(record.checks),
            measured=measured,
            content=content,
            prices=tuple(sorted(record.prices)),
            files=files or {},
            opening=record.opening,
            commit=commit,
            dirty=dirty,
            libraries=library_versions(),
            device=record.device,
            processor=arithmetic(),
        )

    def _missing(self, asset: str, partition: Partition) -> StaleInputError:
        return StaleInputError(
            f"{artefact_name(asset, partition)} is not there. Materialize it first."
        )

    def _set_aside(
        self, path: Path, asset: str, partition: Partition, damage: str
    ) -> StaleInputError:
        """Move what is damaged out of the way, and return the error that says so."""
        aside = damaged_path(path)
        name = artefact_name(asset, partition)
        try:
            if aside.is_dir():
                shutil.rmtree(aside)
            # Two readers may find the damage at once; the second has nothing left to move.
            with contextlib.suppress(FileNotFoundError):
                path.replace(aside)
        except OSError as error:
            return StaleInputError(
                f"{path}: damaged ({damage}). It cannot be set aside ({error.strerror}); whoever "
                f"may write there lets `aehpo run` make {name} again."
            )
        return StaleInputError(
            f"{path}: damaged ({damage}). It is set aside as {aside.name}; the next `aehpo run` "
            f"makes {name} again."
        )
