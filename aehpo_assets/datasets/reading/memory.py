"""What reading a file takes of memory, told from its header, and refused before it is read.

Text, and a word that Parquet stores once for all its rows, have no header that says their size:
they are counted through, unpacked piece by piece, and no further than to where it is too much. How
much is free is known to ``limits``.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from aehpo_assets import limits
from aehpo_assets.datasets.reading.content import content_of, open_bytes
from aehpo_assets.errors import InputError

# Bytes a value at the peak, from the file to the artefact with its checks, measured on 8,000 x
# 5,000 values of TCGA: 14.8 for float64 in Parquet, 24.8 for decimals and 18 for counts in text,
# 8.9 and 10.0 for dense and sparse HDF5 (of which 20 for each value that a sparse one stores);
# label tables of text took 43.
PARQUET_BYTES = 16
TEXT_BYTES = 28
HDF5_BYTES = 12
STORED_BYTES = 24
WORD_BYTES = 64

_LAZY: tuple[str, ...] = ("X/", "raw/X/")
_NONE: tuple[str, ...] = ()
_PIECE = 1 << 20
_ROWS_AT_ONCE = 1024
_SEPARATORS = (b",", b"\t", b";")

_REMEDY = (
    "Use a machine with more memory, end what else is running, or give fewer samples or features; "
    ".h5ad and .parquet take about half of what text takes."
)


@dataclass(frozen=True)
class Need:
    """What reading a file takes: how much there is to read, in words, and bytes at the peak."""

    what: str
    bytes: int


def refuse_too_large(path: Path, modality: str = "", feature_type: str | None = None) -> None:
    """Refuse a matrix, or without a modality a table, that does not fit into the free memory.

    What cannot be told from the file is left to its reader, which says what is wrong with it.

    Raises
    ------
    InputError
        If it does not, or a line of text is longer than any could be.
    """
    free = limits.free_memory()
    try:
        need = reading_need(path, modality, feature_type, enough=free)
    except InputError:
        raise
    except Exception:
        return
    refuse_need(need, path, free)


def refuse_need(need: Need, file: Path | str, free: int | None = None) -> None:
    """Refuse what takes more memory than is free.

    Raises
    ------
    InputError
        If it does; the message says how much, and how much is free.
    """
    free = limits.free_memory() if free is None else free
    if need.bytes > free:
        raise InputError(
            f"its {need.what} take about {limits.size_of(need.bytes)} of memory to read, and "
            f"{limits.size_of(free)} are free",
            file=file,
            remedy=_REMEDY,
        )


def matrix_need(rows: int, columns: int) -> Need:
    """Return what reading a matrix takes of which the size is all that is known."""
    return _dense(rows, columns, PARQUET_BYTES)


def reading_need(
    path: Path,
    modality: str = "",
    feature_type: str | None = None,
    *,
    enough: int | None = None,
) -> Need:
    """Return what reading a file takes.

    Parameters
    ----------
    path
        A matrix or a table of any format.
    modality
        Name of the modality; empty for a table.
    feature_type
        Which features of a 10x file are read.
    enough
        Bytes beyond which text is not counted any further; the need is larger than that then.

    Raises
    ------
    InputError
        If a line of text is longer than any could be, or no reader is for the file.
    """
    kind = content_of(path)
    if kind == "parquet":
        return parquet_need(path, PARQUET_BYTES if modality else WORD_BYTES, enough)
    if kind == "hdf5":
        return _hdf5_need(path, modality, feature_type)
    return _text_need(path, TEXT_BYTES if modality else WORD_BYTES, enough)


def parquet_need(
    source: Path | IO[bytes], each: int = WORD_BYTES, enough: int | None = None
) -> Need:
    """Return what reading a Parquet file takes, at so many bytes a value; words are counted out."""
    file = pq.ParquetFile(source)
    metadata, types = file.metadata, file.schema_arrow.types
    need = _dense(metadata.num_rows, metadata.num_columns, each)
    if any(map(pa.types.is_nested, types)):
        groups = map(metadata.row_group, range(metadata.num_row_groups))
        values = sum(g.column(i).num_values for g in groups for i in range(g.num_columns))
        need = Need(f"{values:,} values in lists", max(values * each, need.bytes))
    # Two copies exist on the way: Arrow's, and that of the table.
    words = 2 * _length_of_words(source, file.schema_arrow, enough)
    return Need(f"{need.what} of text", words) if words > need.bytes else need


def _length_of_words(source: Path | IO[bytes], schema: pa.Schema, enough: int | None) -> int:
    """Bytes of all words of a Parquet file, where one that repeats may be stored once.

    They are not counted any further than to ``enough``.
    """
    columns = [field.name for field in schema if _is_text(field.type)]
    if not columns:
        return 0
    file = pq.ParquetFile(source, read_dictionary=columns)
    length = 0
    for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns):
        for column in batch.columns:
            words = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
            lengths = pc.binary_length(words.dictionary).take(words.indices)
            length += pc.sum(lengths).as_py() or 0
        if enough is not None and length > enough:
            break
    return length


def _is_text(kind: pa.DataType) -> bool:
    types = pa.types
    if types.is_dictionary(kind):
        return _is_text(kind.value_type)
    return bool(
        types.is_string(kind)
        or types.is_large_string(kind)
        or types.is_binary(kind)
        or types.is_large_binary(kind)
    )


def _dense(rows: int, columns: int, each: int, more: int = 0) -> Need:
    return Need(f"{rows:,} x {columns:,} values", rows * columns * each + more)


def _hdf5_need(path: Path, modality: str, feature_type: str | None) -> Need:
    """The matrix that is read, and all that the field's readers take along with it.

    anndata leaves ``X`` and ``raw/X`` in the file until they are asked for.
    """
    import h5py

    sizes: dict[str, int] = {}
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: sizes.update({name: _logical_bytes(item)}))
        if path.name.lower().endswith(".h5mu"):
            # One modality is read whole; for a table, the whole file.
            group = f"mod/{modality}/" if modality else ""
            matrix, lazy = f"{group}X", _NONE
        elif path.name.lower().endswith(".h5ad"):
            group, matrix, lazy = "", "X", _LAZY
        else:
            group, lazy = "", _NONE
            matrix = next((name for name in file if "indptr" in file[name]), "")
        passed_over = (f"{matrix}/", *lazy) if modality else lazy
        beside = sum(
            size
            for name, size in sizes.items()
            if name.startswith(group) and not f"{name}/".startswith(passed_over)
        )
        if not modality or matrix not in file:
            return Need("annotations", beside)
        rows, columns, stored = _shape(file[matrix], feature_type)
    return _dense(rows, columns, HDF5_BYTES, stored * STORED_BYTES + beside)


def _shape(item: Any, feature_type: str | None) -> tuple[int, int, int]:
    """Rows, columns, and values that a sparse matrix stores, of one in HDF5."""
    if hasattr(item, "shape"):
        rows, columns = (*map(int, item.shape), 1)[:2]
        return rows, columns, 0
    stored = int(item["data"].shape[0])
    if "shape" in item:
        # 10x Genomics: features come first.
        columns, rows = map(int, item["shape"][:2])
        kinds = item.get("features/feature_type")
        if feature_type is not None and kinds is not None:
            columns = int((kinds.asstr()[:] == feature_type).sum())
        return rows, columns, stored
    shape = item.attrs["shape"] if "shape" in item.attrs else item.attrs["h5sparse_shape"]
    rows, columns = map(int, shape[:2])
    return rows, columns, stored


def _logical_bytes(item: Any) -> int:
    """Bytes of a data set of HDF5 once it is read, whatever its compression; a group has none."""
    if not hasattr(item, "shape") or item.shape is None:
        return 0
    return int(item.size) * (WORD_BYTES if item.dtype.hasobject else int(item.dtype.itemsize))


def _text_need(path: Path, each: int, enough: int | None) -> Need:
    """Count the fields of a text, unpacked if it is packed, whatever its ending says."""
    separators = dict.fromkeys(_SEPARATORS, 0)
    lines = line = length = 0
    with open_bytes(path) as stream:
        while piece := stream.read(_PIECE):
            length += len(piece)
            lines += piece.count(b"\n")
            for separator in separators:
                separators[separator] += piece.count(separator)
            last = piece.rfind(b"\n")
            line = line + len(piece) if last < 0 else len(piece) - last - 1
            if line > limits.LINE_BYTES:
                problem = f"line {lines + 1} is longer than {limits.size_of(limits.LINE_BYTES)}"
                remedy = "This is no table of text; fetch the file again."
                raise InputError(problem, file=path, remedy=remedy)
            values = max(separators.values()) + lines
            need = max(values * each, 2 * length)
            if enough is not None and need > enough:
                return Need(f"more than {values:,} values", need)
    values = max(separators.values()) + lines
    return Need(f"{lines:,} lines of {values:,} values", max(values * each, 2 * length))
