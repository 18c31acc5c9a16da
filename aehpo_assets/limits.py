"""How much of what others give is taken in: the numbers, and the memory there is.

They are generous to real data: a study file has a few kilobytes, no line of text has hundreds of
megabytes. How large a matrix may be is no number but what is free (:func:`free_memory`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

YAML_BYTES = 256 << 10
"""Size of a YAML file: a study that lists ten thousand tasks."""

YAML_DEPTH = 32
"""Lists and mappings inside each other in a YAML file."""

YAML_EXPANDED = 1 << 20
"""Values and their characters in a YAML file, once every alias stands for what it means."""

JSON_BYTES = 64 << 20
"""Size of a JSON file, or of what a server answers, that is read at once."""

LINE_BYTES = 256 << 20
"""Length of a line of text: a header of ten million names."""

SHOWN_VALUE = 80
"""Characters that a message quotes of a value."""

SHOWN_MESSAGE = 2_000
"""Characters of a message."""

_CGROUPS = Path("/sys/fs/cgroup")
_OWN_CGROUPS = Path("/proc/self/cgroup")


def free_memory(cgroups: Path = _CGROUPS, own: Path = _OWN_CGROUPS) -> int:
    """Bytes of memory that this process can still have: of the machine, and of its cgroups.

    Parameters
    ----------
    cgroups, own
        Where the kernel shows the cgroups (version 1 or 2), and those of this process.
    """
    import psutil

    return int(min([psutil.virtual_memory().available, *_free_in_cgroups(cgroups, own)]))


def _free_in_cgroups(cgroups: Path, own: Path) -> list[int]:
    """Free bytes of every cgroup with a limit that this process is in."""
    try:
        lines = own.read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    free = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            root, names = cgroups, ("memory.max", "memory.current", "inactive_file")
        elif "memory" in controllers.split(","):
            root = cgroups / "memory"
            names = ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file")
        else:
            continue
        inside = root / path.lstrip("/")
        # In a container the path is that of the host, and the root is the container's own.
        for folder in (inside, *inside.parents):
            if folder.is_relative_to(root) and (left := _left(folder, *names)) is not None:
                free.append(left)
    return free


def _left(folder: Path, limit: str, usage: str, reclaimable: str) -> int | None:
    """Limit less usage of one cgroup, or None without a limit; page cache can be had back."""
    try:
        most = int((folder / limit).read_text())
        used = int((folder / usage).read_text())
        statistics = dict(
            line.split() for line in (folder / "memory.stat").read_text().splitlines()
        )
    except (OSError, ValueError):
        return None
    return max(0, most - used + int(statistics.get(reclaimable, 0)))


def read_json(text: str | bytes) -> Any:
    """Read JSON, however deep its lists and mappings stand in each other.

    Raises
    ------
    ValueError
        If it is none, or too deep to be read.
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError(str(error)) from None


def size_of(count: float) -> str:
    """Write a number of bytes for a person: ``1.5 GiB``."""
    for unit in ("B", "KiB", "MiB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:,.1f} GiB" if count < 1024 else f"{count / 1024:,.1f} TiB"
