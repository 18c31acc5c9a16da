"""What a file is by its first bytes, whatever its name says, and how its bytes are opened.

Here belong magic numbers and compression. What the bytes mean belongs to ``delimited``, ``formats``
and ``hdf5``.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import zipfile
from pathlib import Path
from typing import IO, Literal, cast

from aehpo_assets.errors import InputError

Content = Literal["parquet", "hdf5", "text"]

_HEAD = 4096

_HDF5 = b"\x89HDF\r\n\x1a\n"
_HDF5_BEGINS = (0, 512, 1024, 2048)
"""Where an HDF5 file may begin: MuData writes a line of its own before it."""

_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip"}

_NO_TABLE = {
    b"\xd0\xcf\x11\xe0": ("is an Excel file", "Save the sheet as CSV (UTF-8)."),
    b"\x28\xb5\x2f\xfd": ("is compressed with Zstandard", "Unpack it."),
    b"version https://git-lfs": ("is a pointer of Git LFS", "Fetch the file: git lfs pull."),
    b"<!doctype": ("is a web page", "The download failed; fetch the file again."),
    b"<html": ("is a web page", "The download failed; fetch the file again."),
}


def content_of(path: Path) -> Content:
    """What a file holds by its first bytes; ``text`` if nothing else can be told.

    Raises
    ------
    InputError
        If it is empty, or something that no reader here is for: a spreadsheet, a web page, a
        compressed file that holds no text.
    """
    with path.open("rb") as stream:
        head = stream.read(_HEAD)
    if not head:
        raise InputError("is empty", file=path, remedy="Fetch it again.")
    kind = _kind(head, path)
    compression = compression_of(head)
    if compression is None:
        return kind
    with open_bytes(path) as stream:
        inner = stream.read(_HEAD)
    if compression_of(inner) or _kind(inner, path) != "text":
        raise InputError(
            f"is compressed ({compression})", file=path, remedy="Unpack it; only text may be so."
        )
    return "text"


def compression_of(head: bytes) -> str | None:
    """Name of the compression that some first bytes tell of."""
    return next((name for magic, name in _COMPRESSED.items() if head.startswith(magic)), None)


def open_bytes(path: Path) -> IO[bytes]:
    """Open a file's bytes, decompressed if they are compressed."""
    with path.open("rb") as stream:
        compression = compression_of(stream.read(_HEAD))
    if compression == "gzip":
        return cast(IO[bytes], gzip.open(path, "rb"))
    if compression == "bzip2":
        return bz2.open(path, "rb")
    if compression == "xz":
        return lzma.open(path, "rb")
    return _open_member(path) if compression == "zip" else path.open("rb")


def _open_member(path: Path) -> IO[bytes]:
    """The one file of a zip archive."""
    archive = zipfile.ZipFile(path)
    members = [m for m in archive.infolist() if not m.is_dir() and "__MACOSX" not in m.filename]
    if any(m.filename == "[Content_Types].xml" for m in members):
        raise InputError("is an Excel file", file=path, remedy="Save the sheet as CSV (UTF-8).")
    if len(members) != 1:
        raise InputError(
            f"is a zip archive of {len(members)} files", file=path, remedy="Unpack the table."
        )
    return archive.open(members[0])


def _kind(head: bytes, path: Path) -> Content:
    for magic, (problem, remedy) in _NO_TABLE.items():
        if head.lstrip().lower().startswith(magic):
            raise InputError(problem, file=path, remedy=remedy)
    if head.startswith(b"PAR1"):
        return "parquet"
    return "hdf5" if any(head.startswith(_HDF5, at) for at in _HDF5_BEGINS) else "text"
