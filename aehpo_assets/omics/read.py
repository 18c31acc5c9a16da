"""Reading the files of a data set: matrices, labels and sample ids, through the field's readers.

Every mistake in a file is one error that names the file, the key and the remedy. What is fitted
to data (imputation, scaling, filters) belongs to ``preprocess``, because it may see train only.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.omics.dataset import Dataset, Modality

SAMPLE_ID = "sample_id"

MISSING_WORDS = ("", "na", "nan", "none", "null", "n/a", "<na>")
"""Texts that mean a missing value, in any case."""

_EXPECTED = ".parquet, .csv, .tsv (.gz), .h5ad or .h5mu"


def read_matrix(dataset: Dataset, modality: str) -> pd.DataFrame:
    """Read a modality: samples x features, missing values treated, transformed.

    With ``missing: impute_median`` the values stay missing here; they are imputed from the train
    samples when the matrix is preprocessed.

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
        If the file cannot be read, ids repeat, a column is no number, or values are missing and
        ``dataset.yaml`` does not say what to do.
    """
    settings = dataset.modalities[modality]
    path = dataset.modality_path(modality)
    key = f"modalities.{modality}"
    matrix = _read_frame(path, modality)
    if settings.orientation == "features_by_samples":
        matrix = matrix.T
    matrix = _numeric(matrix, path)
    _refuse_repeated(matrix.index, path, "sample", settings)
    _refuse_repeated(matrix.columns, path, "feature", settings)
    matrix.index.name = SAMPLE_ID
    matrix = treat_missing(matrix, settings, path, key)
    return transform(matrix, settings, path, key).astype(np.float32)


def read_sample_ids(dataset: Dataset) -> list[str]:
    """Ids of all samples that any modality of a data set has, sorted."""
    ids: set[str] = set()
    for modality, settings in dataset.modalities.items():
        matrix = _read_frame(dataset.modality_path(modality), modality)
        by_sample = settings.orientation == "samples_by_features"
        ids |= {str(i) for i in (matrix.index if by_sample else matrix.columns)}
    return sorted(ids)


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
        One row a sample, in their order; all missing for samples without a label row. Columns are
        the labels of the objective (text), of the regression (float) and of the survival block.
        ``attrs`` holds ``objective``, ``regression`` and ``survival``.

    Raises
    ------
    InputError
        If the table cannot be read, a column is unknown, ids repeat, no sample has labels, or a
        label of the objective is empty or has one class only.
    """
    path = dataset.labels_path()
    table = _label_table(dataset, path)
    shared = sample_ids.intersection(table.index)
    if shared.empty:
        raise InputError(
            f"none of its {len(table)} ids is a sample of the matrix "
            f"({table.index[0]!r} here, {sample_ids[0]!r} there)",
            file=path,
            key="labels.file",
            remedy="Give both the same sample ids.",
        )
    labels = table.reindex(sample_ids)
    labels.index.name = SAMPLE_ID
    settings = dataset.labels
    for name in settings.classification:
        _refuse_one_class(labels[name], table[name], path)
    labels.attrs = {
        "objective": {group: list(names) for group, names in settings.objective.items()},
        "regression": list(settings.regression),
        "survival": settings.survival.model_dump(mode="json") if settings.survival else None,
    }
    return labels


def treat_missing(matrix: pd.DataFrame, settings: Modality, path: Path, key: str) -> pd.DataFrame:
    """Refuse or drop missing values as ``dataset.yaml`` says."""
    values = matrix.to_numpy()
    if np.isinf(values).any():
        feature = matrix.columns[np.isinf(values).any(axis=0)][0]
        raise InputError("holds infinite values", file=path, key=str(feature))
    missing = np.isnan(values)
    if not missing.any() or settings.missing == "impute_median":
        return matrix
    if settings.missing == "refuse":
        feature = matrix.columns[missing.any(axis=0)][0]
        raise InputError(
            f"{int(missing.sum())} values are missing, the first in the feature {feature}",
            file=path,
            key=f"{key}.missing",
            remedy="Say in dataset.yaml how to treat them: "
            "missing: drop_features, drop_samples or impute_median.",
        )
    if settings.missing == "drop_features":
        kept = matrix.loc[:, ~missing.any(axis=0)]
    else:
        kept = matrix.loc[~missing.any(axis=1)]
    if kept.empty:
        raise InputError(
            f"{settings.missing} leaves nothing",
            file=path,
            key=f"{key}.missing",
            remedy="Choose another treatment of missing values.",
        )
    return kept


