"""Reading delimited text (CSV, TSV, compressed or not) without losing what pandas forgives.

pandas renames repeated columns, turns the id ``001`` into 1, takes a gene called ``NA`` for a
missing name, takes a column for the ids where R wrote none in the header, and pads a row that is
short. In a matrix each of these is a wrong number, so every line is checked here. What a table
means is not known here.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.datasets.reading.ids import counts, is_id_name
from aehpo_assets.datasets.reading.lines import (
    CheckedRows,
    blocks_of_lines,
    fields_of,
    unclosed_quote,
)
from aehpo_assets.errors import InputError

_COMMENT = ("#", "!")

_SEPARATORS = {",": "commas", "\t": "tabs", ";": "semicolons", "|": "vertical bars"}

_WRITTEN_AS_MISSING = ("", "NA", "NaN", "nan")
"""Left to pandas because it is fast; every other word for a missing value is looked up later."""


@dataclass(frozen=True)
class DelimitedTable:
    """A table as it stands in a text file.

    Attributes
    ----------
    frame
        Every column, the header as its names, repeats included. The first is text.
    names_rows
        Whether the first column has no name in the header, as R writes the names of rows.
    line_of
        Number of the line in the file that holds a row, the first row being 0.
    """

    frame: pd.DataFrame
    names_rows: bool
    line_of: Callable[[int], int]


@dataclass(frozen=True)
class _Top:
    """The lines up to the first row."""

    header: str
    header_number: int
    row: str
    row_number: int
    rest: Iterator[bytes]


def read_delimited(
    path: Path, separator: str, *, as_text: bool = False, text_column: str | None = None
) -> DelimitedTable:
    """Read a table of text, every line of it checked.

    Lines before the header that begin with ``#`` or ``!`` are passed over, and so are blank
    ones, Excel's ``sep=;``, and the line ``!series_matrix_table_end`` of GEO.

    Parameters
    ----------
    path
        The file; compressed or not.
    separator
        What separates the fields as the file's ending says; another is taken if the lines say so.
    as_text
        Whether values stay text as they stand in the file, whatever they mean.
    text_column
        Name of a column, beside the first, whose values stay text.

    Returns
    -------
    DelimitedTable

    Raises
    ------
    InputError
        If there is one column only, a line has not the header's fields or a quotation mark that
        does not close on it, or is not UTF-8.
    """
    top = _read_top(path)
    separator = _separator_of(top, separator)
    header = _fields(top.header, separator, top.header_number, path)
    fields = len(_fields(top.row, separator, top.row_number, path))
    if fields == 1 and len(header) == 1:
        raise InputError(
            "has a single column",
            file=path,
            remedy=f"Fields must be separated by {', '.join(_SEPARATORS.values())}.",
        )
    if fields not in (len(header), len(header) + 1):
        raise InputError(
            f"the header has {len(header)} fields, line {top.row_number} has {fields}",
            file=path,
            remedy="The file may be damaged, or the lines before its header may not begin with #; "
            f"the header was taken to be line {top.header_number}.",
        )
    rows = CheckedRows(top.rest, separator, fields, path, top.row_number)
    names_rows = fields == len(header) + 1
    header = [""] * names_rows + header
    frame = _parse(rows, separator, as_text, _text_positions(header, text_column))
    if len(frame) != rows.rows:
        raise InputError(f"has {rows.rows} rows, of which {len(frame)} could be read", file=path)
    if names_rows and not rows.last_field_filled:
        raise InputError(
            f"its rows have one field more than the header ({fields} and {len(header) - 1}), and "
            "the last one is always empty",
            file=path,
            remedy="Remove the separator that ends each row; if the first column holds ids, "
            "give it a name in the header.",
        )
    # Unless R has counted the rows of a table that has a column with ids besides.
    if names_rows and is_id_name(header[1]) and not counts(frame.iloc[:, 0]):
        raise InputError(
            f"its rows have one field more than the header ({fields} and {len(header) - 1}), which "
            f"begins with the name of an id column, {header[1]!r}",
            file=path,
            remedy="Correct the header, or remove the separator that ends each row.",
        )
    frame.columns = pd.Index(header, dtype=str)
    return DelimitedTable(_without_empty_end(frame), names_rows, rows.line_of)


def _parse(
    rows: CheckedRows, separator: str, as_text: bool, text_positions: list[int]
) -> pd.DataFrame:
    settings: dict[str, Any] = {"dtype": str, "na_filter": False}
    if not as_text:
        # 001, NA and 1E5 are names. pandas would look a converted NA up among the missing words
        # all the same, but not one with a letter before it.
        settings = {
            "converters": dict.fromkeys(text_positions, "_".__add__),
            "keep_default_na": False,
            "na_values": list(_WRITTEN_AS_MISSING),
        }
    frame = pd.read_csv(
        rows, sep=separator, header=None, low_memory=False, skip_blank_lines=False, **settings
    )
    if not as_text:
        for position in text_positions:
            frame[position] = frame[position].str[1:]
    return frame


def _text_positions(header: list[str], text_column: str | None) -> list[int]:
    return sorted({0, *(i for i, name in enumerate(header) if name == text_column)})


def _without_empty_end(frame: pd.DataFrame) -> pd.DataFrame:
    """Without the nameless and empty columns that a separator at the end of each line makes."""
    width = frame.shape[1]
    while width > 1 and not frame.columns[width - 1]:
        last = frame.iloc[:, width - 1]
        if not (last.isna() | (last.astype(str) == "")).all():
            break
        width -= 1
    return frame.iloc[:, :width]


def _read_top(path: Path) -> _Top:
    """Find the header and the first row."""
    blocks = blocks_of_lines(path)
    start = b""
    found: list[tuple[int, str]] = []
    comments: list[tuple[int, str]] = []
    for block in blocks:
        start += block
        comments, found = _header_and_row(start)
        if len(found) == 2:
            break
    if not found:
        raise InputError("holds no table", file=path, remedy="Fetch it again.")
    if len(found) == 1:
        raise InputError(
            "holds no values: there is a header and no row", file=path, remedy="Fetch it again."
        )
    (header_number, header), (row_number, row) = found
    commented = _commented_header(comments, header, row, path)
    if commented is not None:
        header_number, row_number, row = commented, header_number, header
        header = dict(comments)[commented].lstrip("#").lstrip(" ")
    lines = start.split(b"\n", row_number - 1)
    return _Top(header, header_number, row, row_number, itertools.chain([lines[-1]], blocks))


def _header_and_row(start: bytes) -> tuple[list[tuple[int, str]], list[tuple[int, str]]]:
    """Number and text of the comment lines, and of the first two lines after them."""
    comments: list[tuple[int, str]] = []
    found: list[tuple[int, str]] = []
    begin, number, skipped = 0, 0, False
    while begin < len(start) and len(found) < 2:
        end = start.find(b"\n", begin)
        end = len(start) if end < 0 else end
        line, number = start[begin:end].decode(), number + 1
        begin = end + 1
        if not line.strip(" ") or (not found and _SEPARATOR_OF_EXCEL.fullmatch(line)):
            continue
        if not found and line.startswith(_COMMENT):
            comments.append((number, line))
        elif len(comments) == 1 and comments[0][1].startswith(_GCT) and not skipped:
            skipped = True
        else:
            found.append((number, line))
    return comments, found


_SEPARATOR_OF_EXCEL = re.compile(r'"?sep=.?"?', re.IGNORECASE)
"""First line of a table that Excel is told the separator of."""

_GCT = ("#1.2", "#1.3")
"""First line of the GCT format, whose second says how many rows and columns there are."""


def _commented_header(
    comments: list[tuple[int, str]], header: str, row: str, path: Path
) -> int | None:
    """Number of the last line that begins with # if it is the header, as in tables of OTUs.

    cBioPortal has several lines of as many fields as the header before it: no one of them is it.
    """
    separator = max(_SEPARATORS, key=header.count)
    width = header.count(separator)
    alike = [n for n, line in comments if line.startswith("#") and line.count(separator) == width]
    if not width or len(alike) != 1 or alike[0] != comments[-1][0]:
        return None
    fields = header.split(separator)[1:]
    if any(_is_number(field) for field in fields):
        return alike[0]
    if any(_is_number(field) for field in row.split(separator)[1:]):
        return None
    raise InputError(
        f"whether line {alike[0]}, which begins with #, is its header cannot be told",
        file=path,
        remedy="Remove the # if it is, or the line if it is not.",
    )


def _is_number(text: str) -> bool:
    try:
        float(text.strip('" '))
    except ValueError:
        return False
    return True


def _separator_of(top: _Top, expected: str) -> str:
    """What separates the fields: what the ending says, or what the first two lines say instead."""

    def widths(separator: str) -> tuple[int, int]:
        try:
            return len(fields_of(top.header, separator)), len(fields_of(top.row, separator))
        except csv.Error:
            return top.header.count(separator) + 1, top.row.count(separator) + 1

    def fits(separator: str) -> bool:
        header, row = widths(separator)
        return row >= 2 and row - header in (0, 1)

    # Of semicolons with decimal commas, a header without commas is no short one of R.
    header, row = widths(expected)
    if fits(expected) and (header == row or header > 1):
        return expected
    others = sorted((s for s in _SEPARATORS if fits(s)), key=widths, reverse=True)
    if others:
        return others[0]
    if max(widths(expected)) > 1:
        return expected
    return max(_SEPARATORS, key=widths)


def _fields(line: str, separator: str, number: int, path: Path) -> list[str]:
    try:
        return fields_of(line, separator)
    except csv.Error:
        raise unclosed_quote(number, path) from None
