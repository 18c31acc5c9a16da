"""Reading what was written: records that belong to their artefact, contents that fit their record.

Here belongs how a record lies in a file, and what counts as damage. Where an artefact lies, and
what is done about damage, belongs to ``store``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.limits import read_json
from aehpo_assets.store.hashes import content_hash, file_hashes, settings_hash
from aehpo_assets.store.provenance import Provenance
from aehpo_assets.store.seals import check_seal, opened

_PROVENANCE = b"aehpo.provenance"
_ATTRS = b"aehpo.attrs"
_SEAL = b"aehpo.seal"
"""Keys of the metadata of a table: its record, its ``attrs``, and the seal of both."""


class DamagedError(Exception):
    """An artefact is not what was written."""


def _said_beside_schema(metadata: Mapping[bytes, bytes]) -> dict[str, str]:
    """Everything that the footer of a table says beside its schema."""
    return {k.hex(): v.hex() for k, v in metadata.items() if k not in (_SEAL, b"ARROW:schema")}


def with_record(table: pa.Table, provenance: Provenance, attrs: dict[Any, Any]) -> pa.Table:
    """Return a table that carries its record and its ``attrs``, sealed."""
    metadata = dict(table.schema.metadata or {})
    metadata[_PROVENANCE] = provenance.model_dump_json().encode()
    metadata[_ATTRS] = json.dumps(attrs).encode()
    metadata[_SEAL] = settings_hash(_said_beside_schema(metadata)).encode()
    return table.replace_schema_metadata(metadata)


def record_of_table(schema: pa.Schema, name: str) -> Provenance:
    """Return the record of a table.

    Raises
    ------
    KeyError, ValueError
        If there is none, it is not as it was written, or it is that of another artefact.
    """
    metadata: Mapping[bytes, bytes] = schema.metadata or {}
    seal = metadata.get(_SEAL)
    check_seal(None if seal is None else seal.decode(), _said_beside_schema(metadata))
    return _named(Provenance.model_validate_json(metadata[_PROVENANCE]), name)


def record_of_folder(folder: Path, name: str) -> Provenance:
    """Return the record of a folder; raises as that of a table."""
    content = read_json((folder / "provenance.json").read_bytes())
    return _named(Provenance.model_validate(opened(content)), name)


def _named(provenance: Provenance, name: str) -> Provenance:
    """Return a record that is of the artefact in whose place it lies."""
    if provenance.artefact != name:
        raise ValueError(f"it is {provenance.artefact}, not {name}")
    return provenance


def read_verified(path: Path, name: str) -> pd.DataFrame:
    """Read a table, and hold its pages against their checksums and its content against its hash."""
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        provenance = record_of_table(table.schema, name)
        frame = table.to_pandas()
        frame.attrs = read_json(table.schema.metadata[_ATTRS])
    except (FileNotFoundError, MemoryError):
        raise
    except OSError as error:
        # Arrow's own complaints about content carry no number; the system's do.
        if error.errno is not None:
            raise
        raise DamagedError(_first_line(error)) from None
    except (pa.ArrowException, KeyError, ValueError, TypeError) as error:
        raise DamagedError(_first_line(error)) from None
    # Records of an older version hold the hash without the measured columns alone.
    written = provenance.content or provenance.data_version
    present = content_hash(frame, without=() if provenance.content else provenance.measured)
    if present != written:
        raise DamagedError(f"its content has the hash {present}, its record says {written}")
    return frame


def verify_folder(path: Path, name: str) -> None:
    """Hold the files of a folder against the hashes in its record."""
    try:
        provenance = record_of_folder(path, name)
    except ValueError as error:
        raise DamagedError(f"provenance.json: {_first_line(error)}") from None
    present = file_hashes(path)
    for file, written in provenance.files.items():
        if file not in present:
            raise DamagedError(f"{file} is gone")
        if present[file] != written:
            raise DamagedError(f"{file} has the hash {present[file]}, its record says {written}")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
