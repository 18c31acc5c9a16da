"""Reading a data set: matrices, labels and sample ids.

Every mistake in a file is one error that names the file, the key and the remedy. What a format
looks like belongs to ``formats``; what is fitted to data (imputation, scaling, filters) belongs to
``preprocess``, because it may see train only.
"""

from __future__ import annotations

import difflib
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from aehpo_assets.errors import InputError
from aehpo_assets.omics.annotation import refuse_annotation, refuse_counters, without_annotation
from aehpo_assets.omics.dataset import Dataset, Modality
from aehpo_assets.omics.formats import open_matrix, read_table
from aehpo_assets.omics.ids import counts
from aehpo_assets.omics.stored import SAMPLE_ID, StoredMatrix, Values, missing_words
from aehpo_assets.omics.transform import refuse_infinite, transform, treat_missing


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
    samples, features = _samples_and_features(stored, settings)
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
    ids: set[str] = set()
    for modality, settings in dataset.modalities.items():
        samples, _ = _samples_and_features(_open(dataset, modality), settings)
        ids.update(samples)
    return sorted(ids)


def read_feature_metadata(dataset: Dataset, modality: str) -> pd.DataFrame:
    """What the file of a modality says of each feature: the ``var`` of AnnData.

    Returns
    -------
    pandas.DataFrame
        One row a feature, in the file's order, index ``feature``; without columns for formats
        that keep no more than a name.
    """
    stored = _open(dataset, modality)
    _, features = _samples_and_features(stored, dataset.modalities[modality])
    index = features.rename("feature")
    if stored.features is None:
        return pd.DataFrame(index=index)
    return stored.features.set_axis(index, axis=0)


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
    table = read_table(dataset.labels_path(), dataset.labels.ids)
    _refuse_unknown_column(dataset, table, column, key)
    _refuse_repeated_rows(table, dataset.labels_path())
    return _words(table[column])


def read_labels(dataset: Dataset, sample_ids: pd.Index) -> pd.DataFrame:
    """Read the labels of some samples, aligned to them.

    Parameters
    ----------
    dataset
        The data set.
    sample_ids
        Ids of the samples of a matrix.

    Returns
    -------
    pandas.DataFrame
        One row a sample, in their order; all missing for samples without a label row. Columns as
        in :func:`read_label_table`. ``attrs`` holds ``objective``, ``regression`` and
        ``survival``, and ``technical`` if the data set names technical columns.

    Raises
    ------
    InputError
        If no sample has a row, and for all that is wrong with the table.
    """
    table = read_label_table(dataset)
    if not table.index.isin(sample_ids).any():
        raise InputError(
            f"none of its {len(table)} ids is a sample of the matrix "
            f"({table.index[0]!r} here, {sample_ids[0]!r} there)",
            file=dataset.labels_path(),
            key="labels.file",
            remedy="Give both the same sample ids.",
        )
    _refuse_row_numbers_as_labels(dataset, table, sample_ids)
    labels = table.reindex(sample_ids)
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


def read_label_table(dataset: Dataset) -> pd.DataFrame:
    """Read the columns that ``dataset.yaml`` names of the whole label table.

    Returns
    -------
    pandas.DataFrame
        One row a sample of the table. Regression labels and survival times are numbers, all else
        is text; what means missing is missing.

    Raises
    ------
    InputError
        If the table cannot be read, a column is unknown, ids repeat, a number is none, or a label
        of the objective is empty or the same for everybody.
    """
    settings = dataset.labels
    path = dataset.labels_path()
    table = read_table(path, settings.ids)
    for column in settings.columns:
        _refuse_unknown_column(dataset, table, column, settings.key_of(column))
    _refuse_repeated_rows(table, path)
    numeric = set(settings.regression)
    if settings.survival is not None:
        numeric.add(settings.survival.time)
    cleaned = {
        name: _numbers(table[name], path) if name in numeric else _words(table[name])
        for name in settings.columns
    }
    for name in settings.classification:
        _refuse_one_class(cleaned[name], path)
    if settings.survival is not None:
        _refuse_unknown_event(settings.survival.event_value, cleaned[settings.survival.event], path)
    cleaned_table = pd.DataFrame(cleaned, index=table.index)
    cleaned_table.attrs = dict(table.attrs)
    return cleaned_table


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
        path, modality, settings.feature_type, ids=settings.ids, left_out=settings.annotation
    )
    stored = without_annotation(stored, settings.annotation, path, modality)
    refuse_annotation(*_samples_and_features(stored, settings), path, modality)
    return stored


