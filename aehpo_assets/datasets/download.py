"""Fetching one file over HTTP: resumed when it breaks off, and verified before it has its name.

Which files there are to fetch belongs to ``sources``.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPMessage, IncompleteRead
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from aehpo_assets.errors import AehpoError, InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.limits import JSON_BYTES, size_of
from aehpo_assets.store.files import write_text

T = TypeVar("T")

_ASK = "Ask where the file comes from."

Progress = Callable[[int, int | None], None]
"""Called with the bytes that are there, and how many there will be if the server says so."""

PAUSES = (1.0, 4.0, 16.0)
"""Seconds to wait before each further attempt."""

TIMEOUT = 60.0
"""Seconds without a byte after which a connection counts as broken."""

CHUNK = 1 << 18
"""Bytes that are read at a time."""

BROKEN = (URLError, HTTPException, ConnectionError, TimeoutError, ssl.SSLError)
"""What the network raises. A full disk is none of these, and is not tried again."""


def download(
    url: str,
    target: Path,
    *,
    checksum: str | None = None,
    size: int | None = None,
    on_progress: Progress | None = None,
) -> str:
    """Fetch a file to ``target``, unless it is there already.

    The bytes go to ``<target>.part``, from which a later call goes on. The file has its name only
    after it was verified. Without a checksum, the SHA-256 of the first download is recorded in
    ``<target>.sha256`` (as ``sha256sum -c`` reads it), and later ones are held against that.

    Parameters
    ----------
    url
        Where the file is.
    target
        Where it goes. What is there is never overwritten.
    checksum
        The published checksum, ``md5:<hex>`` or ``sha256:<hex>``.
    size
        The published size in bytes.
    on_progress
        Told of every piece that arrived.

    Returns
    -------
    str
        The checksum of the file, in the form of ``checksum``.

    Raises
    ------
    InputError
        If the server does not give the file, or what came or was there is another file.
    AehpoError
        If the transfer broke off too often. What came so far is kept.
    """
    if not url.startswith(("http://", "https://")):
        raise InputError(f"{quoted(url)} is no web address", file=target, remedy=_ASK)
    if checksum is not None and not checksum.startswith(("md5:", "sha256:")):
        raise InputError(f"checksum {checksum} is neither md5: nor sha256:", file=target)
    record = beside(target, ".sha256")
    remedy = f"Call the same command again; if that does not help, {_ASK[0].lower()}{_ASK[1:]}"
    known = checksum
    if checksum is None and record.exists():
        known = _recorded(record)
        remedy = f"If the source was renewed, move {record.name} away, then call again."
    if target.exists():
        remedy = "Move it away, or choose another folder."
        if known is None:
            problem = "is there already, and no checksum is known to hold it against"
            raise InputError(problem, file=target, remedy=remedy)
        return _verified(target, target, known, size, remedy)
    target.parent.mkdir(parents=True, exist_ok=True)
    part, validator = beside(target, ".part"), beside(target, ".part.validator")
    _persistently(
        url, lambda: _transfer(url, part, validator, known is not None, size, on_progress)
    )
    try:
        found = _verified(part, target, known, size, remedy)
    except InputError:
        part.unlink()
        raise
    finally:
        validator.unlink(missing_ok=True)
    if known is None:
        write_text(record, f"{found.removeprefix('sha256:')}  {target.name}\n")
    with part.open("rb+") as stream:
        os.fsync(stream.fileno())
    part.replace(target)
    return found


def read_url(url: str) -> bytes:
    """Return what a server answers.

    Raises
    ------
    InputError
        If it answers that there is no such thing, or with more than a page.
    AehpoError
        If it does not answer.
    """

    def read() -> bytes:
        with _open(url, {}) as response:
            content: bytes = response.read(JSON_BYTES + 1)
            return content

    answer = _persistently(url, read)
    if len(answer) > JSON_BYTES:
        problem = f"the server answers with more than {size_of(JSON_BYTES)}"
        raise InputError(problem, file=url, remedy=_ASK)
    return answer


def beside(target: Path, suffix: str) -> Path:
    """Return the path of a file that goes with ``target``: its name, and ``suffix``."""
    return target.with_name(target.name + suffix)


def _persistently(url: str, attempt: Callable[[], T]) -> T:
    """Return what an attempt returns, after as many as it takes or :data:`PAUSES` allows."""
    for pause in (*PAUSES, None):
        try:
            return attempt()
        except BROKEN as error:
            if isinstance(error, HTTPError) and error.code < 500 and error.code not in (408, 429):
                problem = f"the server answers {error.code} {error.reason}"
                raise InputError(problem, file=url, remedy="Ask where the file is now.") from error
            if pause is None:
                raise AehpoError(
                    f"{url}: the transfer failed {len(PAUSES) + 1} times, at last with: {error}. "
                    "What came so far is kept; call the same command again to go on."
                ) from error
            time.sleep(pause)
    raise AssertionError("the last attempt returns or raises")


def _open(url: str, headers: dict[str, str]) -> Any:
    # Some servers turn away the name that urllib gives itself.
    return urlopen(Request(url, headers={"User-Agent": "aehpo", **headers}), timeout=TIMEOUT)


def _transfer(
    url: str,
    part: Path,
    validator: Path,
    verified: bool,
    size: int | None,
    on_progress: Progress | None,
) -> None:
    """Fetch what ``part`` lacks, or all of it where the server cannot resume.

    The server's name for this version of the file (RFC 9110, 13.1.5) is kept in ``validator``, so
    that the end of a renewed file is never joined to the beginning of the old. Where it gives none,
    only a file that is ``verified`` by a known checksum is resumed.
    """
    done = part.stat().st_size if part.exists() else 0
    if size is not None and done >= size > 0:
        return
    headers = {}
    if done and (verified or validator.exists()):
        headers["Range"] = f"bytes={done}-"
        if validator.exists():
            headers["If-Range"] = validator.read_text(encoding="latin-1")
    try:
        response = _open(url, headers)
    except HTTPError as error:
        if error.code != 416 or "Range" not in headers:
            raise
        if error.headers.get("Content-Range") != f"bytes */{done}":
            part.unlink()
            _transfer(url, part, validator, verified, size, on_progress)
        return
    with response:
        resumed = response.status == 206
        if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {done}-"):
            part.unlink()
            raise HTTPException("the server sent another range than was asked for")
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = size if length is None else done + int(length)
        _refuse_too_much(part, done, total, size)
        with part.open("ab" if resumed else "wb") as stream:
            if not resumed:
                validator.write_text(_validator(response.headers), encoding="latin-1")
                if not validator.stat().st_size:
                    validator.unlink()
            while chunk := response.read(CHUNK if size is None else min(CHUNK, size + 1 - done)):
                stream.write(chunk)
                done += len(chunk)
                if on_progress is not None:
                    on_progress(done, total)
        # A connection that is closed early looks like the end of the file.
        if total is not None and done < total:
            raise IncompleteRead(b"", total - done)


def _refuse_too_much(part: Path, done: int, total: int | None, size: int | None) -> None:
    """Refuse what is announced to be larger than published, or than there is room for."""
    target = part.with_name(part.name.removesuffix(".part"))
    if total is None:
        return
    if size is not None and total > size:
        problem = f"wrong size: expected {size:,} bytes, found {total:,}"
        raise InputError(problem, file=target, remedy=_ASK)
    free = shutil.disk_usage(part.parent).free
    if total - done > free:
        problem = f"{size_of(total - done)} are to come, and {size_of(free)} are free on the disk"
        raise InputError(problem, file=target, remedy="Make room, or name another folder.")


def _validator(headers: HTTPMessage) -> str:
    """Return the strong ETag, or else the date of change, or nothing."""
    tag = headers.get("ETag", "")
    return tag if tag and not tag.startswith("W/") else headers.get("Last-Modified", "")


def _recorded(record: Path) -> str:
    """Return the checksum that an earlier download recorded."""
    digest = ""
    with contextlib.suppress(UnicodeDecodeError):
        digest = record.read_text(encoding="utf-8").partition(" ")[0].strip().lower()
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InputError("holds no SHA-256", file=record, remedy="Move it away, then call again.")
    return f"sha256:{digest}"


def _verified(path: Path, file: Path, checksum: str | None, size: int | None, remedy: str) -> str:
    """Return the checksum of ``path``, which the user knows as ``file``, if it is as it should."""
    found_size = path.stat().st_size
    if size is not None and found_size != size:
        found = f"{found_size:,}" if path == file or found_size <= size else "more"
        problem = f"wrong size: expected {size:,} bytes, found {found}"
        raise InputError(problem, file=file, remedy=remedy)
    algorithm = "sha256" if checksum is None else checksum.partition(":")[0]
    with path.open("rb") as stream:
        # MD5 is what some publish: it tells damage, and is not asked to withstand an attack.
        new = hashlib.file_digest(stream, lambda: hashlib.new(algorithm, usedforsecurity=False))
    found = f"{algorithm}:{new.hexdigest()}"
    if checksum is not None and found != checksum.lower():
        problem = f"wrong checksum: expected {checksum}, found {found}"
        raise InputError(problem, file=file, remedy=remedy)
    return found
