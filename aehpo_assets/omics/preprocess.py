"""From the raw matrix to the one that autoencoders are trained on; all of it fitted on train only.

Missing values are imputed, constant features removed, the rest put in order by the filter and
scaled, so that every ``k_filter`` is a prefix of one matrix. What is fitted is kept in a
:class:`FittedPreprocessing`, with which new samples can be brought to the same scale.

Everything goes by blocks of features: a float64 copy of a whole matrix never exists.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.omics.filters import BLOCK, feature_order
from aehpo_assets.study.data import Preprocessing


@dataclass(frozen=True)
class FittedPreprocessing:
    """What was fitted on the train samples.

    Attributes
    ----------
    features
        Names of the features kept, in the order of the filter: by variance on train, descending,
        for ``var``.
    median, center, scale
        (features,) float64: what replaces a missing value, what is subtracted, and what the
        difference is divided by.
    variance
        (features,) variance of each feature on train before scaling.
    score
        (features,) what the filter ordered them by, never rising within a modality; the variance
        for ``var``.
    clip
        Scaled values beyond this are cut to it; None for none.
    """

    features: list[str]
    median: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    variance: pd.Series
    score: pd.Series
    clip: float | None

    def apply(self, matrix: pd.DataFrame) -> pd.DataFrame:
        """Bring samples to the scale of the train samples.

        Parameters
        ----------
        matrix
            (samples, features) with at least :attr:`features`; missing values allowed.

        Returns
        -------
        pandas.DataFrame
            (samples, len(features)) float32, finite.

        Raises
        ------
        InputError
            If a feature is missing.
        """
        absent = [name for name in self.features if name not in matrix]
        if absent:
            raise InputError(
                f"{len(absent)} features are missing, the first is {absent[0]}",
                remedy="Give a matrix with the features that were trained on.",
            )
        columns = matrix.columns.get_indexer(self.features)
        values = matrix.to_numpy()
        scaled = np.empty((len(matrix), len(columns)), dtype=np.float32)
        for start in range(0, len(columns), BLOCK):
            part = slice(start, start + BLOCK)
            block = _imputed(values[:, columns[part]].astype(np.float64), self.median[part])
            block -= self.center[part]
            block /= self.scale[part]
            if self.clip is not None:
                block = block.clip(-self.clip, self.clip)
            scaled[:, part] = block
        return pd.DataFrame(scaled, index=matrix.index, columns=pd.Index(self.features), copy=False)


def fit_preprocessing(
    matrix: pd.DataFrame,
    split: pd.Series,
    settings: Preprocessing,
    modalities: np.ndarray | None = None,
) -> FittedPreprocessing:
    """Fit imputation, filter and scaler on the train samples.

    Features that are constant on train are removed; ties are settled by name. Each modality of a
    joint task is filtered alone, and they take turns in the order of the features: their best ones
    come first, then their second best, so that every prefix has as many of each until one ends.

    Parameters
    ----------
    matrix
        (samples, features), missing values allowed.
    split
        (samples,) in the order of the matrix.
    settings
        The study's ``preprocessing``.
    modalities
        (features,) modality of each feature of a joint task.

    Raises
    ------
    InputError
        If no feature varies on train, or the filter does not fit the values.
    """
    if not split.index.equals(matrix.index):
        raise ValueError("split and matrix must hold the same samples in the same order")
    rows = (split == "train").to_numpy()
    values = matrix.to_numpy()
    parts = [
        _fit_block(values[:, start : start + BLOCK][rows].astype(np.float64), settings)
        for start in range(0, values.shape[1], BLOCK)
    ]
    median, center, scale, variance, varies = (
        np.concatenate(part) for part in zip(*parts, strict=True)
    )
    varying = np.flatnonzero(varies)
    if not len(varying):
        raise InputError(
            "no feature varies on the train samples",
            remedy="Check the matrix; there is nothing to learn from it.",
        )
    names = matrix.columns.to_numpy(dtype=str)
    train = _imputed(values[np.ix_(rows, varying)], median[varying].astype(values.dtype))
    one = np.zeros(len(varying)) if modalities is None else modalities[varying]
    orders, scores, ranks = [], [], []
    for modality in pd.unique(one):
        own = np.flatnonzero(one == modality)
        of_own = train if modalities is None else train[:, own]
        order, score = feature_order(of_own, names[varying][own], variance[varying][own], settings)
        orders.append(own[order])
        scores.append(score)
        ranks.append(np.arange(len(own)))
    in_turn = np.argsort(np.concatenate(ranks), kind="stable")
    score = np.concatenate(scores)[in_turn]
    kept = varying[np.concatenate(orders)[in_turn]]
    return FittedPreprocessing(
        features=[str(name) for name in names[kept]],
        median=median[kept],
        center=center[kept],
        scale=scale[kept],
        variance=pd.Series(variance[kept], index=names[kept]),
        score=pd.Series(score, index=names[kept]),
        clip=settings.clip,
    )


def preprocess(matrix: pd.DataFrame, split: pd.Series, settings: Preprocessing) -> pd.DataFrame:
    """Impute, filter, order and scale a matrix; see :func:`fit_preprocessing`.

    Returns
    -------
    pandas.DataFrame
        (samples, features) float32, features by variance on train, descending.
    """
    return fit_preprocessing(matrix, split, settings).apply(matrix)


def _fit_block(train: np.ndarray, settings: Preprocessing) -> tuple[np.ndarray, ...]:
    """Median, center, scale, variance of some features, and whether they vary.

    Parameters
    ----------
    train
        (train samples, features) float64; missing values are NaN.
    settings
        The study's ``preprocessing``.
    """
    if np.isnan(train).any():
        with warnings.catch_warnings():
            # A feature that no train sample has gets 0, and is removed as constant.
            warnings.filterwarnings("ignore", "All-NaN slice")
            median = np.nan_to_num(np.nanmedian(train, axis=0))
    else:
        median = np.median(train, axis=0)
    train = _imputed(train, median)
    center, scale = _fit_scaler(train, settings.scaler)
    return median, center, scale, train.var(axis=0), np.ptp(train, axis=0) > 0


def _fit_scaler(train: np.ndarray, scaler: str) -> tuple[np.ndarray, np.ndarray]:
    """What is subtracted and what is divided by, from scikit-learn's scaler of that name."""
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler

    features = train.shape[1]
    if scaler == "standard":
        standard = StandardScaler().fit(train)
        return standard.mean_, standard.scale_
    if scaler == "robust":
        robust = RobustScaler().fit(train)
        return robust.center_, robust.scale_
    if scaler == "minmax":
        minmax = MinMaxScaler().fit(train)
        return minmax.data_min_, 1 / minmax.scale_
    if scaler == "maxabs":
        return np.zeros(features), MaxAbsScaler().fit(train).scale_
    return np.zeros(features), np.ones(features)


def _imputed(values: np.ndarray, median: np.ndarray) -> np.ndarray:
    missing = np.isnan(values)
    return np.where(missing, median, values) if missing.any() else values
