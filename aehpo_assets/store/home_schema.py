"""The version of a home: by what rules its files lie, and how an older home gets to today's.

``HOME/home.json`` holds the number. A home without one, which every home was before there was a
number, lies by the rules of version 1.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from aehpo_assets import __version__
from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.limits import read_json
from aehpo_assets.store.files import write_text


@dataclass(frozen=True)
class Migration:
    """One step from a version to the next.

    Attributes
    ----------
    what
        What was done, for a person: ``the runs lie by architecture``.
    step
        Does it, given the folder of the home. It is called again after a kill, on a home on which
        it was done in part or whole, so it must then finish and do nothing twice.
    """

    what: str
    step: Callable[[Path], None]


CRATE_METADATA = "ro-crate-metadata.json"
"""What the root of an RO-Crate is known by, such as a bundle of a study."""

MIGRATIONS: tuple[Migration, ...] = ()
"""In order; the first leads from version 1 to version 2. What was released stays as it is."""

_LOCKS = ("lock", "ui.lock", "work.lock")
"""Held by headless runs, by a UI, and by the steps of its runs, see ``Home``."""


def present_version() -> int:
    """Version of the homes that this aehpo reads and writes."""
    return 1 + len(MIGRATIONS)


def check_version(root: Path) -> None:
    """Refuse a home that this aehpo cannot read as it lies; a folder that is no home yet will do.

    Raises
    ------
    InputError
        If its version is another one, or cannot be told, or it is a bundle, which nothing may be
        written into.
    """
    if (root / CRATE_METADATA).exists():
        raise InputError(
            "is a bundle of a study, not its home: it holds no runs and no data",
            file=root,
            remedy="Open report/index.html in it, or run its study.yaml on the data, in a home of "
            "its own: `aehpo run study.yaml --data DIR --home DIR`.",
        )
    found = _recorded(root) or 1
    if _is_home(root) and found < present_version():
        raise InputError(
            f"is a home of version {found}, and this is aehpo {__version__} for homes of version "
            f"{present_version()}",
            file=root,
            remedy="`aehpo run STUDY.yaml` or `aehpo ui` brings it up to date.",
        )


def migrate(root: Path, on_step: Callable[[str], None]) -> None:
    """Bring an older home up to date, one step after another; a kill repeats at most one step.

    Parameters
    ----------
    root
        The folder of the home, which need not be there.
    on_step
        Called with what was done, after each step.

    Raises
    ------
    InputError
        If the home is of a newer version, or its version cannot be told.
    HomeBusyError
        If somebody works in it.
    """
    if not _is_home(root) or _recorded(root) == present_version():
        return
    with _alone(root):
        found = _recorded(root)
        if found is None:
            found = 1
            _record(root, found)
            on_step(f"{root}: a home from before homes had a version: recorded as version 1.")
        for number, migration in enumerate(MIGRATIONS[found - 1 :], found + 1):
            migration.step(root)
            _record(root, number)
            on_step(f"{root}: migrated to version {number} of homes: {migration.what}.")


def begin(root: Path) -> None:
    """Make the folder of a home; a new one gets today's version before anything else."""
    root.mkdir(parents=True, exist_ok=True)
    if not _is_home(root):
        _record(root, present_version())


def _is_home(root: Path) -> bool:
    """Whether something of a home lies there; data sets may lie in its folder before."""
    return any((root / name).exists() for name in ("home.json", "study.yaml", "store", "dagster"))


def _record(root: Path, number: int) -> None:
    write_text(root / "home.json", json.dumps({"version": number, "aehpo": __version__}) + "\n")


def _recorded(root: Path) -> int | None:
    """The version that a home says it has, at most the present one; None where it says none.

    Raises
    ------
    InputError
        If it is newer, or what stands there is none.
    """
    file = root / "home.json"
    try:
        content = read_json(file.read_bytes())
        number, written_by = content["version"], content["aehpo"]
        if type(number) is not int or number < 1 or not isinstance(written_by, str):
            raise ValueError("no version of a home")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, TypeError, KeyError):
        raise InputError(
            "does not say the version of the home",
            file=file,
            remedy="Bring it back from a copy. If the home was last used with aehpo "
            f"{__version__}, its content is "
            f'{{"version": {present_version()}, "aehpo": "{__version__}"}}.',
        ) from None
    if number > present_version():
        raise InputError(
            f"is a home of version {number}, made by aehpo {written_by}, and this is aehpo "
            f"{__version__}, which knows homes up to version {present_version()}",
            file=root,
            remedy=f"Install aehpo {written_by} or newer, or choose another --home.",
        )
    return number


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Hold every lock of a home.

    Raises
    ------
    HomeBusyError
        If somebody else holds one.
    """
    with contextlib.ExitStack() as stack:
        for name in _LOCKS:
            held = stack.enter_context((root / name).open("a"))
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise HomeBusyError(
                    f"{root} is a home of an older version, and in use. Stop `aehpo run` and "
                    "`aehpo ui` there, then call this again."
                ) from None
        yield