def _dense(values: Values) -> np.ndarray:
    return np.asarray(values.toarray() if sparse.issparse(values) else values).ravel()


def _refuse_row_numbers(dataset: Dataset, path: Path, modality: str) -> None:
    """Refuse samples that are only numbered, unless the label table numbers its rows too."""
    table = read_table(dataset.labels_path(), dataset.labels.ids)
    if not table.attrs["counts_rows"]:
        raise InputError(
            f"its samples are row numbers, while {dataset.labels.file} has ids "
            f"({', '.join(table.index[:3])}, …)",
            file=path,
            key=f"modalities.{modality}.ids",
            remedy="Write the sample ids into the file, in a column of their own or as its index.",
        )


def _samples_and_features(stored: StoredMatrix, settings: Modality) -> tuple[pd.Index, pd.Index]:
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


def _words(column: pd.Series) -> pd.Series:
    """Text, with everything that means missing made missing; whole numbers lose their ``.0``."""
    known = ~missing_words(column)
    if pd.api.types.is_float_dtype(column) and (column[known] % 1 == 0).all():
        text = column[known].astype("int64").astype(str)
    else:
        text = column[known].astype(str).str.strip()
    return text.astype("str").reindex(column.index)


def _numbers(column: pd.Series, path: Path) -> pd.Series:
    words = _words(column)
    numbers = pd.to_numeric(words, errors="coerce")
    wrong = numbers.isna() & words.notna()
    if wrong.any():
        raise InputError(
            f"{words[wrong].iloc[0]!r} is no number",
            file=path,
            key=str(column.name),
            remedy="Correct the value, or leave it empty.",
        )
    return numbers.astype(np.float64)


def _refuse_unknown_column(dataset: Dataset, table: pd.DataFrame, column: str, key: str) -> None:
    if column in table:
        return
    close = difflib.get_close_matches(column, list(table.columns), n=3)
    raise InputError(
        f"there is no column {column!r} in {dataset.labels.file}",
        file=dataset.file,
        key=key,
        remedy=f"Did you mean {', '.join(close)}?"
        if close
        else f"Columns: {', '.join(map(str, table.columns[:20]))}.",
    )


def _refuse_repeated_rows(table: pd.DataFrame, path: Path) -> None:
    for ids, what in ((table.index, "sample"), (table.columns, "column")):
        repeated = ids[ids.duplicated()]
        if len(repeated):
            raise InputError(
                f"the {what} {repeated[0]} occurs more than once",
                file=path,
                key=str(repeated[0]),
                remedy=f"Keep one of each {what}.",
            )


def _refuse_unknown_event(event: str | int, column: pd.Series, path: Path) -> None:
    if str(event) not in set(column.dropna()):
        raise InputError(
            f"no sample has the event {event!r}",
            file=path,
            key=str(column.name),
            remedy=f"survival.event_value is one of: {', '.join(sorted(set(column.dropna())))}.",
        )


def _refuse_one_class(column: pd.Series, path: Path) -> None:
    """A label that is empty, or the same for everybody, cannot be scored."""
    if column.nunique() >= 2:
        return
    known = column.dropna()
    problem = f"has one class only ({known.iloc[0]!r})" if len(known) else "has no value at all"
    raise InputError(
        f"the label {problem}",
        file=path,
        key=str(column.name),
        remedy="Take it out of labels.objective.",
    )
