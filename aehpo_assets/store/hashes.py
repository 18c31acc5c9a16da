"""Hashes of what was made and of what it was made from: texts, settings, files, tables.

Two things have the same hash if they say the same; what a record keeps of them belongs to
``provenance``.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd


def text_hash(text: str) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def settings_hash(settings: Any) -> str:
    """Hash of anything JSON can express, independent of the order of keys."""
    return text_hash(json.dumps(settings, sort_keys=True, default=str))


def file_hash(path: Path) -> str:
    """First 16 hexadecimal digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]


def file_hashes(path: Path) -> dict[str, str]:
    """Name within a folder to hash of the bytes, for all files below it but its own record."""
    files = sorted(p for p in path.rglob("*") if p.is_file() and p.name != "provenance.json")
    return {str(p.relative_to(path)): file_hash(p) for p in files}


def folder_hash(path: Path) -> str:
    """Hash over the names and bytes of all files below a folder."""
    return settings_hash(file_hashes(path))


_ROWS_AT_ONCE = 512


def content_hash(frame: pd.DataFrame, without: tuple[str, ...] = ()) -> str:
    """Hash of what a table says: labels, types and values, whatever file it came from.

    Parameters
    ----------
    frame
        The table; its ``attrs`` count as content.
    without
        Columns that do not count, such as measured seconds.

    Returns
    -------
    str
        16 hexadecimal digits. Equal content gives equal digits across processes, whatever its
        layout in memory (by rows or columns, strided, read-only, of another byte order).
    """
    if without:
        frame = frame[[column for column in frame.columns if column not in without]]
    digest = hashlib.sha256()
    digest.update(json.dumps([str(c) for c in frame.columns]).encode())
    digest.update(json.dumps(frame.attrs, sort_keys=True, default=str).encode())
    index = frame.index.to_numpy()
    digest.update(pd.util.hash_array(index.astype(object), categorize=False).tobytes())
    dtypes = set(frame.dtypes)
    if (
        len(dtypes) == 1
        and isinstance(dtype := next(iter(dtypes)), np.dtype)
        and dtype.kind in "fiub"
    ):
        digest.update(str(dtype.newbyteorder("=")).encode())
        values = frame.to_numpy()
        # Some rows at a time: a second copy of a large matrix never exists.
        for start in range(0, len(values), _ROWS_AT_ONCE):
            digest.update(_in_a_row(values[start : start + _ROWS_AT_ONCE]).data)
        return digest.hexdigest()[:16]
    for _, column in frame.items():
        if isinstance(column.dtype, pd.CategoricalDtype):
            column = column.astype(object)
        values = column.to_numpy()
        if values.dtype.kind in "fiub":
            numbers = _in_a_row(values)
            digest.update(str(numbers.dtype).encode())
            digest.update(numbers.data)
        else:
            text = [None if pd.isna(v) else str(v) for v in values]
            digest.update(json.dumps(text).encode())
    return digest.hexdigest()[:16]


def _in_a_row(values: np.ndarray) -> np.ndarray:
    """Numbers row by row in this machine's byte order, however they lie in memory.

    Every NaN gets the same bits: Parquet keeps neither sign nor payload.
    """
    missing = np.isnan(values) if values.dtype.kind == "f" else np.zeros(0, dtype=bool)
    if missing.any():
        values = np.where(missing, np.nan, values)
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
