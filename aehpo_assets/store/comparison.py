"""Whether what was computed twice is the same: equal, equal within a tolerance, or different.

Tables and folders are compared by content. What a clock said (columns of seconds) and what only
says where a number comes from (code and data versions, the device) is left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.store.hashes import file_hashes
from aehpo_assets.store.measured import is_measured, leaves, without_measured

_ORIGIN = ("data_version", "code_version", "device")


class Verdict(StrEnum):
    """How alike two artefacts are."""

    EQUAL = "equal"
    WITHIN_TOLERANCE = "equal within tolerance"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Comparison:
    """How alike two artefacts are, and where they differ most.

    Attributes
    ----------
    verdict
        The verdict.
    largest
        Largest difference of two numbers, |a - b| / max(1, |a|, |b|).
    where
        Column of the largest difference, or what differs otherwise.
    """

    verdict: Verdict
    largest: float = 0.0
    where: str = ""

    def __str__(self) -> str:
        """One line for a person."""
        if self.verdict is Verdict.EQUAL:
            return "equal"
        largest = f"largest difference {self.largest:.3g} in " if self.largest else ""
        return f"{self.verdict}: {largest}{self.where}"


EQUAL = Comparison(Verdict.EQUAL)


def compare_tables(
    recorded: pd.DataFrame, reproduced: pd.DataFrame, tolerance: float
) -> Comparison:
    """Compare two tables, row by row.

    Parameters
    ----------
    recorded, reproduced
        The tables. In one with a column ``objective``, rows of measured objectives are left out.
    tolerance
        Largest difference of two numbers a and b, as |a - b| / max(1, |a|, |b|), that counts as
        equal within tolerance. Words must be the same.
    """
    recorded, reproduced = _compared(recorded), _compared(reproduced)
    if list(recorded.columns) != list(reproduced.columns):
        names = sorted(set(recorded.columns) ^ set(reproduced.columns))
        return _different(f"the columns {', '.join(names[:5])}" if names else "the columns' order")
    if len(recorded) != len(reproduced):
        return _different(f"{len(recorded)} rows recorded, {len(reproduced)} reproduced")
    if list(recorded.index) != list(reproduced.index):
        return _different("the names of the rows")
    if recorded.attrs != reproduced.attrs:
        return _different("what the table says of its columns")
    largest, where = 0.0, ""
    for column in recorded.columns:
        ours, theirs = recorded[column], reproduced[column]
        if _is_number(ours) and _is_number(theirs):
            difference = _largest_difference(ours.to_numpy(float), theirs.to_numpy(float))
            if difference > largest:
                largest, where = difference, str(column)
        elif not (ours.astype(object).where(ours.notna(), None)).equals(
            theirs.astype(object).where(theirs.notna(), None)
        ):
            return _different(f"the words in {column}")
    return _judged(largest, where, tolerance)


def compare_folders(recorded: Path, reproduced: Path, tolerance: float) -> Comparison:
    """Compare two folders: file by file, and tables and arrays by what they say.

    Files of other kinds that differ (a model, say) are passed over if the tables beside them differ
    within the tolerance; if these are equal, the files had no reason to differ.
    """
    ours, theirs = file_hashes(recorded), file_hashes(reproduced)
    if ours.keys() != theirs.keys():
        return _different(f"the files {', '.join(sorted(ours.keys() ^ theirs.keys())[:5])}")
    differing = [name for name in ours if ours[name] != theirs[name]]
    readable = [name for name in differing if _comparer(name)]
    others = [name for name in differing if not any(map(is_measured, name.split(".")))]
    others = [name for name in others if name not in readable]
    worst = EQUAL
    for name in readable:
        compare = _comparer(name) or _compare_parquet
        found = compare(recorded / name, reproduced / name, tolerance)
        if found.verdict is Verdict.DIFFERENT:
            return Comparison(found.verdict, found.largest, f"{found.where} of {name}")
        if found.largest > worst.largest:
            worst = Comparison(found.verdict, found.largest, f"{found.where} of {name}")
    if others and worst is EQUAL:
        return _different(f"the file {others[0]}")
    return worst


def _comparer(name: str) -> Callable[[Path, Path, float], Comparison] | None:
    """What compares a file of a folder by what it says, or None."""
    if name == "metadata.json":
        return _compare_json
    return {".parquet": _compare_parquet, ".npy": _compare_arrays}.get(Path(name).suffix)


def _compare_json(recorded: Path, reproduced: Path, tolerance: float) -> Comparison:
    """Compare what two JSON files say; entries of measured objectives are left out."""
    ours, theirs = (
        dict(leaves(json.loads(path.read_text(encoding="utf-8"))))
        for path in (recorded, reproduced)
    )
    if ours.keys() != theirs.keys():
        return _different(min(ours.keys() ^ theirs.keys()))
    largest, where = 0.0, ""
    for key, value in ours.items():
        other = theirs[key]
        if isinstance(value, float) and isinstance(other, float):
            difference = _largest_difference(np.array([value]), np.array([other]))
            if difference > largest:
                largest, where = difference, key
        elif value != other:
            return _different(key)
    return _judged(largest, where, tolerance)


def _compare_parquet(recorded: Path, reproduced: Path, tolerance: float) -> Comparison:
    return compare_tables(pd.read_parquet(recorded), pd.read_parquet(reproduced), tolerance)


def _compare_arrays(recorded: Path, reproduced: Path, tolerance: float) -> Comparison:
    """Compare two arrays; of a blackbox' objectives, the last axis, the measured are left out."""
    ours, theirs = (np.load(path, allow_pickle=False) for path in (recorded, reproduced))
    if ours.shape != theirs.shape:
        return _different("the shape")
    metadata = recorded.parent / "metadata.json"
    if recorded.stem == "objectives_evaluations" and metadata.exists():
        names = json.loads(metadata.read_text(encoding="utf-8"))["objectives_names"]
        kept = [position for position, name in enumerate(names) if not is_measured(name)]
        ours, theirs = ours[..., kept], theirs[..., kept]
    largest = _largest_difference(ours.astype(float).ravel(), theirs.astype(float).ravel())
    return _judged(largest, "the values", tolerance)


def _compared(table: pd.DataFrame) -> pd.DataFrame:
    """The part of a table that counts."""
    return without_measured(table).drop(columns=list(_ORIGIN), errors="ignore")


def _is_number(column: pd.Series) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column))


def _largest_difference(ours: np.ndarray, theirs: np.ndarray) -> float:
    """Largest |a - b| / max(1, |a|, |b|); infinite where only one of them is a finite number."""
    same = (ours == theirs) | (np.isnan(ours) & np.isnan(theirs))
    if same.all():
        return 0.0
    a, b = ours[~same], theirs[~same]
    if not (np.isfinite(a) & np.isfinite(b)).all():
        return float("inf")
    return float((np.abs(a - b) / np.maximum(1, np.maximum(np.abs(a), np.abs(b)))).max())


def _judged(largest: float, where: str, tolerance: float) -> Comparison:
    if largest == 0:
        return EQUAL
    verdict = Verdict.WITHIN_TOLERANCE if largest <= tolerance else Verdict.DIFFERENT
    return Comparison(verdict, largest, where)


def _different(where: str) -> Comparison:
    return Comparison(Verdict.DIFFERENT, 0.0, where)
