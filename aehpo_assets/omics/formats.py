"""The file formats of matrices and tables, each read by the field's own reader.

Here belongs what differs between Parquet, text, h5ad, h5mu and the HDF5 files of 10x Genomics.
What they have in common, and what is asked of their content, belongs to ``read``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.errors import InputError
from aehpo_assets.omics import hdf5
from aehpo_assets.omics.content import content_of
from aehpo_assets.omics.delimited import DelimitedTable, read_delimited
from aehpo_assets.omics.ids import Columns, IdColumn, as_ids, find_ids, is_text
from aehpo_assets.omics.memory import refuse_too_large
from aehpo_assets.omics.numbers import parse_numbers, without_codes
from aehpo_assets.omics.stored import StoredMatrix

_COLUMNS_AT_ONCE = 1024
"""Columns of a Parquet file read together: a float64 table of the whole file never exists."""

_ENDINGS = (".parquet", ".csv", ".tsv", ".h5ad", ".h5mu", ".h5")
_EXPECTED = ".parquet, .csv, .tsv (.gz, .bz2, .xz, .zip), .h5ad, .h5mu or .h5 (10x Genomics)"
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip")


@dataclass(frozen=True)
class _Asked:
    """What ``dataset.yaml`` says of a matrix beside its file."""

    modality: str
    feature_type: str | None
    ids: str | None
    left_out: Collection[str]
    missing: Collection[str]

    @property
    def setting(self) -> str:
        """Key of the setting that names the column with the ids."""
        return f"modalities.{self.modality}.ids"


def open_matrix(
    path: Path,
    modality: str,
    feature_type: str | None = None,
    *,
    ids: str | None = None,
    left_out: Collection[str] = (),
    missing: Collection[str] = (),
) -> StoredMatrix:
    """Open a matrix of any format: its content says which, whatever its ending.

    Parameters
    ----------
    path
        The file.
    modality
        Name of the modality, under which an h5mu file holds it.
    feature_type
        Which features of a 10x file: ``Gene Expression``, ``Antibody Capture``, …
    ids
        Column with the names of the rows; None to find it.
    left_out
        Rows and columns of annotation, which may hold anything; their values are NaN.
    missing
        Words and numbers that mean a missing value beside the usual words.

    Raises
    ------
    InputError
        If no reader is for the file, its ids cannot be told, or a row has no name; when the values
        are loaded, if one is no number.
    """
    asked = _Asked(modality, feature_type, ids, left_out, missing)
    opener, _ = _readers(path)
    refuse_too_large(path, modality, feature_type)
    stored = _told(path, lambda: opener(path, asked))
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
        lambda: without_codes(_told(path, stored.load), missing),
        stored.features,
        stored.counts_rows,
    )


def read_table(path: Path, ids: str | None = None) -> pd.DataFrame:
    """Read a table of labels, by sample id: any of the formats, an AnnData file's ``obs``.

    Parameters
    ----------
    path
        The file.
    ids
        Column with the ids; None to find it.

    Returns
    -------
    pandas.DataFrame
        ``attrs["counts_rows"]`` says whether the ids are row numbers that no other file knows.

    Raises
    ------
    InputError
        If no reader is for the file, it is empty, its ids cannot be told, or a row has no id.
    """
    _, reader = _readers(path)
    refuse_too_large(path)
    frame = _told(path, lambda: reader(path, ids))
    if frame.empty:
        raise InputError("holds no values", file=path)
    nameless = frame.index.isna() | (frame.index == "")
    if nameless.any():
        position = int(np.flatnonzero(nameless)[0]) + 1
        raise InputError(f"its row {position} has no id", file=path, remedy="Give it one.")
    frame.index = frame.index.astype(str)
    frame.columns = frame.columns.astype(str)
    return frame


_Opener = Callable[[Path, _Asked], StoredMatrix]
_Reader = Callable[[Path, str | None], pd.DataFrame]


def _readers(path: Path) -> tuple[_Opener, _Reader]:
    """The two readers for what a file holds; its ending counts where the content leaves it open."""
    name = path.name.lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    if not name.endswith(_ENDINGS):
        raise InputError(
            f"has an unknown ending; expected {_EXPECTED}",
            file=path,
            remedy="A table of text is called .csv or .tsv; a folder or .mtx file of 10x Genomics "
            "can be written as .h5ad with scanpy.",
        )
    content = _told(path, lambda: content_of(path))
    if content == "parquet":
        return _open_parquet, _parquet_table
    if content == "hdf5":
        return _HDF5[_told(path, lambda: hdf5.layout(path))]
    if name.endswith((".csv", ".tsv")):
        return _open_delimited, _delimited_table
    raise InputError(
        f"is not what its ending says: it is no {_CALLED[path.suffix.lower()]} file",
        file=path,
        remedy="It may be damaged: fetch it again. A table of text is called .csv or .tsv.",
    )


_CALLED = {".parquet": "Parquet"} | dict.fromkeys((".h5ad", ".h5mu", ".h5"), "HDF5")


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
            remedy="The file may be truncated or damaged; fetch it again.",
        ) from None


def _open_parquet(path: Path, asked: _Asked) -> StoredMatrix:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    ids = _parquet_ids(file, path, asked.setting, asked.ids)
    rows = as_ids(_parquet_column(file, names[ids.position]))
    wanted = [i for i in range(len(names)) if i not in (ids.position, ids.counter)]

    def load() -> np.ndarray:
        values = np.empty((len(rows), len(wanted)), dtype=np.float32, order="F")
        for start in range(0, len(wanted), _COLUMNS_AT_ONCE):
            part = [names[i] for i in wanted[start : start + _COLUMNS_AT_ONCE]]
            table = pq.read_table(path, columns=part)
            for target, name in enumerate(part, start):
                left_out = name in asked.left_out
                values[:, target] = (
                    np.nan if left_out else _numbers(table.column(name), name, rows, path, asked)
                )
        return values

    columns = pd.Index([names[i] for i in wanted], dtype=str)
    return StoredMatrix(rows, columns, load, counts_rows=ids.counts_rows)


def _parquet_ids(file: pq.ParquetFile, path: Path, setting: str, wanted: str | None) -> IdColumn:
    schema = file.schema_arrow
    index = [
        name
        for name in (schema.pandas_metadata or {}).get("index_columns", [])
        if isinstance(name, str)
    ]
    if len(index) > 1 and wanted is None:
        raise InputError(
            f"has an index of {len(index)} levels ({', '.join(index)})",
            file=path,
            key=setting,
            remedy=f"Name the one with the ids in dataset.yaml ({setting}: {index[0]}).",
        )
    columns = Columns(
        schema.names,
        lambda i: not _is_number(schema.types[i]),
        lambda i: _parquet_column(file, schema.names[i]),
        schema.names.index(index[0]) if index else None,
    )
    return find_ids(columns, path, setting, wanted)


def _parquet_column(file: pq.ParquetFile, name: str) -> pd.Series:
    return file.read(columns=[name]).column(name).to_pandas()


def _is_number(kind: pa.DataType) -> bool:
    types = pa.types
    return bool(
        types.is_integer(kind)
        or types.is_floating(kind)
        or types.is_boolean(kind)
        or types.is_decimal(kind)
    )


def _numbers(
    column: pa.ChunkedArray, name: str, rows: pd.Index, path: Path, asked: _Asked
) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if _is_number(column.type):
        return column.cast(pa.float32(), safe=False).to_numpy()
    values = column.to_pandas()
    # Dates are numbers to pandas.
    values = values.astype(str) if values.dtype.kind in "mM" else values
    return parse_numbers(values, name, rows, path, None, asked.missing, asked.left_out)


def _open_delimited(path: Path, asked: _Asked) -> StoredMatrix:
    table = read_delimited(path, _separator(path), text_column=asked.ids)
    ids = _delimited_ids(table, path, asked.setting, asked.ids)
    frame = table.frame
    rows = as_ids(frame.iloc[:, ids.position])
    wanted = [i for i in range(frame.shape[1]) if i not in (ids.position, ids.counter)]

    def load() -> np.ndarray:
        values = np.empty((len(rows), len(wanted)), dtype=np.float32, order="F")
        for target, position in enumerate(wanted):
            if frame.columns[position] in asked.left_out:
                values[:, target] = np.nan
                continue
            column = frame.iloc[:, position]
            values[:, target] = (
                column.to_numpy(dtype=np.float32)
                if isinstance(column.dtype, np.dtype) and column.dtype.kind in "fiub"
                else parse_numbers(
                    column,
                    frame.columns[position],
                    rows,
                    path,
                    table.line_of,
                    asked.missing,
                    asked.left_out,
                )
            )
        return values

    return StoredMatrix(rows, frame.columns[wanted], load, counts_rows=ids.counts_rows)


def _delimited_ids(table: DelimitedTable, path: Path, setting: str, wanted: str | None) -> IdColumn:
    frame = table.frame
    columns = Columns(
        list(frame.columns),
        lambda i: is_text(frame.iloc[:, i]),
        lambda i: frame.iloc[:, i],
        0 if table.names_rows or not frame.columns[0] else None,
    )
    return find_ids(columns, path, setting, wanted)


def _separator(path: Path) -> str:
    return "," if ".csv" in path.name.lower() else "\t"


_LABEL_SETTING = "labels.ids"


def _parquet_table(path: Path, wanted: str | None) -> pd.DataFrame:
    file = pq.ParquetFile(path)
    ids = _parquet_ids(file, path, _LABEL_SETTING, wanted)
    frame = file.read().to_pandas(ignore_metadata=True)
    return _by_ids(frame, ids)


def _delimited_table(path: Path, wanted: str | None) -> pd.DataFrame:
    table = read_delimited(path, _separator(path), as_text=True)
    return _by_ids(table.frame, _delimited_ids(table, path, _LABEL_SETTING, wanted))


def _by_ids(frame: pd.DataFrame, ids: IdColumn) -> pd.DataFrame:
    """The other columns by id."""
    index = as_ids(frame.iloc[:, ids.position])
    gone = [i for i in (ids.position, ids.counter) if i is not None]
    table = frame.iloc[:, [i for i in range(frame.shape[1]) if i not in gone]].set_axis(index)
    table.attrs["counts_rows"] = ids.counts_rows
    return table


_HDF5: dict[str, tuple[_Opener, _Reader]] = {
    "h5ad": (
        lambda path, asked: hdf5.open_h5ad(path, asked.setting, asked.ids),
        lambda path, ids: hdf5.h5ad_table(path, _LABEL_SETTING, ids),
    ),
    "h5mu": (
        lambda path, asked: hdf5.open_h5mu(path, asked.modality, asked.setting, asked.ids),
        lambda path, ids: hdf5.h5mu_table(path, _LABEL_SETTING, ids),
    ),
    "10x": (
        lambda path, asked: hdf5.open_10x(path, asked.modality, asked.feature_type, asked.ids),
        lambda path, ids: hdf5.no_table(path),
    ),
}
