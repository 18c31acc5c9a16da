"""Reading the matrices of a data set, and the ids of its samples.

Every mistake in a file is one error that names the file, the key and the remedy. What a format
looks like belongs to ``reading.formats``, labels to ``read_labels``; what is fitted to data
(imputation, scaling, filters) belongs to ``preprocess``, because it may see train only.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
from scipy import sparse

from aehpo_assets.datasets.barcodes import cut_barcodes
from aehpo_assets.datasets.dataset import Dataset, Modality
from aehpo_assets.datasets.reading.annotation import (
    refuse_annotation,
    refuse_counters,
    without_annotation,
)
from aehpo_assets.datasets.reading.formats import open_matrix, read_table
from aehpo_assets.datasets.reading.stored import SAMPLE_ID, StoredMatrix, Values
from aehpo_assets.datasets.transform import refuse_infinite, transform, treat_missing
from aehpo_assets.errors import InputError

MOST = 0.5
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
    stored = open_modality(dataset, modality)
    samples, features = samples_and_features(stored, dataset, modality)
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
        modality: samples_and_features(open_modality(dataset, modality), dataset, modality)[0]
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
    stored = open_modality(dataset, modality)
    _, features = samples_and_features(stored, dataset, modality)
    index = features.rename("feature")
    if stored.features is None:
        return pd.DataFrame(index=index)
    return stored.features.set_axis(index, axis=0)


def open_modality(dataset: Dataset, modality: str) -> StoredMatrix:
    """Open the file of a modality without its values, annotation left out.

    Raises
    ------
    InputError
        If it cannot be opened, or has annotation among its samples or features.
    """
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
    refuse_annotation(samples, features, lambda: labelled_ids(dataset), path, modality)
    return stored


def labelled_ids(dataset: Dataset) -> pd.Index:
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


def samples_and_features(
    stored: StoredMatrix, dataset: Dataset, modality: str
) -> tuple[pd.Index, pd.Index]:
    """Return the ids of samples and features of an opened modality, barcodes cut to their level."""
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
