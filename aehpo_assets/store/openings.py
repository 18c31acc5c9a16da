"""How often the test scores of an architecture on a task were opened, and by what.

The first opening is an honest one: nothing was chosen by what it shows. Whatever is chosen or
changed after it may have been, knowingly or not, and so each further one is counted and named.
Opening the same runs again shows nothing new. What the numbers are is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.limits import read_json
from aehpo_assets.store.files import write_text
from aehpo_assets.store.hashes import settings_hash

_REMEDY = "Bring it back from a backup: without it, nobody knows how often the test was opened."


class Openings:
    """The openings of a home, one file an architecture and task.

    Parameters
    ----------
    folder
        ``HOME/openings``; it need not exist yet.
    """

    def __init__(self, folder: Path):
        self.folder = folder

    def path(self, architecture: str, task: str) -> Path:
        """File of an architecture and task: a JSON list, first opening first."""
        return self.folder / architecture / f"{task}.json"

    def known(self, architecture: str, task: str) -> list[dict[str, Any]]:
        """Return the openings so far: ``runs`` (a hash), ``by``, ``count`` and ``at``.

        Raises
        ------
        InputError
            If the file is damaged.
        """
        path = self.path(architecture, task)
        if not path.exists():
            return []
        try:
            found = read_json(path.read_bytes())
            if not isinstance(found, list) or not all("runs" in one for one in found):
                raise ValueError("is no list of openings")
        except (OSError, ValueError, TypeError) as error:
            raise InputError(f"cannot be read ({error})", file=path, remedy=_REMEDY) from None
        return found

    def note(self, architecture: str, task: str, run_keys: Iterable[str], by: str) -> int:
        """Count an opening, and return its number, from 1.

        Parameters
        ----------
        architecture, task
            Whose test scores are opened.
        run_keys
            Keys of the runs that are opened. The same runs have the number that they had.
        by
            What opens them.

        Raises
        ------
        InputError
            If the file of the openings is damaged.
        """
        found = self.known(architecture, task)
        keys = sorted(set(run_keys))
        runs = settings_hash(keys)
        for number, opening in enumerate(found, 1):
            if opening["runs"] == runs:
                return number
        now = datetime.now(UTC).isoformat(timespec="seconds")
        found.append({"runs": runs, "by": by, "count": len(keys), "at": now})
        path = self.path(architecture, task)
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps(found, indent=1))
        return len(found)
