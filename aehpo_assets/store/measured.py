"""What a clock said, or was predicted of it: it counts in no data version and no comparison.

Two homes that made the same numbers have the same data versions, however fast their machines are.
That measured seconds are still what was written is seen to by the seal, see ``store``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.store.hashes import content_hash, file_hash, file_hashes, settings_hash

_SECONDS = re.compile(
    r"(predicted_)?((training|fleet|evaluation)_)?runtime(_(lower|upper))?|searcher_seconds|seconds_per_trial"
)
PRICES = "prices"
"""Column that names the price list of a device which ``training_runtime`` was read from."""


def is_measured(name: str) -> bool:
    """Whether a column, an objective or a part of a file's name is of measured seconds."""
    return _SECONDS.fullmatch(name) is not None


def measured_columns(table: pd.DataFrame) -> tuple[str, ...]:
    """Columns of a table that are of measured seconds, and the one that says from which prices."""
    return tuple(str(c) for c in table.columns if is_measured(str(c)) or c == PRICES)


def without_measured(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table without its measured columns and the rows of measured objectives."""
    if "objective" in table.columns:
        table = table[~table["objective"].astype(str).map(is_measured)].reset_index(drop=True)
    return table.drop(columns=list(measured_columns(table)))


def leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield path and value of what a JSON value is made of, but entries of measured objectives."""
    if isinstance(value, dict):
        if is_measured(str(value.get("objective", ""))):
            return
        for name, part in value.items():
            yield from leaves(part, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for position, part in enumerate(value):
            yield from leaves(part, f"{key}[{position}]")
    else:
        yield key, value


def folder_version(folder: Path) -> str:
    """Hash of what the files of a folder say: tables and JSON by content, others by their bytes.

    Compressed Parquet holds the time of writing; what it says is what counts.
    """
    versions: dict[str, str] = {}
    for name in file_hashes(folder):
        path = folder / name
        if any(map(is_measured, path.name.split("."))):
            continue
        if path.suffix == ".parquet":
            versions[name] = content_hash(without_measured(pd.read_parquet(path)))
        elif path.suffix == ".json":
            content = json.loads(path.read_text(encoding="utf-8"))
            versions[name] = settings_hash(dict(leaves(content)))
        else:
            versions[name] = file_hash(path)
    return settings_hash(versions)
