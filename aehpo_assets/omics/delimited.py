"""Reading delimited text (CSV, TSV, gzipped or not) without losing what pandas forgives.

pandas renames repeated columns, turns the id ``001`` into 1, takes a column for the ids where R
wrote none in the header, and pads a line that was cut off. In a matrix each of these is a wrong
number, so header and last line are looked at here. What a table means is not known here.
"""

from __future__ import annotations

import csv
import gzip
from collections import deque
from pathlib import Path
from typing import IO, Any

import pandas as pd

from aehpo_assets.errors import InputError


def read_delimited(path: Path, separator: str, *, as_text: bool = False) -> pd.DataFrame:
    """Read a table whose first column holds the ids.

    The header may have a name for the id column or, as R writes it, none.

    Parameters
    ----------
    path
        The file; an ending ``.gz`` means gzip.
    separator
        What separates the fields.
    as_text
        Whether values stay text as they stand in the file.

    Returns
    -------
    pandas.DataFrame
        Index: the first column as text. Columns: the header, repeats included.

    Raises
    ------
    InputError
        If there is one column only, the header does not fit the rows, or the last line is cut off.
    """
    with _open(path) as stream:
        reader = csv.reader(stream, delimiter=separator)
        header = next(reader, [])
        header_lines = reader.line_num
    # What a word means is not decided here: None may be a therapy.
    settings: dict[str, Any] = (
        {"dtype": str, "keep_default_na": False, "na_values": [""]}
        if as_text
        else {"dtype": {0: str}}
    )
    frame = pd.read_csv(
        path,
        sep=separator,
        header=None,
        skiprows=header_lines,
        index_col=0,
        **settings,
        low_memory=False,
        encoding="utf-8-sig",
    )
    if frame.shape[1] == 0:
        raise InputError(
            "has a single column",
            file=path,
            remedy=f"Fields must be separated by {separator!r}.",
        )
    if len(header) == frame.shape[1] + 1:
        frame.index.name = header[0] or None
        header = header[1:]
    if len(header) != frame.shape[1]:
        raise InputError(
            f"the header has {len(header)} fields, the first row {frame.shape[1] + 1}",
            file=path,
            remedy="The file may be truncated, or its rows of different length.",
        )
    frame.columns = pd.Index(header, dtype=str)
    if frame.iloc[-1].isna().any():
        _refuse_cut_off(path, separator, frame.shape[1] + 1)
    return frame


def _open(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def _refuse_cut_off(path: Path, separator: str, fields: int) -> None:
    with _open(path) as stream:
        last = deque((line for line in stream if line.strip()), maxlen=1)
    found = len(next(csv.reader(last, delimiter=separator)))
    if found < fields:
        raise InputError(
            f"the last line has {found} of {fields} fields",
            file=path,
            remedy="The file is truncated; fetch it again.",
        )
