"""Matrices and tables in Parquet, read by pyarrow a few columns at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from aehpo_assets.datasets.reading.ids import Columns, IdColumn, as_ids, by_ids, find_ids
from aehpo_assets.datasets.reading.numbers import parse_numbers
from aehpo_assets.datasets.reading.stored import LABELS_IDS, Asked, StoredMatrix
from aehpo_assets.errors import InputError

_COLUMNS_AT_ONCE = 1024
"""Columns of a Parquet file read together: a float64 table of the whole file never exists."""


def open_parquet(path: Path, asked: Asked) -> StoredMatrix:
    """Open a matrix; its values are read when asked for."""
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
    column: pa.ChunkedArray, name: str, rows: pd.Index, path: Path, asked: Asked
) -> np.ndarray:
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    if _is_number(column.type):
        return column.cast(pa.float32(), safe=False).to_numpy()
    values = column.to_pandas()
    # Dates are numbers to pandas.
    values = values.astype(str) if values.dtype.kind in "mM" else values
    return parse_numbers(values, name, rows, path, None, asked.missing, asked.left_out)


def parquet_table(path: Path, wanted: str | None) -> pd.DataFrame:
    """Read a table of labels by its ids, or those of the column that is named."""
    file = pq.ParquetFile(path)
    ids = _parquet_ids(file, path, LABELS_IDS, wanted)
    frame = file.read().to_pandas(ignore_metadata=True)
    return by_ids(frame, ids)
