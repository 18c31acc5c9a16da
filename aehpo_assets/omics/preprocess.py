"""From the raw matrix to the one that autoencoders are trained on; all of it fitted on train only.

Missing values are imputed, constant features removed, the rest ordered by variance and scaled, so
that every ``k_filter`` is a prefix of one matrix. What is fitted is kept in a
:class:`FittedPreprocessing`, with which new samples can be brought to the same scale.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.study import Preprocessing


@dataclass(frozen=True)
class FittedPreprocessing:
    """What was fitted on the train samples.

    Attributes
    ----------
    features
        Names of the features kept, by variance on train, descending.
    median, center, scale
        (features,) float64: what replaces a missing value, what is subtracted, and what the
        difference is divided by.
    variance
        (features,) variance of each feature on train before scaling, descending.
    clip
        Scaled values beyond this are cut to it; None for none.
    """

    features: list[str]
    median: np.ndarray
    center: np.ndarray
    scale: np.ndarray
    variance: pd.Series
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
        values = matrix[self.features].to_numpy(dtype=np.float64)
        values = np.where(np.isnan(values), self.median, values)
        values = (values - self.center) / self.scale
        if self.clip is not None:
            values = values.clip(-self.clip, self.clip)
        return pd.DataFrame(
            values.astype(np.float32), index=matrix.index, columns=pd.Index(self.features)
        )


def fit_preprocessing(
    matrix: pd.DataFrame, split: pd.Series, settings: Preprocessing
) -> FittedPreprocessing:
    """Fit imputation, filter and scaler on the train samples.

    Features that are constant on train are removed; ties in variance are settled by name.

    Parameters
    ----------
    matrix
        (samples, features), missing values allowed.
    split
        (samples,) in the order of the matrix.
    settings
        The study's ``preprocessing``.

    Raises
    ------
    InputError
        If no feature varies on train.
    """
    from sklearn.preprocessing import RobustScaler, StandardScaler

    train = matrix[(split == "train").to_numpy()].to_numpy(dtype=np.float64)
    with np.errstate(all="ignore"):
        median = np.nan_to_num(np.nanmedian(train, axis=0))
    train = np.where(np.isnan(train), median, train)
    variance = train.var(axis=0)
    varying = np.flatnonzero(train.max(axis=0) > train.min(axis=0))
    if not len(varying):
        raise InputError(
            "no feature varies on the train samples",
            remedy="Check the matrix; there is nothing to learn from it.",
        )
    names = matrix.columns.to_numpy(dtype=str)
    order = varying[np.lexsort((names[varying], -variance[varying]))]
    scaler = StandardScaler() if settings.scaler == "standard" else RobustScaler()
    scaler.fit(train[:, order])
    center = scaler.mean_ if settings.scaler == "standard" else scaler.center_
    return FittedPreprocessing(
        features=[str(name) for name in names[order]],
        median=median[order],
        center=np.asarray(center),
        scale=np.asarray(scaler.scale_),
        variance=pd.Series(variance[order], index=names[order]),
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
