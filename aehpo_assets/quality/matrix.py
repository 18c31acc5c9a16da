"""Checks of the raw matrix and of the preprocessed one."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.datasets.dataset import Modality
from aehpo_assets.errors import InputError
from aehpo_assets.quality.check import FAULT, Check, at_most, run_checks, unique
from aehpo_assets.quality.codes import missing_code
from aehpo_assets.quality.unlike import counts_rows, unlike_features, unlike_samples
from aehpo_assets.store.provenance import CheckResult

LARGEST_SCALED = 50.0
"""Scaled values beyond this rule the reconstruction loss of a whole batch."""

DATA_SET_CHECK = Check(
    "data_set_is_whole",
    summary="",
    column="",
    expectation="",
    description="the data set can be read, and every task of it be made",
    blocking=True,
)
"""What has been read was whole; whoever notices a data set that is not says so by this name."""

MATRIX_CHECKS = (
    unique(
        "unique_sample_ids",
        "sample",
        "every sample occurs once",
        of="samples",
        remedy="Rename or remove the repeated samples in the file.",
    ),
    unique(
        "unique_feature_names",
        "feature",
        "every feature occurs once",
        of="features",
        remedy="Rename or remove the repeated features in the file.",
    ),
    at_most(
        "finite_values",
        "infinite",
        0,
        "no value is infinite",
        of="features",
        blocking=True,
        remedy="Leave infinite values empty in the file, and say how to treat them: missing.",
    ),
    at_most(
        "missing_values_treated",
        "untreated",
        0,
        "no value is missing unless it will be imputed",
        of="features",
        blocking=True,
        remedy="Set missing in dataset.yaml: drop_features, drop_samples or impute_median.",
    ),
    at_most(
        "value_range",
        "out_of_range",
        0,
        "values are what the kind of the modality says",
        of="features",
        blocking=True,
        remedy="Correct the file, or kind in dataset.yaml: continuous takes any number.",
    ),
    at_most(
        "missing_share_of_samples",
        "missing_share",
        0.5,
        "no sample misses more than half of its values",
        of="samples",
        blocking=False,
        remedy="Remove such samples, or set missing: drop_samples.",
    ),
    at_most(
        "missing_share_of_features",
        "missing_share",
        0.5,
        "no feature misses more than half of its values",
        of="features",
        blocking=False,
        remedy="Remove such features, or set missing: drop_features.",
    ),
    at_most(
        "zero_share_of_samples",
        "zero_share",
        0.99,
        "no sample consists of zeros",
        of="samples",
        blocking=False,
        remedy="Remove samples that failed to be measured.",
    ),
    at_most(
        "constant_features", "constant", 0, "no feature is constant", of="features", blocking=False
    ),
    at_most(
        "duplicated_samples",
        "twins",
        0,
        "no two samples have the same values",
        of="samples",
        blocking=False,
        remedy="Remove one of each, unless they are replicates; those share split.group.",
    ),
    at_most(
        "samples_are_samples",
        "unlike",
        0,
        "no sample is unlike all others",
        of="samples",
        blocking=False,
        remedy="If it is none, name it in the modality's annotation.",
    ),
    at_most(
        "features_are_features",
        "unlike",
        0,
        "no feature is unlike all others",
        of="features",
        blocking=False,
        remedy="If it is none, name it in the modality's annotation.",
    ),
    at_most(
        "ids_are_no_row_numbers",
        "row_number",
        0,
        "sample ids are no row numbers",
        of="samples",
        blocking=False,
        remedy="Name the column with the ids in the modality's ids.",
    ),
    at_most(
        "codes_for_missing",
        "coded",
        0,
        "no number stands in for a missing value",
        of="codes",
        blocking=False,
        remedy="If it does, name it in the modality's missing_words: {add: [NUMBER]}.",
    ),
)

PREPROCESSED_CHECKS = (
    unique(
        "unique_sample_ids",
        "sample",
        "every sample occurs once",
        of="samples",
        remedy="Rename or remove the repeated samples in the file.",
    ),
    at_most(
        "finite_values",
        "not_finite",
        0,
        "every value is finite",
        of="features",
        blocking=True,
        remedy="Set another preprocessing.scaler; values beyond 3e38 are more than float32 holds.",
    ),
    at_most(
        "features_vary",
        "constant_on_train",
        0,
        "every feature varies on train",
        of="features",
        blocking=True,
        remedy="Remove the features; make the matrix again if its split changed since.",
    ),
    at_most(
        "ordered_by_the_filter",
        "out_of_order",
        0,
        "features come by the filter's score on train, never rising",
        of="features",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "outliers",
        "largest",
        LARGEST_SCALED,
        "no scaled value rules the reconstruction",
        of="features",
        blocking=False,
        remedy="Set preprocessing.scaler: robust, or preprocessing.clip.",
    ),
    at_most(
        "train_test_twins",
        "twin_in_train",
        0,
        "no sample outside train is the same as one in it",
        of="samples",
        blocking=False,
        remedy="Remove repeated samples, or keep them together with split.group.",
    ),
)


def check_matrix(matrix: pd.DataFrame, settings: Modality) -> list[CheckResult]:
    """Check a raw matrix.

    Parameters
    ----------
    matrix
        (samples, features), transformed.
    settings
        The modality; its ``kind`` says which values are possible if there is no transform.
    """
    values = matrix.to_numpy()
    missing = np.isnan(values)
    imputed = settings.missing == "impute_median"
    logged = settings.transform != "none"
    with np.errstate(invalid="ignore"):
        constant = np.nanmax(np.where(missing, -np.inf, values), axis=0) <= np.nanmin(
            np.where(missing, np.inf, values), axis=0
        )
    features = pd.DataFrame(
        {
            "feature": matrix.columns.astype(str),
            "infinite": np.isinf(values).sum(axis=0),
            "untreated": np.zeros(values.shape[1], int) if imputed else missing.sum(axis=0),
            "missing_share": missing.mean(axis=0),
            "out_of_range": _out_of_range(values, settings).sum(axis=0),
            "constant": constant.astype(int),
            "unlike": unlike_features(matrix, logged=logged).astype(int),
        }
    )
    samples = pd.DataFrame(
        {
            "sample": matrix.index.astype(str),
            "missing_share": missing.mean(axis=1),
            "zero_share": (values == 0).mean(axis=1),
            "unlike": unlike_samples(matrix, logged=logged).astype(int),
            "row_number": int(counts_rows(matrix.index)),
            "twins": _row_hashes(values).duplicated(keep=False).to_numpy().astype(int),
        }
    )
    code = missing_code(values)
    codes = pd.DataFrame({"code": [code], "coded": [int(code is not None)]})
    summaries = {"features": features, "samples": samples, "codes": codes}
    return run_checks(MATRIX_CHECKS, summaries)


def check_preprocessed(
    matrix: pd.DataFrame,
    split: pd.Series,
    score: pd.Series,
    modalities: np.ndarray | None = None,
) -> list[CheckResult]:
    """Check a preprocessed matrix.

    Parameters
    ----------
    matrix
        (samples, features), scaled.
    split
        (samples,) in the order of the matrix.
    score
        What the filter ordered each feature by, in the order of the matrix.
    modalities
        (features,) modality of each feature of a joint task: each is in an order of its own.
    """
    values = matrix.to_numpy()
    train = (split == "train").to_numpy()
    finite = np.isfinite(values)
    scores = pd.Series(score.to_numpy())
    one = np.zeros(len(scores)) if modalities is None else modalities
    before = scores.groupby(one, sort=False).shift()
    rises = (scores > before + 1e-9 * before.abs()).to_numpy()
    features = pd.DataFrame(
        {
            "feature": matrix.columns.astype(str),
            "not_finite": (~finite).sum(axis=0),
            "constant_on_train": (np.ptp(values[train], axis=0) == 0).astype(int),
            "out_of_order": rises.astype(int),
            "largest": np.abs(np.where(finite, values, 0)).max(axis=0),
        }
    )
    rows = _row_hashes(values)
    in_train = set(rows[train])
    samples = pd.DataFrame(
        {
            "sample": matrix.index.astype(str),
            "twin_in_train": (rows.isin(in_train).to_numpy() & ~train).astype(int),
        }
    )
    return run_checks(PREPROCESSED_CHECKS, {"features": features, "samples": samples})


def refuse_overflow(values: np.ndarray, scaler: str) -> None:
    """Refuse scaled values whose squared distances are more than single precision holds.

    Every loss and every distance between samples would be infinite.

    Parameters
    ----------
    values
        (samples, features), scaled, finite.
    scaler
        The study's ``preprocessing.scaler``.

    Raises
    ------
    InputError
        It names the largest value, the setting and the remedy.
    """
    largest = float(np.abs(values).max(initial=0))
    if largest**2 * values.shape[1] > float(np.finfo(np.float32).max):
        raise InputError(
            f"with scaler {scaler}, values reach {largest:.1g}, whose squares are more than "
            "single precision holds",
            key="preprocessing.scaler",
            remedy="Set scaler: standard or robust, or check the values of the matrix.",
        )


def _out_of_range(values: np.ndarray, settings: Modality) -> np.ndarray:
    """Values that a modality of this kind cannot have; the kind is that of the file as stored."""
    known = np.isfinite(values)
    if settings.kind == "continuous":
        return np.zeros(values.shape, bool)
    if settings.transform != "none":
        return known & (values < 0)
    if settings.kind == "binary":
        return known & (values != 0) & (values != 1)
    return known & ((values < 0) | (values != np.floor(values)))


def _row_hashes(values: np.ndarray) -> pd.Series:
    """A hash of each sample's values, for finding twins."""
    rows = np.ascontiguousarray(values, dtype=np.float32)
    return pd.Series([hash(row.tobytes()) for row in rows])
