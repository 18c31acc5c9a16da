"""Reading a data set: matrices, labels and sample ids.

Every mistake in a file is one error that names the file, the key and the remedy. What a format
looks like belongs to ``reading.formats``; what is fitted to data (imputation, scaling, filters)
belongs to ``preprocess``, because it may see train only.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from aehpo_assets.datasets.barcodes import cut_barcodes
from aehpo_assets.datasets.dataset import Dataset, MissingWords, Modality
from aehpo_assets.datasets.join import Join, join, label_keys
from aehpo_assets.datasets.reading.annotation import (
    refuse_annotation,
    refuse_counters,
    without_annotation,
)
from aehpo_assets.datasets.reading.formats import open_matrix, read_table
from aehpo_assets.datasets.reading.ids import counts
from aehpo_assets.datasets.reading.numbers import remedy_for
from aehpo_assets.datasets.reading.spelling import class_key
from aehpo_assets.datasets.reading.stored import SAMPLE_ID, StoredMatrix, Values, missing_words
from aehpo_assets.datasets.transform import refuse_infinite, transform, treat_missing
from aehpo_assets.errors import InputError

_MOST = 0.5
"""Share of ids that meet others before they are taken for the same ids."""


def read_matrix(dataset: Dataset, modality: str) -> pd.DataFrame:
    """Read a modality: samples x features, missing values treated, transformed.

    With ``missing: impute_median`` the values stay missing here; they are imputed from the train
    samples when the matrix is preprocessed. A sparse matrix stays sparse through all of it and
    becomes dense at the end.

    Parameters
    ----------
    dataset
        The data set.
    modality
        Name of one of its modalities.

    Returns
    -------
    pandas.DataFrame
        (samples, features) float32, index ``sample_id``.

    Raises
    ------
    InputError
        If the file cannot be read, ids repeat or are row numbers, a sample or feature is none, a
        column is no number, values are infinite, values are missing and ``dataset.yaml`` does not
        say what to do, or a transform does not fit them.
    """
    settings = dataset.modalities[modality]
    path = dataset.modality_path(modality)
    stored = _open(dataset, modality)
    samples, features = _samples_and_features(stored, dataset, modality)
    _refuse_repeated(samples, path, "sample", settings)
    _refuse_repeated(features, path, "feature", settings)
    if stored.counts_rows and settings.orientation == "samples_by_features":
        _refuse_row_numbers(dataset, path, modality)
    values = stored.load()
    refuse_counters(stored.columns, lambda i: _dense(values[:, [i]]), path, modality)
    if settings.orientation == "features_by_samples":
        values = values.T.tocsr() if sparse.issparse(values) else values.T
    refuse_infinite(values, features, path)
    values, samples, features = treat_missing(values, samples, features, settings, path, modality)
    values = transform(values, features, settings, path, modality)
    return pd.DataFrame(
        values.toarray() if sparse.issparse(values) else values,
        index=samples.rename(SAMPLE_ID),
        columns=features,
        copy=False,
    )


def read_sample_ids(dataset: Dataset) -> list[str]:
    """Ids of all samples that any modality of a data set has, sorted; no values are read."""
    return sorted({name for ids in read_ids_by_modality(dataset).values() for name in ids})


def read_ids_by_modality(dataset: Dataset) -> dict[str, pd.Index]:
    """Ids of the samples that each modality of a data set has; no values are read."""
    return {
        modality: _samples_and_features(_open(dataset, modality), dataset, modality)[0]
        for modality in dataset.modalities
    }


def read_feature_metadata(dataset: Dataset, modality: str) -> pd.DataFrame:
    """What the file of a modality says of each feature: the ``var`` of AnnData.

    Returns
    -------
    pandas.DataFrame
        One row a feature, in the file's order, index ``feature``; without columns for formats
        that keep no more than a name.
    """
    stored = _open(dataset, modality)
    _, features = _samples_and_features(stored, dataset, modality)
    index = features.rename("feature")
    if stored.features is None:
        return pd.DataFrame(index=index)
    return stored.features.set_axis(index, axis=0)


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
    matrix = dataset.modalities[modality].file if modality else "the matrix"
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
    elif modality and _features_have_labels(dataset, modality):
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
        if column.isin(sample_ids).mean() > _MOST:
            return str(name)
    return None


def _features_have_labels(dataset: Dataset, modality: str) -> bool:
    """Whether the label table has rows for what a matrix calls its features."""
    _, features = _samples_and_features(_open(dataset, modality), dataset, modality)
    return bool(features.isin(_labelled(dataset)).mean() > _MOST)


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


def _open(dataset: Dataset, modality: str) -> StoredMatrix:
    settings = dataset.modalities[modality]
    path = dataset.modality_path(modality)
    stored = open_matrix(
        path,
        modality,
        settings.feature_type,
        ids=settings.ids.column,
        left_out=settings.annotation,
        missing=settings.missing_words.add,
    )
    stored = without_annotation(stored, settings.annotation, path, modality)
    samples, features = _oriented(stored, settings)
    refuse_annotation(samples, features, lambda: _labelled(dataset), path, modality)
    return stored


def _labelled(dataset: Dataset) -> pd.Index:
    """Ids of the label table; none if it cannot be read, which is said elsewhere."""
    try:
        return read_table(dataset.labels_path(), dataset.labels.ids.column).index
    except InputError:
        return pd.Index([], dtype=str)


def _dense(values: Values) -> np.ndarray:
    return np.asarray(values.toarray() if sparse.issparse(values) else values).ravel()


def _refuse_row_numbers(dataset: Dataset, path: Path, modality: str) -> None:
    """Refuse samples that are only numbered, unless the label table numbers its rows too."""
    table = read_table(dataset.labels_path(), dataset.labels.ids.column)
    if not table.attrs["counts_rows"]:
        raise InputError(
            f"its samples are row numbers, while {dataset.labels.file} has ids "
            f"({', '.join(table.index[:3])}, …)",
            file=path,
            key=f"modalities.{modality}.ids",
            remedy="Write the sample ids into the file, in a column of their own or as its index.",
        )


def _samples_and_features(
    stored: StoredMatrix, dataset: Dataset, modality: str
) -> tuple[pd.Index, pd.Index]:
    settings = dataset.modalities[modality]
    samples, features = _oriented(stored, settings)
    if settings.ids.tcga is not None:
        _refuse_repeated(samples, dataset.modality_path(modality), "sample", settings)
        samples = cut_barcodes(
            samples,
            settings.ids.tcga,
            dataset.modality_path(modality),
            f"modalities.{modality}.ids",
        )
    return samples, features


def _oriented(stored: StoredMatrix, settings: Modality) -> tuple[pd.Index, pd.Index]:
    if settings.orientation == "samples_by_features":
        return stored.rows, stored.columns
    return stored.columns, stored.rows


def _refuse_repeated(ids: pd.Index, path: Path, what: str, settings: Modality) -> None:
    repeated = ids[ids.duplicated()]
    if len(repeated):
        hint = ""
        if settings.orientation == "samples_by_features" and what == "feature":
            hint = " If rows are features, set orientation: features_by_samples."
        raise InputError(
            f"the {what} {repeated[0]} occurs more than once ({repeated.nunique()} {what}s repeat)",
            file=path,
            key=str(repeated[0]),
            remedy=f"Keep one of each {what}.{hint}",
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
