"""The file formats of matrices and tables, each read by the field's own reader.

Here belongs what differs between Parquet, text, h5ad, h5mu and the HDF5 files of 10x Genomics.
What they have in common, and what is asked of their content, belongs to ``read``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.errors import InputError
from aehpo_assets.omics import hdf5
from aehpo_assets.omics.delimited import read_delimited
from aehpo_assets.omics.memory import refuse_too_large
from aehpo_assets.omics.stored import SAMPLE_ID, StoredMatrix, missing_words

_COLUMNS_AT_ONCE = 1024
"""Columns of a Parquet file read together: a float64 table of the whole file never exists."""

_EXPECTED = ".parquet, .csv, .tsv (.gz), .h5ad, .h5mu or .h5 (10x Genomics)"


def open_matrix(path: Path, modality: str, feature_type: str | None = None) -> StoredMatrix:
    """Open a matrix of any format.

    Parameters
    ----------
    path
        The file; its ending says the format.
    modality
        Name of the modality, under which an h5mu file holds it.
    feature_type
        Which features of a 10x file: ``Gene Expression``, ``Antibody Capture``, …

    Raises
    ------
    InputError
        If the file is not what its ending says or a row has no name; when the values are loaded,
        if one is no number.
    """
    opener, _ = _format(path)
    refuse_too_large(path, modality, feature_type)
    stored = _told(path, lambda: opener(path, modality, feature_type))
    for what, names in (("row", stored.rows), ("column", stored.columns)):
        nameless = names.isna() | (names == "")
        if nameless.any():
            position = int(np.flatnonzero(nameless)[0]) + 1
            raise InputError(f"its {what} {position} has no name", file=path, remedy="Give it one.")
    if not len(stored.rows) or not len(stored.columns):
        raise InputError("holds no values", file=path)
    return StoredMatrix(
        stored.rows.astype(str),
        stored.columns.astype(str),
        lambda: _told(path, stored.load),
        stored.features,
    )


def read_table(path: Path) -> pd.DataFrame:
    """Read a table of labels, by sample id: any of the formats, an AnnData file's ``obs``.

    Raises
    ------
    InputError
        If the file is not what its ending says, is empty, or a row has no id.
    """
    _, reader = _format(path)
    refuse_too_large(path)
    frame = _told(path, lambda: reader(path))
    if frame.empty:
        raise InputError("holds no values", file=path)
    if frame.index.isna().any():
        position = int(np.flatnonzero(frame.index.isna())[0]) + 1
        raise InputError(f"its row {position} has no id", file=path, remedy="Give it one.")
    frame.index = frame.index.astype(str)
    frame.columns = frame.columns.astype(str)
    return frame


def _format(path: Path) -> tuple[Callable[..., StoredMatrix], Callable[[Path], pd.DataFrame]]:
    name = path.name.lower().removesuffix(".gz")
    for ending, readers in _FORMATS.items():
        if name.endswith(ending):
            return readers
    raise InputError(f"has an unknown ending; expected {_EXPECTED}", file=path)


def _told(path: Path, read: Callable[[], Any]) -> Any:
    """Read, and tell of a reader's own error which file it was."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return read()
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"cannot be read ({reason})",
            file=path,
            remedy="The file may be truncated, or not be what its ending says.",
        ) from None


def _open_parquet(path: Path, modality: str, feature_type: str | None) -> StoredMatrix:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    position = _id_position(file.schema_arrow)
    if position is None:
        rows = pd.RangeIndex(file.metadata.num_rows)
    else:
        name = names[position]
        rows = pd.Index(file.read(columns=[name]).column(name).to_pandas())
    wanted = [i for i in range(len(names)) if i != position]

    def load() -> np.ndarray:
        values = np.empty((len(rows), len(wanted)), dtype=np.float32, order="F")
        for start in range(0, len(wanted), _COLUMNS_AT_ONCE):
            part = [names[i] for i in wanted[start : start + _COLUMNS_AT_ONCE]]
            table = pq.read_table(path, columns=part)
            for target, name in enumerate(part, start):
                values[:, target] = _numbers(table.column(name), name, rows, path)
        return values

    return StoredMatrix(rows, pd.Index([names[i] for i in wanted], dtype=str), load)


def _id_position(schema: pa.Schema) -> int | None:
    """The column with the ids, if there is one.

    It is pandas' index, or ``sample_id``, or the first column if it is no number, or the only
    column that is none.
    """
    stored = (schema.pandas_metadata or {}).get("index_columns", [])
    if stored and isinstance(stored[0], str):
        return int(schema.names.index(stored[0]))
    if SAMPLE_ID in schema.names:
        return int(schema.names.index(SAMPLE_ID))
    words = [i for i, kind in enumerate(schema.types) if not _is_number(kind)]
    return words[0] if words and (words[0] == 0 or len(words) == 1) else None


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind))


def _numbers(column: pa.ChunkedArray, name: str, rows: pd.Index, path: Path) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if _is_number(column.type):
        return column.cast(pa.float32(), safe=False).to_numpy()
    return _parsed(column.to_pandas(), name, rows, path)


def _parsed(column: pd.Series, name: str, rows: pd.Index, path: Path) -> np.ndarray:
    """Numbers of a column of text, or an error that names the first that is none."""
    missing = missing_words(column)
    numbers = pd.to_numeric(column.where(~missing), errors="coerce")
    wrong = (numbers.isna() & ~missing).to_numpy()
    if wrong.any():
        raise InputError(
            f"{column[wrong].iloc[0]!r} (row {rows[wrong][0]}) is no number",
            file=path,
            key=name,
            remedy="Remove the column from the matrix; labels belong into the label table.",
        )
    return numbers.to_numpy(dtype=np.float32, na_value=np.nan)


def _open_delimited(separator: str) -> Callable[..., StoredMatrix]:
    def opener(path: Path, modality: str, feature_type: str | None) -> StoredMatrix:
        frame = read_delimited(path, separator)

        def load() -> np.ndarray:
            values = np.empty(frame.shape, dtype=np.float32, order="F")
            for position, name in enumerate(frame.columns):
                column = frame.iloc[:, position]
                values[:, position] = (
                    column.to_numpy(dtype=np.float32)
                    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"
                    else _parsed(column, str(name), frame.index, path)
                )
            return values

        return StoredMatrix(frame.index, frame.columns, load)

    return opener


def _parquet_table(path: Path) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    if isinstance(frame.index, pd.RangeIndex):
        frame = frame.set_index(SAMPLE_ID if SAMPLE_ID in frame else frame.columns[0])
    return frame


_FORMATS: dict[str, tuple[Callable[..., StoredMatrix], Callable[[Path], pd.DataFrame]]] = {
    ".parquet": (_open_parquet, _parquet_table),
    ".csv": (_open_delimited(","), lambda path: read_delimited(path, ",", as_text=True)),
    ".tsv": (_open_delimited("\t"), lambda path: read_delimited(path, "\t", as_text=True)),
    ".h5ad": (hdf5.open_h5ad, hdf5.h5ad_table),
    ".h5mu": (hdf5.open_h5mu, hdf5.h5mu_table),
    ".h5": (hdf5.open_10x, hdf5.no_table),
}
