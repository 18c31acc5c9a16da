"""How alike two tasks are: by what their data look like, and by how they rank configurations.

Here belong the meta-features of a data set and the similarities made of them. What a similarity is
used for belongs to ``transfer``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE

PRIOR_OBSERVATIONS = 10
"""A similarity of the data counts as much as the rank correlation on this many configurations."""

_SCALES = {
    "log_samples": 1.0,
    "log_features": 1.0,
    "log_ratio": 1.0,
    "skewness": 1.0,
    "log_kurtosis": 1.0,
    "sparsity": 0.25,
    "intrinsic_dimension": 0.25,
    "noise": 0.25,
    "label_entropy": 0.25,
    "pca_score": 0.1,
    "random_features_score": 0.1,
}
"""Difference of a meta-feature that counts as one unit of distance."""


def meta_features(
    matrix: np.ndarray,
    label_codes: list[np.ndarray] | None = None,
    landmarks: dict[str, float] | None = None,
    seed: int = 0,
) -> dict[str, float]:
    """Describe a task by numbers that can be compared across data sets.

    Parameters
    ----------
    matrix
        (samples, features), the unscaled values that a task starts from, without gaps.
    label_codes
        One array of class codes per label, -1 where missing.
    landmarks
        Downstream scores of simple latents: ``pca`` and ``random_features``.
    seed
        Seed of the draw of at most 500 samples and 500 features that the costly ones look at.

    Returns
    -------
    dict of str to float
        Logarithms of the numbers of samples, of features and their ratio; median skewness and
        kurtosis of the features; share of zeros; intrinsic dimension (participation ratio of the
        eigenvalues as a share of their number); noise (share of the variance outside the first
        ten components); mean normalised label entropy; landmark scores. What is not known is NaN.
    """
    samples, features = matrix.shape
    generator = np.random.default_rng(seed)
    rows = np.sort(generator.permutation(samples)[:500])
    columns = np.sort(generator.permutation(features)[:500])
    part = matrix[np.ix_(rows, columns)].astype("float64")
    spread = part.std(axis=0)
    varying = part[:, spread > 0]
    found = {
        "log_samples": float(np.log10(samples)),
        "log_features": float(np.log10(features)),
        "log_ratio": float(np.log10(samples / features)),
        "sparsity": float((part == 0).mean()),
        "skewness": float("nan"),
        "log_kurtosis": float("nan"),
        "intrinsic_dimension": float("nan"),
        "noise": float("nan"),
        "label_entropy": _label_entropy(label_codes or []),
        "pca_score": (landmarks or {}).get("pca", float("nan")),
        "random_features_score": (landmarks or {}).get("random_features", float("nan")),
    }
    if varying.shape[1] and len(rows) > 2:
        scaled = (varying - varying.mean(axis=0)) / varying.std(axis=0)
        values = np.linalg.svd(scaled, compute_uv=False) ** 2
        values = values[values > values.max() * 1e-12]
        found |= {
            "skewness": float(np.median((scaled**3).mean(axis=0))),
            "log_kurtosis": float(np.log10(np.median((scaled**4).mean(axis=0)))),
            "intrinsic_dimension": float(values.sum() ** 2 / (values**2).sum() / min(scaled.shape)),
            "noise": float(values[10:].sum() / values.sum()),
        }
    return found


def _label_entropy(label_codes: list[np.ndarray]) -> float:
    """Mean over the labels of the entropy of their classes, 1 if all classes are as frequent."""
    entropies = []
    for codes in label_codes:
        counts = np.bincount(codes[codes >= 0])
        shares = counts[counts > 0] / max(counts.sum(), 1)
        if len(shares) > 1:
            entropies.append(-(shares * np.log(shares)).sum() / np.log(len(shares)))
    return float(np.mean(entropies)) if entropies else float("nan")


def data_similarity(features: pd.DataFrame) -> pd.DataFrame:
    """Turn meta-features into similarities between tasks.

    Parameters
    ----------
    features
        One row a task, one column a meta-feature (:func:`meta_features`).

    Returns
    -------
    pandas.DataFrame
        (tasks, tasks), symmetric, in (0, 1], 1 on the diagonal: ``exp(-d)`` of the mean scaled
        difference ``d`` over the features that both tasks know; 0.5 if they share none.
    """
    scaled = np.column_stack([features[name] / _SCALES[name] for name in features])
    gaps = np.abs(scaled[:, None, :] - scaled[None, :, :])
    known = np.isfinite(gaps)
    counts = known.sum(axis=2)
    distance = np.where(known, gaps, 0).sum(axis=2) / np.maximum(counts, 1)
    similarity = np.where(counts > 0, np.exp(-distance), 0.5)
    np.fill_diagonal(similarity, 1.0)
    return pd.DataFrame(similarity, index=features.index, columns=features.index)


def rank_correlation(
    evaluations: pd.DataFrame, target: str, observed: list[str] | None = None
) -> pd.DataFrame:
    """Correlate how tasks rank the configurations that the target has evaluated so far.

    Parameters
    ----------
    evaluations
        Output of :func:`aehpo_assets.hpo.evaluations.evaluation_table`.
    target
        The task that asks.
    observed
        ``config_id`` of the configurations that the target may look at; all by default.

    Returns
    -------
    pandas.DataFrame
        Index the other tasks; ``correlation`` (Spearman's, NaN if undefined) of the mean valid
        scores, and ``configurations``, the number it rests on.
    """
    scores = evaluations.pivot_table(
        index="config_id", columns="task", values=VALID_SCORE, aggfunc="mean"
    )
    if observed is not None:
        scores = scores.loc[scores.index.intersection(observed)]
    rows = {}
    for other in [task for task in evaluations["task"].unique() if task != target]:
        both = scores[[target, other]].dropna() if target in scores else scores[:0]
        ranks = both.rank()
        defined = len(both) > 2 and ranks.nunique().min() > 1
        correlation = ranks[target].corr(ranks[other]) if defined else float("nan")
        rows[other] = {"correlation": float(correlation), "configurations": float(len(both))}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["correlation", "configurations"])


def transfer_weights(ranks: pd.DataFrame, similarity: pd.Series | None = None) -> dict[str, float]:
    """Weigh other tasks by both similarities, the data's first, the ranks' as they accumulate.

    The weight is ``(p s + n max(r, 0)) / (p + n)`` with the data's similarity ``s`` (1/2 if not
    known), the rank correlation ``r`` on ``n`` configurations, and
    :data:`PRIOR_OBSERVATIONS` ``p``.

    Parameters
    ----------
    ranks
        Output of :func:`rank_correlation`.
    similarity
        The target's row of :func:`data_similarity`.

    Returns
    -------
    dict of str to float
        Task to weight in [0, 1].
    """
    weights = {}
    for task, row in ranks.iterrows():
        prior = 0.5 if similarity is None else float(similarity[task])
        known = np.isfinite(row["correlation"])
        count = float(row["configurations"]) if known else 0.0
        evidence = max(float(row["correlation"]), 0.0) if known else 0.0
        weights[str(task)] = (PRIOR_OBSERVATIONS * prior + count * evidence) / (
            PRIOR_OBSERVATIONS + count
        )
    return weights
