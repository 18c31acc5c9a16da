"""A matrix as it lies in a file, whatever the format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

SAMPLE_ID = "sample_id"

MISSING_WORDS = ("", "na", "nan", "none", "null", "n/a", "<na>")
"""Texts that mean a missing value, in any case."""

Values = Any
"""A dense float32 array, or a scipy CSR matrix."""


@dataclass(frozen=True)
class StoredMatrix:
    """A matrix in a file: its names at once, its values when asked for.

    Attributes
    ----------
    rows, columns
        Names as they stand in the file.
    load
        Reads the values: (rows, columns) float32, dense or CSR.
    features
        What the file says of each feature beside its name; None where it says nothing.
    counts_rows
        Whether the names of the rows are row numbers that no other file knows.
    """

    rows: pd.Index
    columns: pd.Index
    load: Callable[[], Values]
    features: pd.DataFrame | None = None
    counts_rows: bool = False


def missing_words(column: pd.Series) -> pd.Series:
    """Which values of a column of text mean that there is none."""
    return column.isna() | column.astype(str).str.strip().str.lower().isin(MISSING_WORDS)
