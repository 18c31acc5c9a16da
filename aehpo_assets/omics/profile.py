"""What kind of data a task is, in one row of numbers: size, moments, dimension, label entropy."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import stats

EXPLAINED = 0.9
SIGNAL_COMPONENTS = 10
"""Principal components that are counted as signal; the variance outside them is mostly noise."""
MOST_SAMPLES = 2_000
"""Train samples, drawn with a seed of their own, that the intrinsic dimension is estimated on."""
MOST_VALUES = 1_000_000
"""Values, at even distances, that the moments are taken of."""

_SEED = [0, *b"profile"]


def profile(
    matrix: pd.DataFrame,
    split: pd.Series,
    labels: pd.DataFrame,
    raw: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Describe a task by meta-features.

    Parameters
    ----------
    matrix
        (samples, features) preprocessed.
    split
        (samples,) in the order of the matrix.
    labels
        (samples, labels) with ``attrs["objective"]``.
    raw
        (samples, features) before preprocessing, of which shares and moments are taken; the
        preprocessed matrix if it is not given. Scaling moves zeros, and makes mean and standard
        deviation those of every task.

    Returns
    -------
    pandas.DataFrame
        One row: numbers of samples and features and their ratio; shares of missing values and of
        zeros; moments of the values; intrinsic dimension of the train samples as the number of
        principal components for 90 % of the variance, the participation ratio of the spectrum and
        TwoNN; share of their variance outside the first ten components; number of classes, share
        of labelled samples and normalised entropy of the labels, averaged.
    """
    shown = (matrix if raw is None else raw).to_numpy()
    flat = shown.ravel(order="K")[:: max(1, shown.size // MOST_VALUES)].astype(np.float64)
    known = flat[np.isfinite(flat)]
    train = _some(matrix.to_numpy(), np.flatnonzero(split == "train"))
    spectrum, squared = _spectrum_and_distances(train)
    explained = np.cumsum(spectrum) / spectrum.sum()
    names = dict.fromkeys(n for group in labels.attrs["objective"].values() for n in group)
    described = [_label(labels[name]) for name in names]
    entropies, classes, shares = (
        np.array(part, dtype=float) for part in zip(*described, strict=True)
    )
    row = {
        "n_samples": len(matrix),
        "n_train": int((split == "train").sum()),
        "n_features": matrix.shape[1],
        "features_per_sample": matrix.shape[1] / len(matrix),
        "missing_share": float(np.isnan(shown).mean()),
        "zero_share": float((shown == 0).mean()),
        "mean": float(known.mean()),
        "std": float(known.std()),
        "skew": float(stats.skew(known)),
        "kurtosis": float(stats.kurtosis(known)),
        "largest_absolute_value": float(np.abs(matrix.to_numpy()).max()),
        "components_for_90_percent": int(np.searchsorted(explained, EXPLAINED) + 1),
        "participation_ratio": float(spectrum.sum() ** 2 / (spectrum**2).sum()),
        "twonn_dimension": twonn(squared),
        "variance_outside_10_components": float(
            spectrum[SIGNAL_COMPONENTS:].sum() / spectrum.sum()
        ),
        "labels": len(described),
        "classes_mean": float(classes.mean()),
        "labelled_share_mean": float(shares.mean()),
        "label_entropy_mean": float(entropies.mean()),
    }
    return pd.DataFrame([row])


def twonn(squared_distances: np.ndarray) -> float:
    """Intrinsic dimension from the ratio of the two nearest neighbours' distances.

    The maximum-likelihood form, ``n / sum(log(r2 / r1))``, of Facco, d'Errico, Rodriguez and Laio
    (Scientific Reports 2017). Of samples that are
    the same, one counts.

    Parameters
    ----------
    squared_distances
        (samples, samples); what stands on the diagonal is ignored.

    Returns
    -------
    float
        NaN for fewer than three different samples.
    """
    same = squared_distances <= 1e-12 * np.median(squared_distances)
    alone = ~np.triu(same, k=1).any(axis=0)
    if alone.sum() < 3:
        return float("nan")
    others = squared_distances[np.ix_(alone, alone)].astype(np.float64)
    np.fill_diagonal(others, np.inf)
    nearest = np.partition(others, 1, axis=1)[:, :2]
    logs = 0.5 * np.log(nearest[:, 1] / nearest[:, 0])
    return float(len(logs) / logs.sum()) if logs.sum() > 0 else float("nan")


def _some(values: np.ndarray, positions: np.ndarray) -> np.ndarray:
    """At most :data:`MOST_SAMPLES` of some rows, as float64, centred."""
    if len(positions) > MOST_SAMPLES:
        generator = np.random.default_rng(_SEED)
        positions = np.sort(generator.choice(positions, MOST_SAMPLES, replace=False))
    chosen = values[positions].astype(np.float64)
    return chosen - chosen.mean(axis=0)


def _spectrum_and_distances(centred: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Variances along all principal components, and squared distances of all pairs."""
    gram = centred @ centred.T
    small = gram if len(gram) <= centred.shape[1] else centred.T @ centred
    spectrum = np.linalg.eigvalsh(small)[::-1].clip(0) / max(1, len(centred) - 1)
    lengths = np.diag(gram)
    squared = (lengths[:, None] + lengths - 2 * gram).clip(0)
    return spectrum, squared


def _label(column: pd.Series) -> tuple[float, int, float]:
    """Entropy as a share of its maximum, number of classes, share of labelled samples."""
    counts = column.value_counts()
    entropy = stats.entropy(counts) / np.log(len(counts)) if len(counts) > 1 else 0.0
    return float(entropy), len(counts), float(column.notna().mean())
