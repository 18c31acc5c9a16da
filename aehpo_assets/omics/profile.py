"""What kind of data a task is, in one row of numbers: size, moments, dimension, label entropy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

EXPLAINED = 0.9
COMPONENTS = 100


def profile(matrix: pd.DataFrame, split: pd.Series, labels: pd.DataFrame) -> pd.DataFrame:
    """Describe a task by meta-features.

    Parameters
    ----------
    matrix
        (samples, features) preprocessed.
    split
        (samples,) in the order of the matrix.
    labels
        (samples, labels) with ``attrs["objective"]``.

    Returns
    -------
    pandas.DataFrame
        One row: numbers of samples and features, their ratio, share of zeros, moments of the
        values, principal components for 90 % of the train variance (of the first 100), the
        participation ratio of the spectrum, and number of classes, share of labelled samples and
        normalised entropy of the labels, averaged.
    """
    values = matrix.to_numpy()
    train = values[(split == "train").to_numpy()].astype(np.float64)
    flat = values.ravel()[:: max(1, values.size // 1_000_000)].astype(np.float64)
    spectrum = _spectrum(train)
    explained = np.cumsum(spectrum) / spectrum.sum()
    names = dict.fromkeys(n for group in labels.attrs["objective"].values() for n in group)
    described = [_label(labels[name]) for name in names]
    entropies, classes, shares = (
        np.array(part, dtype=float) for part in zip(*described, strict=True)
    )
    row = {
        "n_samples": len(matrix),
        "n_train": len(train),
        "n_features": matrix.shape[1],
        "features_per_sample": matrix.shape[1] / len(matrix),
        "zero_share": float((values == 0).mean()),
        "mean": float(flat.mean()),
        "std": float(flat.std()),
        "skew": float(stats.skew(flat)),
        "kurtosis": float(stats.kurtosis(flat)),
        "largest_absolute_value": float(np.abs(values).max()),
        "components_for_90_percent": int(np.searchsorted(explained, EXPLAINED) + 1),
        "participation_ratio": float(spectrum.sum() ** 2 / (spectrum**2).sum()),
        "labels": len(described),
        "classes_mean": float(classes.mean()),
        "labelled_share_mean": float(shares.mean()),
        "label_entropy_mean": float(entropies.mean()),
    }
    return pd.DataFrame([row])


def _spectrum(train: np.ndarray) -> np.ndarray:
    """Variances along the first principal components."""
    from sklearn.decomposition import PCA

    components = min(COMPONENTS, *train.shape)
    solver = "full" if max(train.shape) <= 2000 else "randomized"
    return PCA(components, svd_solver=solver, random_state=0).fit(train).explained_variance_


def _label(column: pd.Series) -> tuple[float, int, float]:
    """Entropy as a share of its maximum, number of classes, share of labelled samples."""
    counts = column.value_counts()
    entropy = stats.entropy(counts) / np.log(len(counts)) if len(counts) > 1 else 0.0
    return float(entropy), len(counts), float(column.notna().mean())