def transform(matrix: pd.DataFrame, settings: Modality, path: Path, key: str) -> pd.DataFrame:
    """Apply the transform of ``dataset.yaml``.

    ``normalize_log1p`` scales every sample to the median depth of all samples, then takes
    ``log(1 + x)``, as ``scanpy.pp.normalize_total`` and ``scanpy.pp.log1p`` do. The median depth
    is one constant of the whole file and says nothing of a single sample.
    """
    if settings.transform == "none":
        return matrix
    values = matrix.to_numpy()
    if np.nanmin(values) < 0:
        feature = matrix.columns[(values < 0).any(axis=0)][0]
        raise InputError(
            f"{settings.transform} needs values of zero and above, {feature} has negative ones",
            file=path,
            key=f"{key}.transform",
            remedy="Set transform: none if the values are transformed already.",
        )
    if settings.transform == "normalize_log1p":
        depth = np.nansum(values, axis=1, keepdims=True)
        positive = depth[depth > 0]
        scale = np.median(positive) / np.where(depth > 0, depth, np.median(positive))
        values = values * scale
    return pd.DataFrame(np.log1p(values), index=matrix.index, columns=matrix.columns)


def _read_frame(path: Path, modality: str | None = None) -> pd.DataFrame:
    """Read any of the formats into a frame indexed by the first column or the stored index."""
    reader = _reader(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            frame = reader(path, modality)
    except InputError:
        raise
    except Exception as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise InputError(
            f"cannot be read ({reason})",
            file=path,
            remedy="The file may be truncated, or not be what its ending says.",
        ) from None
    if frame.empty:
        raise InputError("holds no values", file=path)
    frame.index = frame.index.astype(str)
    frame.columns = frame.columns.astype(str)
    return frame


def _reader(path: Path) -> Callable[[Path, str | None], pd.DataFrame]:
    name = path.name.lower().removesuffix(".gz")
    for ending, reader in _READERS.items():
        if name.endswith(ending):
            return reader
    raise InputError(f"has an unknown ending; expected {_EXPECTED}", file=path)


def _read_parquet(path: Path, modality: str | None) -> pd.DataFrame:
    frame = pd.read_parquet(path)
    if isinstance(frame.index, pd.RangeIndex) and not pd.api.types.is_numeric_dtype(
        frame.iloc[:, 0]
    ):
        frame = frame.set_index(frame.columns[0])
    return frame


def _read_csv(path: Path, modality: str | None) -> pd.DataFrame:
    return _first_column_as_index(pd.read_csv(path, sep=",", low_memory=False))


def _read_tsv(path: Path, modality: str | None) -> pd.DataFrame:
    return _first_column_as_index(pd.read_csv(path, sep="\t", low_memory=False))


def _first_column_as_index(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.set_index(frame.columns[0])


def _read_h5ad(path: Path, modality: str | None) -> pd.DataFrame:
    import anndata

    data = anndata.read_h5ad(path)
    if modality is None:
        return _plain_columns(data.obs)
    return _dense(data)


def _read_h5mu(path: Path, modality: str | None) -> pd.DataFrame:
    import mudata

    data = mudata.read_h5mu(path)
    if modality is None:
        return _plain_columns(data.obs)
    if modality not in data.mod:
        raise InputError(
            f"has no modality {modality!r}",
            file=path,
            remedy=f"It has: {', '.join(data.mod)}. Name the modality in dataset.yaml like one.",
        )
    return _dense(data.mod[modality])


def _dense(data: Any) -> pd.DataFrame:
    values = data.X.toarray() if hasattr(data.X, "toarray") else np.asarray(data.X)
    return pd.DataFrame(values, index=data.obs_names, columns=data.var_names)


def _plain_columns(obs: pd.DataFrame) -> pd.DataFrame:
    return obs.astype({c: object for c in obs if isinstance(obs[c].dtype, pd.CategoricalDtype)})


_READERS: dict[str, Callable[[Path, str | None], pd.DataFrame]] = {
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".tsv": _read_tsv,
    ".h5ad": _read_h5ad,
    ".h5mu": _read_h5mu,
}


def _numeric(matrix: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Make every column a float, or name the first that cannot be one."""
    if all(isinstance(t, np.dtype) and t.kind in "fiub" for t in matrix.dtypes):
        return matrix.astype(np.float64)
    columns = {}
    for name, column in matrix.items():
        text = column.where(~column.astype(str).str.strip().str.lower().isin(MISSING_WORDS))
        numbers = pd.to_numeric(text, errors="coerce")
        wrong = numbers.isna() & text.notna()
        if wrong.any():
            sample = matrix.index[wrong.to_numpy()][0]
            raise InputError(
                f"{column[wrong].iloc[0]!r} (sample {sample}) is no number",
                file=path,
                key=str(name),
                remedy="Remove the column from the matrix; labels belong into the label table.",
            )
        columns[name] = numbers.to_numpy(dtype=np.float64)
    return pd.DataFrame(columns, index=matrix.index)


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
            remedy=f"Keep one row of each {what}.{hint}",
        )


def _label_table(dataset: Dataset, path: Path) -> pd.DataFrame:
    """The label columns of the whole table, cleaned: text, numbers, missing."""
    settings = dataset.labels
    table = _read_frame(path)
    for column in settings.columns:
        if column not in table:
            close = difflib.get_close_matches(column, list(table.columns), n=3)
            raise InputError(
                f"there is no column {column!r} in {path.name}",
                file=dataset.file,
                key="labels",
                remedy=f"Did you mean {', '.join(close)}?"
                if close
                else f"Columns: {', '.join(map(str, table.columns[:20]))}.",
            )
    repeated = table.index[table.index.duplicated()]
    if len(repeated):
        raise InputError(
            f"the sample {repeated[0]} has more than one row",
            file=path,
            key=str(repeated[0]),
            remedy="Keep one row of each sample.",
        )
    numeric = set(settings.regression)
    if settings.survival is not None:
        numeric.add(settings.survival.time)
    cleaned = {
        name: _numbers(table[name], path) if name in numeric else _words(table[name])
        for name in settings.columns
    }
    return pd.DataFrame(cleaned, index=table.index)


def _words(column: pd.Series) -> pd.Series:
    """Text, with everything that means missing made missing; whole numbers lose their ``.0``."""
    known = column.notna()
    if pd.api.types.is_float_dtype(column) and (column[known] % 1 == 0).all():
        text = column[known].astype("int64").astype(str)
    else:
        text = column[known].astype(str).str.strip()
    text = text[~text.str.lower().isin(MISSING_WORDS)]
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


def _refuse_one_class(ours: pd.Series, whole: pd.Series, path: Path) -> None:
    """A label that is empty, or the same for everybody, cannot be scored."""
    if whole.notna().sum() == 0:
        problem = "has no value at all"
    elif whole.nunique() < 2:
        problem = f"has one class only ({whole.dropna().iloc[0]!r})"
    elif ours.notna().sum() == 0:
        problem = "has no value for any sample of the matrix"
    else:
        return
    raise InputError(
        f"the label {problem}",
        file=path,
        key=str(ours.name),
        remedy="Take it out of labels.objective.",
    )
