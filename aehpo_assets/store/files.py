"""Writing files so that a reader sees the old content or the new, never a part of either.

Here belongs what is true of any file or folder; what artefacts look like belongs to ``store``.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What a full disk says; see :data:`NO_ACCESS` for what is refused whatever room there is."""

NO_ACCESS = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.ENAMETOOLONG,
    errno.ELOOP,
)
"""What the system says of a place that cannot be read or written as it is."""


def check_writable(folder: Path, key: str) -> None:
    """Refuse a folder that cannot be made or written into, before anything is written.

    Parameters
    ----------
    folder
        The folder; it need not be there.
    key
        The option or argument that names it, for the message.

    Raises
    ------
    InputError
        If nothing can be written there; it names the folder, the option and the reason.
    """
    whole = folder.absolute()
    # A link that leads nowhere is there, and cannot become a folder.
    above = next(path for path in (whole, *whole.parents) if os.path.lexists(path))
    try:
        if not above.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{above} is no folder")
        # Permissions alone do not tell: some file systems refuse whoever asks.
        with tempfile.TemporaryDirectory(prefix=".aehpo.", suffix=".part", dir=above) as probe:
            (Path(probe) / whole.relative_to(above)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(
            f"cannot be written ({error.strerror})",
            file=folder,
            key=key,
            remedy="Correct its permissions, or name another folder."
            if above == whole
            else "Name a new folder below one that can be written to.",
        ) from None


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Name a place in which nothing can be written; a full disk is explained where it is met.

    Raises
    ------
    InputError
        If the block is refused access.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in NO_ACCESS:
            raise
        raise InputError(
            f"cannot be written ({error.strerror})",
            file=path,
            remedy="Correct the permissions of its folder.",
        ) from error


@contextlib.contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path in the same folder, and move it over ``path`` at the end.

    If the block raises (a full disk, say), the temporary file is removed and whatever was at
    ``path`` before is still there.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        prefix = f".{path.name}."
        descriptor, name = tempfile.mkstemp(prefix=prefix, suffix=".part", dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb+") as stream:
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def inside(folder: Path, *names: str) -> Path:
    """Return a path below a folder, made of names that others chose.

    Raises
    ------
    InputError
        If it would lie elsewhere.
    """
    path = folder.joinpath(*names)
    if not path.resolve().is_relative_to(folder.resolve()) or path.resolve() == folder.resolve():
        problem = f"{quoted('/'.join(names))} leads out of the folder"
        raise InputError(problem, file=folder, remedy="Rename what is to be written.")
    return path


def write_text(path: Path, text: str) -> None:
    """Write a text file atomically, as UTF-8."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


@contextlib.contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yield a temporary folder beside ``path``, and put it in the place of ``path`` at the end.

    A non-empty folder cannot be replaced in one step. The old one is set aside under a fixed name
    first, so that :func:`recover_folder` can bring it back after a kill between the two steps.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        recover_folder(path)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
    aside = _aside(path)
    try:
        yield temporary
        temporary.chmod(0o755)
        if path.exists():
            path.replace(aside)
        temporary.replace(path)
        shutil.rmtree(aside, ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def recover_folder(path: Path) -> None:
    """Finish or undo what a killed :func:`atomic_folder` left behind."""
    aside = _aside(path)
    if not aside.exists():
        return
    # Who may only read sees what is there, and leaves the rest to who may write.
    with contextlib.suppress(OSError):
        if path.exists():
            shutil.rmtree(aside)
        else:
            aside.replace(path)


def present_folder(path: Path) -> Path:
    """Where what is at ``path`` lies: there, or where a killed :func:`atomic_folder` left it.

    For who only looks: nothing is moved, which a writer between its two steps would trip over.
    """
    aside = _aside(path)
    return aside if aside.exists() and not path.exists() else path


def _aside(path: Path) -> Path:
    return path.with_name(f".{path.name}.old")


def damaged_path(path: Path) -> Path:
    """Where a damaged file or folder is set aside: beside its place, hidden."""
    return path.with_name(f".{path.name}.damaged")


def remove_unfinished(folder: Path, *, without: Path) -> None:
    """Remove what killed writers left below a folder; nobody may be writing there.

    Parameters
    ----------
    folder
        The folder.
    without
        A folder below it that is left as it is.
    """
    for path in sorted(folder.rglob(".*.part")):
        if path.is_relative_to(without):
            continue
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
