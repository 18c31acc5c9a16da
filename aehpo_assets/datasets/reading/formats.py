"""The file formats of matrices and tables, each read by the field's own reader.

Here belongs which format a file is of, and what is asked of every format; ``stored`` says what a
format is, and how another package adds one. What is asked of the content belongs to
``datasets.read_matrix``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.datasets.reading import hdf5, memory
from aehpo_assets.datasets.reading.content import content_of
from aehpo_assets.datasets.reading.delimited import DelimitedTable, read_delimited
from aehpo_assets.datasets.reading.ids import Columns, IdColumn, as_ids, by_ids, find_ids, is_text
from aehpo_assets.datasets.reading.numbers import parse_numbers, without_codes
from aehpo_assets.datasets.reading.parquet import open_parquet, parquet_table
from aehpo_assets.datasets.reading.stored import LABELS_IDS, Asked, Format, StoredMatrix
from aehpo_assets.errors import InputError
from aehpo_assets.registry import Registry

_ENDINGS = (".parquet", ".csv", ".tsv", ".h5ad", ".h5mu", ".h5")
_COMPRESSIONS = (".gz", ".bz2", ".xz", ".zip")


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
    asked = Asked(modality, feature_type, ids, left_out, missing)
    known = _format_of(path)
    refuse_too_large(path, modality, feature_type)
    stored = _told(path, lambda: known.open_matrix(path, asked))
    if known not in BUILT_IN:
        memory.refuse_need(memory.matrix_need(len(stored.rows), len(stored.columns)), path)
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
    known = _format_of(path)
    reader = known.read_table
    if reader is None:
        raise InputError(
            f"a file of the format {known.name} holds no labels",
            file=path,
            remedy="Give the labels as a table of their own.",
        )
    refuse_too_large(path)
    frame = _told(path, lambda: reader(path, ids))
    frame.attrs.setdefault("counts_rows", False)
    if frame.empty:
        raise InputError("holds no values", file=path)
    nameless = frame.index.isna() | (frame.index == "")
    if nameless.any():
        position = int(np.flatnonzero(nameless)[0]) + 1
        raise InputError(f"its row {position} has no id", file=path, remedy="Give it one.")
    frame.index = frame.index.astype(str)
    frame.columns = frame.columns.astype(str)
    return frame


BUILT_IN: tuple[Format, ...] = (
    Format(
        "Parquet",
        (".parquet",),
        lambda path: content_of(path) == "parquet",
        open_parquet,
        parquet_table,
    ),
    Format(
        "HDF5",
        (".h5ad",),
        lambda path: _layout(path) == "h5ad",
        lambda path, asked: hdf5.open_h5ad(path, asked.setting, asked.ids),
        lambda path, ids: hdf5.h5ad_table(path, LABELS_IDS, ids),
    ),
    Format(
        "HDF5",
        (".h5mu",),
        lambda path: _layout(path) == "h5mu",
        lambda path, asked: hdf5.open_h5mu(path, asked.modality, asked.setting, asked.ids),
        lambda path, ids: hdf5.h5mu_table(path, LABELS_IDS, ids),
    ),
    Format(
        "HDF5",
        (".h5",),
        lambda path: _layout(path) == "10x",
        lambda path, asked: hdf5.open_10x(path, asked.modality, asked.feature_type, asked.ids),
        lambda path, ids: hdf5.no_table(path),
    ),
    Format(
        "text",
        (".csv", ".tsv"),
        lambda path: _bare(path).endswith((".csv", ".tsv")) and content_of(path) == "text",
        lambda path, asked: _open_delimited(path, asked),
        lambda path, ids: _delimited_table(path, ids),
    ),
)
"""The formats of this project: of a file with an ending of theirs, its content says which it is."""

OF_OTHERS: Registry[Format] = Registry(Format, "aehpo.formats")
"""The formats of other packages, each known by its own endings."""


def format_of_others(path: Path) -> Format | None:
    """Return the format of another package that an ending is of; the file need not be there.

    Raises
    ------
    InputError
        If such a package cannot be used, or has an ending that is taken.
    """
    named = [f for f in OF_OTHERS.values() if path.name.lower().endswith(f.endings)]
    for known in OF_OTHERS.values():
        _refuse_taken_endings(known)
    return named[0] if named else None


def refuse_too_large(path: Path, modality: str = "", feature_type: str | None = None) -> None:
    """Refuse a file that does not fit into the free memory, see ``memory``.

    Of a format of another package it is told when its names are known.

    Raises
    ------
    InputError
        If it does not.
    """
    if format_of_others(path) is None:
        memory.refuse_too_large(path, modality, feature_type)


def _format_of(path: Path) -> Format:
    """The format of a file by its ending and content.

    Raises
    ------
    InputError
        If it has an unknown ending, or is not what its ending says.
    """
    other = format_of_others(path)
    if other is None and not _bare(path).endswith(_ENDINGS):
        raise InputError(
            f"has an unknown ending; expected {_expected()}",
            file=path,
            remedy="A table of text is called .csv or .tsv; a folder or .mtx file of 10x Genomics "
            "can be written as .h5ad with scanpy.",
        )
    candidates = BUILT_IN if other is None else (other,)
    for known in candidates:
        if _told(path, partial(known.matches, path)):
            return known
    ending = path.suffix.lower()
    named = next((f.name for f in candidates if ending in f.endings), candidates[0].name)
    raise InputError(
        f"is not what its ending says: it is no {named} file",
        file=path,
        remedy="It may be damaged: fetch it again. A table of text is called .csv or .tsv.",
    )


def _expected() -> str:
    """The endings that are read, in words."""
    others = [f"{', '.join(known.endings)} ({known.name})" for known in OF_OTHERS.values()]
    text = f".csv, .tsv ({', '.join(_COMPRESSIONS)})"
    return f"{', '.join(['.parquet', text, '.h5ad', '.h5mu', *others])} or .h5 (10x Genomics)"


def _refuse_taken_endings(mine: Format) -> None:
    taken = {
        e: f.name for f in (*BUILT_IN, *OF_OTHERS.values()) if f is not mine for e in f.endings
    }
    for ending in mine.endings:
        if not ending.startswith(".") or ending != ending.lower() or ending in taken:
            problem = (
                f"has the ending {ending!r}, which the format {taken[ending]} has already"
                if ending in taken
                else f"has the ending {ending!r}; an ending begins with a dot, in lower case"
            )
            raise InputError(
                f"the format {mine.name} of the module {OF_OTHERS.module_of(mine.name)} {problem}",
                key="aehpo.formats",
                remedy="Correct or uninstall the package.",
            )


def _bare(path: Path) -> str:
    """Name of a file without what says that it is compressed."""
    name = path.name.lower()
    for compression in _COMPRESSIONS:
        name = name.removesuffix(compression)
    return name


def _layout(path: Path) -> str | None:
    """The layout of an HDF5 file, None of another one."""
    return hdf5.layout(path) if content_of(path) == "hdf5" else None


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


def _open_delimited(path: Path, asked: Asked) -> StoredMatrix:
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


def _delimited_table(path: Path, wanted: str | None) -> pd.DataFrame:
    table = read_delimited(path, _separator(path), as_text=True)
    return by_ids(table.frame, _delimited_ids(table, path, LABELS_IDS, wanted))
