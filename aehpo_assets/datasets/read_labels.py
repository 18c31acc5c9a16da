"""Reading the labels of a data set, and bringing them to the samples of a matrix.

Every mistake in a file is one error that names the file, the key and the remedy.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.barcodes import cut_barcodes
from aehpo_assets.datasets.dataset import Dataset, MissingWords
from aehpo_assets.datasets.join import Join, join, label_keys
from aehpo_assets.datasets.read_matrix import (
    MOST,
    labelled_ids,
    open_modality,
    samples_and_features,
)
from aehpo_assets.datasets.reading.formats import read_table
from aehpo_assets.datasets.reading.ids import counts
from aehpo_assets.datasets.reading.numbers import remedy_for
from aehpo_assets.datasets.reading.spelling import class_key
from aehpo_assets.datasets.reading.stored import SAMPLE_ID, missing_words
from aehpo_assets.errors import InputError


@dataclass(frozen=True)
class LabelTable:
    """The label table of a data set.

    Attributes
    ----------
    written
        Every column as it stands in the file, by sample id.
    read
        The columns that ``dataset.yaml`` names. Regression labels and survival times are numbers,
        all else is text; what means missing is missing.
    """

    written: pd.DataFrame
    read: pd.DataFrame


def read_label_column(dataset: Dataset, column: str, key: str) -> pd.Series:
    """One column of the whole label table as text, by sample id.

    Parameters
    ----------
    dataset
        The data set.
    column
        Name of the column.
    key
        The setting that asks for it, for the message.

    Raises
    ------
    InputError
        If there is no such column, or a sample has two rows.
    """
    table = _written_labels(dataset)
    _refuse_unknown_column(dataset, table, column, key)
    return _words(table[column], dataset.labels.missing_words)


def read_labels(
    dataset: Dataset,
    sample_ids: pd.Index,
    modality: str | None = None,
    table: LabelTable | None = None,
) -> pd.DataFrame:
    """Read the labels of some samples, aligned to them.

    Parameters
    ----------
    dataset
        The data set.
    sample_ids
        Ids of the samples of a matrix.
    modality
        Whose matrix that is, for messages.
    table
        The label table, if it was read before.

    Returns
    -------
    pandas.DataFrame
        One row a sample, in their order; all missing for samples without a label row. Columns as
        in :attr:`LabelTable.read`. ``attrs`` holds ``objective``, ``regression`` and
        ``survival``, and ``technical`` if the data set names technical columns.

    Raises
    ------
    InputError
        If no sample has a row, a sample and a row have the same id but for its spelling, and for
        all that is wrong with the table.
    """
    table = table or read_label_table(dataset)
    read = table.read
    _refuse_row_numbers_as_labels(dataset, table.written, sample_ids)
    level = dataset.labels.ids.tcga
    _refuse_unjoined(join(sample_ids, read.index, level), table, sample_ids, dataset, modality)
    labels = read.reindex(label_keys(sample_ids, level)).set_axis(sample_ids, axis=0)
    labels.index.name = SAMPLE_ID
    settings = dataset.labels
    labels.attrs = {
        "objective": {group: list(names) for group, names in settings.objective.items()},
        "regression": list(settings.regression),
        "survival": settings.survival.model_dump(mode="json") if settings.survival else None,
    }
    if settings.technical:
        labels.attrs["technical"] = list(settings.technical)
    return labels


def read_label_table(dataset: Dataset) -> LabelTable:
    """Read the whole label table.

    Raises
    ------
    InputError
        If the table cannot be read, a column is unknown, ids repeat, a number is none, or a label
        of the objective is empty or the same for everybody.
    """
    settings = dataset.labels
    path = dataset.labels_path()
    table = _written_labels(dataset)
    for column in settings.columns:
        _refuse_unknown_column(dataset, table, column, settings.key_of(column))
    cleaned = {
        name: _numbers(table[name], path, settings.missing_words)
        if name in settings.numeric
        else _words(table[name], settings.missing_words)
        for name in settings.columns
    }
    for name in settings.classification:
        _refuse_one_class(cleaned[name], table[name], path)
    if settings.survival is not None:
        _refuse_unknown_event(settings.survival.event_value, cleaned[settings.survival.event], path)
    return LabelTable(table, pd.DataFrame(cleaned, index=table.index))


def _written_labels(dataset: Dataset) -> pd.DataFrame:
    path = dataset.labels_path()
    table = read_table(path, dataset.labels.ids.column)
    _refuse_repeated_rows(table, path)
    level = dataset.labels.ids.tcga
    if level is not None:
        table.index = cut_barcodes(table.index, level, path, "labels.ids")
    return table


def _refuse_unjoined(
    found: Join,
    table: LabelTable,
    sample_ids: pd.Index,
    dataset: Dataset,
    modality: str | None,
) -> None:
    """Refuse a matrix no sample of which has labels, or that spells ids in another way."""
    path = dataset.labels_path()
    matrix = dataset.file_names(modality) if modality else "the matrix"
    if found.misspelt:
        sample, row = next(iter(found.misspelt.items()))
        raise InputError(
            f"{found.sentence(matrix, path.name)}; {len(found.misspelt)} ids differ in case, "
            "blanks, separators or zeros only",
            file=path,
            key="labels.file",
            remedy=f"Write ids alike in both files: {_visibly(sample)} or {_visibly(row)}.",
        )
    if found.joined:
        return
    remedy = "Give both the same sample ids."
    column = _column_that_joins(table.written, sample_ids)
    if column is not None:
        remedy = f"Its column {column} has them: set ids: {column} for labels."
    elif modality in dataset.modalities and _features_have_labels(dataset, modality):
        turned = {
            "samples_by_features": "features_by_samples",
            "features_by_samples": "samples_by_features",
        }[dataset.modalities[modality].orientation]
        remedy = f"They are features of it: set orientation: {turned} for modalities.{modality}."
    elif found.level is not None:
        asked = f"ids: {{tcga: {found.level}}}"
        remedy = f"Set {asked} for labels, and for modalities.{modality or 'NAME'} too if need be."
    elif found.kin:
        sample, row = next(iter(found.kin.items()))
        remedy = f"Give both the same sample ids: {sample} and {row} differ in their ends."
    raise InputError(
        f"none of its {found.rows} ids is a sample of the matrix "
        f"({found.nearest!r} here, {found.without_row[0]!r} in {matrix})",
        file=path,
        key="labels.file",
        remedy=remedy,
    )


def _visibly(name: str) -> str:
    """An id as it is, or with escapes if a person could not see what it holds."""
    return name if name.isascii() and name == name.strip() else ascii(name)


def _column_that_joins(table: pd.DataFrame, sample_ids: pd.Index) -> str | None:
    """Name of a column, beside the ids, that has sample ids in most of its rows."""
    for name, column in table.items():
        if column.isin(sample_ids).mean() > MOST:
            return str(name)
    return None


def _features_have_labels(dataset: Dataset, modality: str) -> bool:
    """Whether the label table has rows for what a matrix calls its features."""
    _, features = samples_and_features(open_modality(dataset, modality), dataset, modality)
    return bool(features.isin(labelled_ids(dataset)).mean() > MOST)


def _refuse_row_numbers_as_labels(
    dataset: Dataset, table: pd.DataFrame, sample_ids: pd.Index
) -> None:
    """Refuse a label table that only numbers its rows, unless the matrix does so from the same."""
    if table.attrs["counts_rows"] and not counts(sample_ids, start=int(table.index[0])):
        raise InputError(
            f"its rows are numbered from {table.index[0]}, while the matrix has sample ids "
            f"({', '.join(sample_ids[:3])}, …)",
            file=dataset.labels_path(),
            key="labels.ids",
            remedy="Write the sample ids into the table, in a column of their own.",
        )


def _words(column: pd.Series, settings: MissingWords) -> pd.Series:
    """Text, with everything that means missing made missing; whole numbers lose their ``.0``."""
    known = ~missing_words(column, add=settings.add, keep=settings.keep, numbers=False)
    if pd.api.types.is_float_dtype(column) and (column[known] % 1 == 0).all():
        text = column[known].astype("int64").astype(str)
    else:
        text = column[known].astype(str).str.strip()
    return text.astype("str").reindex(column.index)


def _numbers(column: pd.Series, path: Path, settings: MissingWords) -> pd.Series:
    missing = missing_words(column, add=settings.add)
    text = column.astype(str).str.strip()
    numbers = pd.to_numeric(text.where(~missing), errors="coerce")
    wrong = numbers.isna() & ~missing
    if wrong.any():
        raise InputError(
            f"{text[wrong].iloc[0]!r} is no number",
            file=path,
            key=str(column.name),
            remedy=remedy_for(text[wrong].iloc[0])
            or "Correct the value, leave it empty, or name the word in "
            "labels.missing_words: {add: [...]}.",
        )
    return numbers.astype(np.float64)


def _refuse_unknown_column(dataset: Dataset, table: pd.DataFrame, column: str, key: str) -> None:
    if column in table:
        return
    close = difflib.get_close_matches(column, list(table.columns), n=3)
    remedy = f"Columns: {', '.join(map(str, table.columns[:20]))}."
    if close:
        remedy = f"Did you mean {', '.join(n if n == n.strip() else repr(n) for n in close)}?"
    elif column in table.index:
        remedy = "There is a row of that name: write one row a sample, and one column a label."
    raise InputError(
        f"there is no column {column!r} in {dataset.labels.file}",
        file=dataset.file,
        key=key,
        remedy=remedy,
    )


def _refuse_repeated_rows(table: pd.DataFrame, path: Path) -> None:
    for ids, what in ((table.index, "sample"), (table.columns, "column")):
        repeated = ids[ids.duplicated()]
        if len(repeated) and not repeated[0]:
            raise InputError(
                f"has {(ids == '').sum()} columns without a name",
                file=path,
                remedy="Give each a name; a line before the header must begin with #.",
            )
        if len(repeated):
            raise InputError(
                f"the {what} {repeated[0]} occurs more than once",
                file=path,
                key=str(repeated[0]),
                remedy=f"Keep one of each {what}.",
            )


def _refuse_unknown_event(event: str, column: pd.Series, path: Path) -> None:
    events = sorted(set(column.dropna()))
    if event in events:
        return
    alike = [name for name in events if class_key(name) == class_key(event)]
    raise InputError(
        f"no sample has the event {event!r}",
        file=path,
        key=str(column.name),
        remedy=f"Did you mean survival.event_value: {alike[0]!r}?"
        if alike
        else f"survival.event_value is one of: {', '.join(events[:20])}.",
    )


def _refuse_one_class(column: pd.Series, written: pd.Series, path: Path) -> None:
    """A label that is empty, or the same for everybody, cannot be scored."""
    if column.nunique() >= 2:
        return
    known = column.dropna()
    problem = f"has one class only ({known.iloc[0]!r})" if len(known) else "has no value at all"
    remedy = "Take it out of labels.objective."
    words = written[column.isna() & written.notna()].astype(str).str.strip()
    counts = words[words != ""].value_counts()
    if len(counts):
        problem += f"; {counts.iloc[0]} values are {counts.index[0]!r}, which was read as missing"
        remedy = (
            "Keep the word in dataset.yaml if it is a class "
            f"(labels.missing_words: {{keep: ['{counts.index[0]}']}}), or take the label out of "
            "labels.objective."
        )
    raise InputError(f"the label {problem}", file=path, key=str(column.name), remedy=remedy)
