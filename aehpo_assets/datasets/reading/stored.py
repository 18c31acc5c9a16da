"""A matrix as it lies in a file, whatever the format, and what a format is.

Another package adds a format of its own by an entry point of the group ``aehpo.formats`` that
names a module with a :class:`Format`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

SAMPLE_ID = "sample_id"

LABELS_IDS = "labels.ids"
"""Key of the setting that names the column with the ids of a table of labels."""

MISSING_WORDS = (
    "",
    # R, pandas, SQL, Excel
    *("na", "n/a", "n.a.", "n.a", "<na>", "nan", "-nan", "null", "<null>"),
    *("nan(ind)", "-nan(ind)", "1.#qnan", "1.#ind", "-1.#ind"),
    *("#n/a", "#na", "#null!", "#value!", "#div/0!", "#ref!", "#name?", "#num!"),
    # GDC, GEO and the sequence archives
    *("not reported", "not available", "not applicable", "not collected", "not provided"),
    *("not recorded", "not allowed to collect", "restricted access", "no data"),
    # cBioPortal and TCGA
    *("[discrepancy]", "[completed]", "[pending]"),
)
"""Texts that mean a missing value, as :func:`plain_word` writes them.

Signs alone do too: ``.``, ``?``, ``--``, ``'--``. So does any of these words, or of
:data:`DOUBTFUL_WORDS`, in square brackets: ``[Not Available]``, ``[Unknown]``.
"""

DOUBTFUL_WORDS = (
    *("none", "nil", "unknown", "unk", "not known", "unspecified", "not specified", "missing"),
    *("unavailable", "undetermined", "not determined", "nd", "n.d.", "not done", "not tested"),
    *("not stated", "unclear", "indeterminate", "refused", "declined", "prefer not to say"),
    *("not performed", "not assessed", "not evaluated", "*", "-", "/"),
)
"""Texts that mean a missing value or a class: no therapy is ``None``. A number they never are."""

_SIGNS = re.compile(r"'?[-.?*/\\ ]{2,}|[.?]")
_DASHES = str.maketrans(dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"))
_BRACKETED = re.compile(r"\[\s*([^\[\]]*?)\s*\]")

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


@dataclass(frozen=True)
class Asked:
    """What ``dataset.yaml`` says of a matrix beside its file.

    Attributes
    ----------
    modality
        Name of the modality, under which an h5mu file holds it.
    feature_type
        Which features of a 10x file: ``Gene Expression``, ``Antibody Capture``, …
    ids
        Column with the names of the rows; None to find it.
    left_out
        Rows and columns of annotation, which may hold anything; their values are NaN.
    missing
        Words and numbers that mean a missing value beside the usual words.
    """

    modality: str
    feature_type: str | None = None
    ids: str | None = None
    left_out: Collection[str] = ()
    missing: Collection[str] = ()

    @property
    def setting(self) -> str:
        """Key of the setting that names the column with the ids."""
        return f"modalities.{self.modality}.ids"


@dataclass(frozen=True)
class Format:
    """A kind of files that matrices, and perhaps tables of labels, are read from.

    Attributes
    ----------
    name
        Name for messages: ``it is no NAME file``.
    endings
        Ends of the names of such files, in lower case: ``.parquet``.
    matches
        Whether the content of a file is of the format, whatever its name; reads no more than the
        beginning.
    open_matrix
        Opens a matrix: its names at once, its values when asked for. What it raises is told with
        the name of the file; an ``InputError`` as it is.
    read_table
        Reads a table of labels: any index of sample ids, a column a label. Its second argument is
        the column with the ids that ``labels.ids`` names, or None. None if the format holds none.
    """

    name: str
    endings: tuple[str, ...]
    matches: Callable[[Path], bool]
    open_matrix: Callable[[Path, Asked], StoredMatrix]
    read_table: Callable[[Path, str | None], pd.DataFrame] | None = None


def plain_word(text: str) -> str:
    """A word without what makes no difference: case, underscores, blanks around and repeated."""
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).replace("_", " ")
    return " ".join(plain.split()).casefold()


def missing_words(
    column: pd.Series,
    *,
    add: Collection[str] = (),
    keep: Collection[str] = (),
    numbers: bool = True,
) -> pd.Series:
    """Which values of a column of text mean that there is none.

    Parameters
    ----------
    column
        The values.
    add, keep
        Words that mean so beside the usual ones, and usual ones that do not.
    numbers
        Whether the others are to be numbers: a doubtful word means a missing one then, and
        nothing is kept.
    """
    added = {plain_word(word) for word in add}
    kept = set() if numbers else {plain_word(word) for word in keep}
    codes = pd.to_numeric(pd.Series(list(added), dtype=str), errors="coerce").dropna()

    def is_missing(word: str) -> bool:
        if word in added:
            return True
        if word in kept:
            return False
        return _means_missing(word) or (numbers and word in DOUBTFUL_WORDS)

    missing = column.isna().to_numpy(copy=True)
    text = column.astype(str).to_numpy(dtype=object)
    figures = pd.to_numeric(pd.Series(text), errors="coerce").to_numpy(dtype=float)
    missing |= np.isin(figures, codes)
    # Most values of a matrix are numbers; the few different words are looked at once each.
    doubtful = ~missing & np.isnan(figures)
    words = {word: is_missing(plain_word(word)) for word in set(text[doubtful])}
    missing[doubtful] = [words[word] for word in text[doubtful]]
    return pd.Series(missing, index=column.index)


def is_doubtful(text: str) -> bool:
    """Whether a class may be a word for a missing value: ``None``, ``Unknown``, ``[Other]``."""
    word = plain_word(text)
    return word in DOUBTFUL_WORDS or _BRACKETED.fullmatch(word) is not None


def _means_missing(word: str) -> bool:
    if word in MISSING_WORDS or _SIGNS.fullmatch(word):
        return True
    inner = _BRACKETED.fullmatch(word)
    return inner is not None and inner[1] in {*MISSING_WORDS, *DOUBTFUL_WORDS}
