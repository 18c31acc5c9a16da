"""Numbers that are written as text, and what to say of a text that is none."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from aehpo_assets.datasets.reading.stored import Values, missing_words
from aehpo_assets.errors import InputError

_MANY = 0.5
"""Share of values that are no numbers from which on the whole column is taken to be none."""


def parse_numbers(
    column: pd.Series,
    name: str,
    rows: pd.Index,
    path: Path,
    line_of: Callable[[int], int] | None,
    words: Collection[str] = (),
    left_out: Collection[str] = (),
) -> np.ndarray:
    """Numbers of a column of a matrix; what means missing is NaN.

    Parameters
    ----------
    column
        The values as text.
    name
        Name of the column.
    rows
        Names of the rows.
    path
        The file, for messages.
    line_of
        Number of the line that holds a row; None if the file has no lines.
    words
        Words that mean a missing value beside the usual ones.
    left_out
        Rows of annotation, which may hold anything; their values are NaN.

    Raises
    ------
    InputError
        If a value is no number; it names the first, where it is and what fits.
    """
    missing = missing_words(column, add=words)
    if left_out:
        missing |= pd.Series(rows.isin(list(left_out)), index=column.index)
    numbers = pd.to_numeric(column.where(~missing), errors="coerce")
    wrong = (numbers.isna() & ~missing).to_numpy()
    if wrong.any():
        first = int(wrong.argmax())
        line = f"; it stands on line {line_of(first)}" if line_of else ""
        value = column.iloc[first]
        mostly = wrong.sum() > _MANY * max(1, (~missing).sum())
        raise InputError(
            f"{value!r} (row {rows[first]}) is no number{line}",
            file=path,
            key=name,
            remedy=remedy_for(str(value))
            or (
                f"If the column is no part of the matrix, say so in dataset.yaml "
                f"(annotation: [{name}]); if it holds the ids, say that (ids: {name}); labels "
                "belong into the label table."
                if mostly
                else "Correct the value, leave it empty, or name the word in the modality's "
                f"missing_words: {{add: [...]}}; if the row is none, annotation: [{rows[first]}]."
            ),
        )
    return numbers.to_numpy(dtype=np.float32, na_value=np.nan)


def without_codes(values: Values, words: Collection[str]) -> Values:
    """Values of a matrix with those missing that are a number of ``words``, such as ``-999``."""
    codes = pd.to_numeric(pd.Series(list(words), dtype=str), errors="coerce").dropna()
    numbers = codes.to_numpy(dtype=np.float32)
    if not len(numbers):
        return values
    if sparse.issparse(values):
        if 0 in numbers:
            return without_codes(values.toarray(), words)
        values.data[np.isin(values.data, numbers)] = np.nan
        return values
    for number in numbers:
        values[values == number] = np.nan
    return values


def remedy_for(value: str) -> str | None:
    """What to do about a number that is written in another way; None if it is no number at all."""
    text = value.strip().lstrip("+-")
    if re.fullmatch(r"\d{1,3}(,\d{3}){2,}(\.\d*)?|\d{1,3}(,\d{3})+\.\d*", text):
        return "Write numbers without separators of thousands."
    if re.fullmatch(
        r"\d{1,3}(\.\d{3})+,\d*|\d{1,3}(\.\d{3}){2,}|\d{1,3}([' \u00a0\u202f]\d{3})+.*", text
    ):
        return "Write numbers without separators of thousands, and with a decimal point."
    if re.fullmatch(r"\d*,\d+(e[+-]?\d+)?", text, re.IGNORECASE):
        return "Write numbers with a decimal point: a comma may mean decimals or thousands."
    if re.fullmatch(r"[<>≤≥~]=?\s*\d.*", text):
        return "Write the number alone, or leave the value empty."
    if re.fullmatch(r"\d+(\.\d+)?\s*(%|[a-zµ/]+)", text, re.IGNORECASE):
        return "Write numbers without units."
    return None
