"""Which column of a table holds the ids of its rows: one rule for every format.

A matrix and a label table of the same layout are read alike. What cannot be told is refused: a row
number taken for an id joins each sample with the labels of another one.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.reading.stored import SAMPLE_ID
from aehpo_assets.errors import InputError

_COUNTER = re.compile(
    r"|Unnamed: [\d.]+|\.\.\.\d+|index|level_0|__index_level_0__|X|V1|Column1"
    r"|rownames?|row\.names|row",
    re.IGNORECASE,
)
"""Names that other software gives to a column that counts the rows of an earlier file."""

_ID_WORDS = re.compile(
    r"(^|[^a-z])(ids?|sampleids?|patientids?|geneids?|cellids?|samples?|patients?|cases?|subjects?|"
    r"donors?|participants?|individuals?|persons?|barcodes?|cells?|genes?|features?|names?|symbols?|"
    r"keys?|codes?|accessions?|probes?|entrez|transcripts?|proteins?|nr|no|numbers?|records?|mrn|"
    r"index|rows?|rownames?)([^a-z0-9]|$)|(?-i:[a-z]I[dD]s?$)",
    re.IGNORECASE,
)
"""Words in the name of a column that may hold ids though they are numbers."""

_FEWEST_TO_COUNT = 3


@dataclass(frozen=True)
class Columns:
    """The columns of a table, looked at only as far as needed.

    Attributes
    ----------
    names
        Name of each column.
    is_text
        Whether the column at a position holds anything but numbers.
    values
        The values of the column at a position.
    index
        Position of the column that the file itself says to be the index; None if it says nothing.
    """

    names: Sequence[str]
    is_text: Callable[[int], bool]
    values: Callable[[int], pd.Series]
    index: int | None = None


@dataclass(frozen=True)
class IdColumn:
    """Where the ids are.

    Attributes
    ----------
    position
        Position of the column.
    counts_rows
        Whether they are row numbers without a name: no ids that another file knows.
    counter
        Position of a column that counts the rows and is neither ids nor values, if there is one.
    """

    position: int
    counts_rows: bool = False
    counter: int | None = None


def find_ids(columns: Columns, path: Path, setting: str, wanted: str | None) -> IdColumn:
    """Find the column with the ids.

    It is the column that ``dataset.yaml`` names; else the file's own index, or ``sample_id``, or
    the first column if that is text or numbers that can be ids, or the only column that is text.
    A first column that only counts the rows gives way to the only one of unequal texts.

    Parameters
    ----------
    columns
        The columns of the table.
    path
        The file, for messages.
    setting
        Key of the setting that names the column, for messages.
    wanted
        The column that is named, if one is.

    Raises
    ------
    InputError
        If there is no such column, or none can be told.
    """
    names = list(columns.names)
    if wanted is not None:
        return IdColumn(_named(names, wanted, path, setting))
    first = columns.index if columns.index is not None else 0
    counter = _is_nameless_counter(columns, first)
    if columns.index is not None and not counter:
        return IdColumn(first)
    named = [i for i, name in enumerate(names) if name.lower() == SAMPLE_ID]
    if len(named) == 1:
        return IdColumn(named[0], counter=first if counter and named[0] != first else None)
    if columns.is_text(first):
        return _of_texts(columns, first, path, setting)
    if counter:
        return _instead_of_counter(columns, first, path, setting)
    values = columns.values(first)
    if is_id_name(names[first]) and values.is_unique:
        return IdColumn(first)
    if _whole(values) and (_ID_WORDS.search(names[first]) or _stands_out(columns, first, values)):
        return IdColumn(first)
    texts = [i for i in range(len(names)) if i != first and columns.is_text(i)]
    if len(texts) == 1 and columns.values(texts[0]).is_unique:
        return IdColumn(texts[0])
    raise InputError(
        f"no column with ids can be told: the first, {names[first]!r}, holds numbers that may be "
        "values",
        file=path,
        key=names[first],
        remedy=f"Name the column in dataset.yaml ({setting}: COLUMN), or call it {SAMPLE_ID}.",
    )


def counts(values: pd.Series | pd.Index, start: int | None = None) -> bool:
    """Whether values count the rows, from 0 or from 1, in order."""
    if len(values) < _FEWEST_TO_COUNT:
        return False
    numbers = pd.to_numeric(pd.Series(values), errors="coerce").to_numpy(dtype=float)
    begins = numbers[0] in ((0.0, 1.0) if start is None else (float(start),))
    return bool(begins and (np.diff(numbers) == 1).all())


def is_id_name(name: str) -> bool:
    """Whether a name is empty or one of those that columns of ids have."""
    return not name.strip() or bool(_ID_WORDS.fullmatch(name.strip()))


def may_be_counter(name: str) -> bool:
    """Whether a column has a name that other software gives to a count of rows."""
    return bool(_COUNTER.fullmatch(name))


def is_counter(values: np.ndarray) -> bool:
    """Whether values are whole numbers that rise from row to row, or each of 0 to n - 1 once."""
    numbers = np.asarray(values, dtype=float)
    if len(numbers) < _FEWEST_TO_COUNT or not np.isfinite(numbers).all():
        return False
    if (numbers != np.floor(numbers)).any():
        return False
    steps = np.diff(np.sort(numbers))
    return bool((np.diff(numbers) > 0).all() or ((steps == 1).all() and numbers.min() in (0, 1)))


def as_ids(values: pd.Series | pd.Index) -> pd.Index:
    """Ids as text: whole numbers without ``.0``, bytes decoded; what is missing stays so."""
    index = pd.Index(values)
    if isinstance(index.dtype, pd.CategoricalDtype):
        index = pd.Index(np.asarray(index.astype(object)))
    if pd.api.types.is_float_dtype(index.dtype):
        known = index[~index.isna()]
        if len(known) == len(index) and (known % 1 == 0).all():
            index = index.astype("int64")
    if index.dtype == object:
        index = pd.Index([v.decode() if isinstance(v, bytes) else v for v in index], dtype=object)
    return index


def is_text(values: pd.Series) -> bool:
    """Whether a column holds anything but numbers; 001 is none, as its zeros would be lost."""
    if isinstance(values.dtype, np.dtype) and values.dtype.kind in "fiub":
        return False
    text = values.astype(str).str.strip()
    padded = text.str.fullmatch(r"0\d+").any()
    return bool(padded or pd.to_numeric(text, errors="coerce").isna().any())


def by_ids(frame: pd.DataFrame, ids: IdColumn) -> pd.DataFrame:
    """The other columns of a table, by id; ``attrs["counts_rows"]`` as in :class:`IdColumn`."""
    index = as_ids(frame.iloc[:, ids.position])
    gone = [i for i in (ids.position, ids.counter) if i is not None]
    table = frame.iloc[:, [i for i in range(frame.shape[1]) if i not in gone]].set_axis(index)
    table.attrs["counts_rows"] = ids.counts_rows
    return table


def _named(names: list[str], wanted: str, path: Path, setting: str) -> int:
    found = [i for i, name in enumerate(names) if name == wanted]
    if len(found) == 1:
        return found[0]
    close = difflib.get_close_matches(wanted, names, n=3)
    raise InputError(
        f"{len(found)} columns are called {wanted!r}" if found else f"has no column {wanted!r}",
        file=path,
        key=setting,
        remedy=f"Did you mean {', '.join(close)}?"
        if close
        else f"Columns: {', '.join(names[:10])}{', …' if len(names) > 10 else ''}.",
    )


def _is_nameless_counter(columns: Columns, position: int) -> bool:
    """Whether a column counts the rows, and its name says so or says nothing of ids."""
    name = columns.names[position]
    if columns.is_text(position) or not counts(columns.values(position)):
        return False
    if _COUNTER.fullmatch(name):
        return True
    return not _ID_WORDS.search(name) and len(_unequal_texts(columns, position)) == 1


def _instead_of_counter(columns: Columns, first: int, path: Path, setting: str) -> IdColumn:
    """The only column of texts that are all different; the counter itself if there is no such."""
    names = columns.names
    able = _unequal_texts(columns, first)
    if not able:
        return IdColumn(first, counts_rows=True)
    if len(able) == 1:
        return IdColumn(able[0], counter=first)
    raise InputError(
        f"its first column counts the rows, and {len(able)} others may hold the ids "
        f"({', '.join(names[i] for i in able[:5])})",
        file=path,
        key=setting,
        remedy=f"Name one in dataset.yaml ({setting}: {names[able[0]]}).",
    )


def _of_texts(columns: Columns, first: int, path: Path, setting: str) -> IdColumn:
    """The first column, unless it repeats itself and others, which do not, may hold the ids.

    A column that has the name of ids is left as it is: its repeats are a mistake in the table.
    """
    if is_id_name(columns.names[first]) or columns.values(first).is_unique:
        return IdColumn(first)
    able = _unequal_texts(columns, first)
    if not able:
        return IdColumn(first)
    names = columns.names
    raise InputError(
        f"no column with ids can be told: values of the first, {names[first]!r}, occur more than "
        f"once, and {', '.join(repr(names[i]) for i in able[:5])} may hold the ids",
        file=path,
        key=names[first],
        remedy=f"Name the column in dataset.yaml ({setting}: {names[able[0]]}), or keep one row "
        f"of each {names[first]}.",
    )


def _unequal_texts(columns: Columns, first: int) -> list[int]:
    """Columns, beside the first, of texts that are all different."""
    return [
        i
        for i in range(len(columns.names))
        if i != first and columns.is_text(i) and columns.values(i).is_unique
    ]


def _whole(values: pd.Series) -> bool:
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=float)
    return bool(np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all())


def _stands_out(columns: Columns, first: int, values: pd.Series) -> bool:
    """Whether a column of different whole numbers stands before others that are not such."""
    others = [i for i in range(len(columns.names)) if i != first][:50]
    alike = [i for i in others if not columns.is_text(i) and _whole(columns.values(i))]
    return bool(values.is_unique and len(others) > len(alike))
