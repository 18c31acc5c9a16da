"""The store: where artefacts lie, and how each is written together with its provenance.

``HOME/store/<asset>/<partition…>.parquet`` for tables, ``HOME/store/<asset>/<partition>/`` for
folders (blackboxes, surrogates). A table's provenance and its ``attrs`` live in the Parquet
metadata, so that a file never parts from its record; a folder's in ``provenance.json``.

What an artefact means, and whether it is up to date, is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.errors import StaleInputError
from aehpo_assets.files import atomic_file, atomic_folder, recover_folder
from aehpo_assets.provenance import (
    CheckResult,
    Provenance,
    content_hash,
    folder_hash,
    library_versions,
)

Partition = tuple[str, ...]

_PROVENANCE = b"aehpo.provenance"
_ATTRS = b"aehpo.attrs"


@dataclass
class Record:
    """What the maker of an artefact knows about it before it is written."""

    code_version: str
    settings: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, str] = field(default_factory=dict)
    checks: Sequence[CheckResult] = ()
    device: str = "cpu"


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

    def table_path(self, asset: str, partition: Partition) -> Path:
        """Path of a table."""
        return self.root.joinpath(asset, *partition[:-1], f"{partition[-1]}.parquet")

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
            Columns of measured seconds that nothing downstream reads: they do not enter the data
            version.

        Returns
        -------
        Provenance
            The record as written, with the data version.
        """
        provenance = self._provenance(
            asset, partition, content_hash(frame, without=measured), record
        )
        table = pa.Table.from_pandas(frame, preserve_index=frame.index.name is not None)
        metadata = dict(table.schema.metadata or {})
        metadata[_PROVENANCE] = provenance.model_dump_json().encode()
        metadata[_ATTRS] = json.dumps(frame.attrs).encode()
        with atomic_file(self.table_path(asset, partition)) as temporary:
            pq.write_table(
                table.replace_schema_metadata(metadata),
                temporary,
                compression="zstd",
                write_page_checksum=True,
            )
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

        The data version is the hash of the files unless one is given (for files whose bytes
        hold a date, say).
        """
        path = self.folder_path(asset, partition)
        with atomic_folder(path) as temporary:
            fill(temporary)
            version = data_version or folder_hash(temporary)
            provenance = self._provenance(asset, partition, version, record)
            (temporary / "provenance.json").write_text(
                provenance.model_dump_json(indent=1), encoding="utf-8"
            )
        return provenance

    def read_table(
        self, asset: str, partition: Partition, columns: list[str] | None = None
    ) -> pd.DataFrame:
        """Read a table with its ``attrs``; the pages' checksums are verified.

        Raises
        ------
        StaleInputError
            If the artefact is missing or damaged; the message says how to get it back.
        """
        path = self.table_path(asset, partition)
        try:
            table = pq.read_table(path, columns=columns, page_checksum_verification=True)
        except FileNotFoundError:
            raise self._missing(asset, partition) from None
        except (OSError, pa.ArrowException) as error:
            raise StaleInputError(
                f"{path}: damaged ({error}). Delete it and materialize "
                f"{artefact_name(asset, partition)} again."
            ) from None
        frame = table.to_pandas()
        frame.attrs = json.loads((table.schema.metadata or {}).get(_ATTRS, b"{}"))
        return frame

    def existing_folder(self, asset: str, partition: Partition) -> Path:
        """Path of a folder artefact that exists.

        Raises
        ------
        StaleInputError
            If it is missing.
        """
        path = self.folder_path(asset, partition)
        recover_folder(path)
        if not (path / "provenance.json").exists():
            raise self._missing(asset, partition)
        return path

    def provenance(self, asset: str, partition: Partition) -> Provenance | None:
        """Provenance of an artefact, or None if it is missing or unreadable."""
        table = self.table_path(asset, partition)
        folder = self.folder_path(asset, partition)
        try:
            if table.exists():
                metadata: Mapping[bytes, bytes] = pq.read_schema(table).metadata or {}
                return Provenance.model_validate_json(metadata[_PROVENANCE])
            recover_folder(folder)
            if (folder / "provenance.json").exists():
                return Provenance.model_validate_json((folder / "provenance.json").read_bytes())
        except (OSError, KeyError, ValueError, pa.ArrowException):
            return None
        return None

    def checked(self, asset: str, partition: Partition) -> Provenance:
        """Provenance of an artefact that may be used.

        Raises
        ------
        StaleInputError
            If it is missing, or one of its blocking checks did not pass.
        """
        provenance = self.provenance(asset, partition)
        if provenance is None:
            raise self._missing(asset, partition)
        if provenance.failed_checks:
            failed = "; ".join(
                f"{check.name} ({check.description})" for check in provenance.failed_checks
            )
            raise StaleInputError(
                f"{artefact_name(asset, partition)} did not pass its checks: {failed}. "
                "Mend the data and materialize it again."
            )
        return provenance

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

    def _provenance(
        self, asset: str, partition: Partition, data_version: str, record: Record
    ) -> Provenance:
        return Provenance(
            artefact=artefact_name(asset, partition),
            data_version=data_version,
            code_version=record.code_version,
            settings=record.settings,
            inputs=record.inputs,
            checks=list(record.checks),
            libraries=library_versions(),
            device=record.device,
        )

    def _missing(self, asset: str, partition: Partition) -> StaleInputError:
        return StaleInputError(
            f"{artefact_name(asset, partition)} is not there. Materialize it first."
        )
