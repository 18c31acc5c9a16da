"""The lines of a text file as they are meant: decompressed, UTF-8, ended by a line feed.

pandas pads a short row, runs on over a quotation mark that is never closed and, with some settings,
drops what does not fit. So every line is held against the header before pandas sees it. What the
fields mean is not known here.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator
from pathlib import Path

from aehpo_assets.datasets.reading.content import open_bytes
from aehpo_assets.errors import InputError

_AT_ONCE = 1 << 22

_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def blocks_of_lines(path: Path) -> Iterator[bytes]:
    """Yield a file's lines as UTF-8, many at a time; every line but the last ends by a line feed.

    Raises
    ------
    InputError
        If a line is not UTF-8 or holds a NUL byte.
    """
    number = 1
    for block in _cut_at_line_ends(path):
        _refuse_other_bytes(block, number, path)
        yield block
        number += block.count(b"\n")


def _cut_at_line_ends(path: Path) -> Iterator[bytes]:
    rest = b""
    for part in _utf8(path):
        text = rest + part
        # A carriage return may be half of a line end that goes on in the next part.
        held = b"\r" if text.endswith(b"\r") else b""
        text = text[: len(text) - len(held)]
        if b"\r" in text:
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = text.rfind(b"\n") + 1
        if end:
            yield text[:end]
        rest = text[end:] + held
    rest = rest.replace(b"\r", b"\n")
    if rest:
        yield rest


def _utf8(path: Path) -> Iterator[bytes]:
    """The bytes without a byte order mark; UTF-16 that has one is decoded."""
    with open_bytes(path) as stream:
        part = stream.read(_AT_ONCE)
        if part.startswith(_UTF_16):
            decoder = codecs.getincrementaldecoder("utf-16")()
            while part:
                yield decoder.decode(part).encode()
                part = stream.read(_AT_ONCE)
            yield decoder.decode(b"", final=True).encode()
            return
        part = part.removeprefix(codecs.BOM_UTF8)
        while part:
            yield part
            part = stream.read(_AT_ONCE)


def _refuse_other_bytes(block: bytes, number: int, path: Path) -> None:
    nul = block.find(b"\0")
    if nul >= 0:
        line = number + block.count(b"\n", 0, nul)
        raise InputError(
            f"line {line} holds a NUL byte",
            file=path,
            remedy="The file is damaged or no text; if it is text, save it as UTF-8.",
        )
    if block.isascii():
        return
    try:
        block.decode()
    except UnicodeDecodeError as error:
        line = number + block.count(b"\n", 0, error.start)
        raise InputError(
            f"line {line} is not UTF-8 (byte 0x{block[error.start]:02X})",
            file=path,
            remedy="Save the file as UTF-8.",
        ) from None


def fields_of(line: str, separator: str) -> list[str]:
    """The fields of one line; a mark of quotation that is not closed on it is a ``csv.Error``."""
    return next(csv.reader([line], delimiter=separator, strict=True), [])


def _is_passed_over(line: bytes) -> bool:
    """Whether a line is no row: blank, or the last one of a series matrix of GEO."""
    return not line.strip(b" ") or line.strip(b' "').lower() == b"!series_matrix_table_end"


class CheckedRows:
    """The rows of a table as a stream that pandas reads from; each is checked as it passes.

    Parameters
    ----------
    blocks
        Whole lines; the first is the first row.
    separator
        What separates the fields.
    fields
        How many a row must have.
    path
        The file, for messages.
    number
        Number of the first row's line in the file.

    Attributes
    ----------
    rows
        How many rows have passed.
    last_field_filled
        Whether the last field of some row is not empty.
    """

    def __init__(
        self, blocks: Iterator[bytes], separator: str, fields: int, path: Path, number: int
    ):
        self._blocks, self._path, self._number = blocks, path, number
        self._separator, self._fields = separator.encode(), fields
        # Begins with a literal quotation mark, which is what makes it fast.
        self._quoted = re.compile(rb'"[^"]*"(?=' + re.escape(self._separator) + rb"|$)")
        self._blank: list[int] = []
        self._first = number
        self.rows = 0
        self.last_field_filled = False

    def line_of(self, row: int) -> int:
        """Number of the line in the file that holds a row, the first row being 0."""
        line = self._first + row
        for blank in self._blank:
            if blank > line:
                break
            line += 1
        return line

    def read(self, size: int = -1) -> bytes:
        """The next rows, however many ``size`` asks for; nothing at the end."""
        for block in self._blocks:
            checked = self._checked(block)
            if checked:
                return checked
        return b""

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.read, b"")

    def _checked(self, block: bytes) -> bytes:
        lines = block.removesuffix(b"\n").split(b"\n")
        blank = False
        for position, line in enumerate(lines):
            found = line.count(self._separator) + 1
            if b'"' in line:
                found = self._unquoted(line, found, self._number + position)
            if found == self._fields:
                self.rows += 1
                if not self.last_field_filled:
                    last = line[line.rfind(self._separator) + 1 :].strip()
                    self.last_field_filled = last not in (b"", b'""')
            elif _is_passed_over(line):
                blank = True
                self._blank.append(self._number + position)
            else:
                self._refuse(found, self._number + position, position == len(lines) - 1)
        self._number += len(lines)
        if blank:
            return b"".join(line + b"\n" for line in lines if not _is_passed_over(line))
        return block

    def _unquoted(self, line: bytes, found: int, number: int) -> int:
        """Number of fields of a line with quotation marks, of which ``found`` counts all."""
        marks = 0
        for quoted in self._quoted.finditer(line):
            start = quoted.start()
            if start and line[start - 1 : start] != self._separator:
                break
            marks += 2
            found -= quoted.group().count(self._separator)
        if marks == line.count(b'"'):
            return found
        try:
            return len(fields_of(line.decode(), self._separator.decode()))
        except csv.Error:
            raise unclosed_quote(number, self._path) from None

    def _refuse(self, found: int, number: int, ends_block: bool) -> None:
        if ends_block and not next(self._blocks, b""):
            raise InputError(
                f"the last line has {found} of {self._fields} fields (line {number})",
                file=self._path,
                remedy="The file is truncated; fetch it again.",
            )
        raise InputError(
            f"line {number} has {found} of {self._fields} fields",
            file=self._path,
            remedy="The file is damaged, or a field holds a separator and is not in quotation "
            "marks; fetch it again or correct the line.",
        )


def unclosed_quote(number: int, path: Path) -> InputError:
    """The error for a line whose quotation marks do not close on it."""
    return InputError(
        f"on line {number} a quotation mark opens and is not closed as it should be",
        file=path,
        remedy="Remove it, or write it twice within a field that is quoted; "
        "a field ends on its line.",
    )
