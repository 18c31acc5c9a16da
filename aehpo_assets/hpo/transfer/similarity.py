"""How alike two tasks are: by what their data look like, and by how they rank configurations.

Here belong the meta-features that tasks are compared by, taken from what the platform knows of a
task anyway, and the similarities made of them. Measuring a data set belongs to
``aehpo_assets.omics.profile``, scoring its baselines to the other code location; what a similarity
is used for belongs to ``boxes``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.hpo.known_best import between_and_within
from aehpo_assets.hpo.objectives import VALID_SCORE

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

_LEAST_RELIABILITY = 0.2
"""Less is not believed: one over it would make a large correlation of any noise."""

_UNKNOWN = 0.5
"""Similarity of tasks that share no meta-feature."""


def meta_features(
    profiles: Mapping[str, pd.DataFrame], baselines: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    """Describe tasks by numbers that can be compared across data sets.

    Sizes, moments, dimension and label entropy are the simple, statistical and
    information-theoretic meta-features of the field, scores of cheap methods its landmarks
    (Vanschoren, "Meta-learning", in Hutter, Kotthoff & Vanschoren 2019).

    Parameters
    ----------
    profiles
        Task to its row of :func:`aehpo_assets.omics.profile.profile`.
    baselines
        Task to its scores of baselines: ``method, latent_dim`` and the valid score; of those that
        have ``features`` and ``fresh``, what was tried on all features counts. Tasks may be
        missing.

    Returns
    -------
    pandas.DataFrame
        (tasks, meta-features), in the order of the profiles: decimal logarithms of the numbers of
        samples, of features and of their ratio; inverse hyperbolic sine of the skewness and
        logarithm of the kurtosis of all values; share of zeros; intrinsic dimension (participation
        ratio, as a share of what it could be at most); share of the variance outside the first ten
        components; mean normalised entropy of the labels; best valid score of PCA and of random
        features. What is not known is NaN.
    """
    rows = {
        task: _of_profile(described.iloc[0]) | _landmarks(baselines.get(task))
        for task, described in profiles.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_SCALES)).astype("float64")


def _of_profile(row: pd.Series) -> dict[str, float]:
    samples, features = float(row["n_samples"]), float(row["n_features"])
    most = min(float(row["n_train"]), features)
    return {
        "log_samples": np.log10(samples),
        "log_features": np.log10(features),
        "log_ratio": np.log10(samples / features),
        "skewness": np.arcsinh(row["skew"]),
        # A constant matrix has no moments; otherwise Pearson's kurtosis is at least 1.
        "log_kurtosis": np.log10(max(1.0, row["kurtosis"] + 3)),
        "sparsity": row["zero_share"],
        "intrinsic_dimension": row["participation_ratio"] / most,
        "noise": row["variance_outside_10_components"],
        "label_entropy": row["label_entropy_mean"],
    }


def _landmarks(baseline: pd.DataFrame | None) -> dict[str, float]:
    """Best valid score over the latent dimensions, for each method that is a landmark."""
    if baseline is None:
        return {}
    if "features" in baseline:
        whole = baseline["features"] == baseline["features"].max()
        baseline = baseline[whole & ~baseline["fresh"].astype(bool)]
    best = baseline.groupby("method")[VALID_SCORE].max()
    return {
        f"{method}_score": float(best.get(method, np.nan)) for method in ("pca", "random_features")
    }


def data_similarity(features: pd.DataFrame) -> pd.DataFrame:
    """Turn meta-features into similarities between tasks.

    Parameters
    ----------
    features
        (tasks, meta-features), output of :func:`meta_features` or some of its columns.

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
    similarity = np.where(counts > 0, np.exp(-distance), _UNKNOWN)
    np.fill_diagonal(similarity, 1.0)
    return pd.DataFrame(similarity, index=features.index, columns=features.index)


def rank_correlation(evaluations: pd.DataFrame, target: str) -> pd.DataFrame:
    """Correlate how tasks rank the configurations that the target has evaluated so far.

    Noise makes tasks look less alike than they are. A correlation is therefore divided by the
    square root of the product of both reliabilities (Spearman, American Journal of Psychology 15,
    1904), as far as replicates let them be known; what then exceeds 1 is 1.

    Parameters
    ----------
    evaluations
        ``task, config_id`` and the valid score (of
        :func:`aehpo_assets.hpo.evaluations.evaluation_table`, say); of the target, what it may
        look at.
    target
        The task that asks.

    Returns
    -------
    pandas.DataFrame
        Index the other tasks; ``correlation`` (Spearman's, NaN if undefined) of the true valid
        scores, as far as that can be said, and ``configurations``, the number it rests on.
    """
    scores = evaluations.pivot_table(
        index="config_id", columns="task", values=VALID_SCORE, aggfunc="mean"
    )
    reliability = {task: _reliability(own) for task, own in evaluations.groupby("task", sort=False)}
    rows = {}
    for other in [task for task in evaluations["task"].unique() if task != target]:
        both = scores[[target, other]].dropna() if target in scores else scores[:0]
        ranks = both.rank()
        defined = len(both) > 2 and ranks.nunique().min() > 1
        correlation = ranks[target].corr(ranks[other]) if defined else float("nan")
        noise = np.sqrt(reliability.get(target, 1.0) * reliability[other])
        correlation = np.clip(correlation / noise, -1, 1)
        rows[other] = {"correlation": float(correlation), "configurations": float(len(both))}
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["correlation", "configurations"])
    return table.astype("float64")


def _reliability(runs: pd.DataFrame) -> float:
    """Share of the variance of configurations' means that is no noise; 1 where it is not known."""
    between, within = between_and_within(runs[VALID_SCORE], runs["config_id"])
    total = between + within * runs["config_id"].nunique() / len(runs)
    return max(_LEAST_RELIABILITY, between / total) if total > 0 else 1.0
