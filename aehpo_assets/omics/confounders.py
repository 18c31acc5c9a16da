"""What a matrix can carry that a model takes for biology: leaks, batches, scaling by cohort.

Here belong the measurements, in numbers; what number is suspicious belongs to ``gates``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy import stats

from aehpo_assets.datasets.labels import DownstreamTargets, downstream_targets
from aehpo_assets.omics.filters import BLOCK

SMALLEST_COHORT = 20
"""Samples that a class needs for its floor to mean something."""

FLOOR_SHARE = 0.05
"""Share of a cohort that has the lowest value before this counts as the floor of a feature."""

MOST_FEATURES = 2_000
"""Features, at even distances, that are searched for traces of scaling."""

FEWEST_FEATURES = 10
"""Features in which a trace can show before it means something."""

COMPONENTS = 20
MOST_SAMPLES = 2_000


def leakage(matrix: pd.DataFrame, targets: DownstreamTargets) -> pd.DataFrame:
    """How much of a label a single feature knows, at most.

    Of a feature's variance, the share between the classes (the correlation ratio): 1 if the
    feature is the label in other words, as a code or as one class against the rest. Strong
    markers stay well below: of the best known, the Y chromosome's genes for sex reach 0.98.
    For regression labels, the squared correlation.

    Parameters
    ----------
    matrix
        (samples, features), missing values allowed.
    targets
        Labels of the samples, in their order.

    Returns
    -------
    pandas.DataFrame
        One row a label: ``label``, the ``feature`` that knows most of it, and ``explained``.
    """
    rows = []
    for target in targets.classification:
        between, total = _variances(matrix, target.codes, len(target.classes))
        rows.append((target.label, _share(between, total)))
    for regression in targets.regression:
        rows.append((regression.label, _squared_correlation(matrix, regression.values)))
    return pd.DataFrame(
        [
            {
                "label": label,
                "feature": str(matrix.columns[int(share.argmax())]),
                "explained": float(share.max()),
            }
            for label, share in rows
        ],
        columns=["label", "feature", "explained"],
    )


def cohort_scaling(matrix: pd.DataFrame, targets: DownstreamTargets) -> pd.DataFrame:
    """Traces of a matrix that was scaled within each class of a label.

    Two traces, each clear where the other is blind. *Private floors*: scaling moves the lowest
    value of a feature (no expression, say) to a number of its own in every cohort, so that the
    cohort can be read off it. *Equal means*: after centring within cohorts, means differ less
    than chance allows. Neither occurs by biology, which moves values without moving zero.

    Parameters
    ----------
    matrix
        (samples, features), missing values allowed.
    targets
        Labels of the samples, in their order.

    Returns
    -------
    pandas.DataFrame
        One row a label: ``private_floors``, the share of the features with a floor in two or more
        classes whose floors are found in no other class, and ``equal_means``, the share of the
        features with few ties whose F statistic chance falls below once in a hundred times. Both
        are 0 where fewer than ten features could show the trace.
    """
    rows = [
        {
            "label": target.label,
            "private_floors": _private_floors(matrix, target.codes),
            "equal_means": _equal_means(matrix, target.codes, len(target.classes)),
        }
        for target in targets.classification
    ]
    return pd.DataFrame(rows, columns=["label", "private_floors", "equal_means"])


def batch_effect(matrix: pd.DataFrame, split: pd.Series, labels: pd.DataFrame) -> pd.DataFrame:
    """How much better technical columns can be told from the matrix than the labels.

    Parameters
    ----------
    matrix
        (samples, features), missing values allowed.
    split
        (samples,) in the order of the matrix.
    labels
        (samples, labels); ``attrs["technical"]`` names the technical columns.

    Returns
    -------
    pandas.DataFrame
        One row a technical column: ``column``, its ``auc``, the ``labels_auc`` (the average that
        runs are judged by) and their difference ``excess``. AUC one-vs-one of a logistic
        regression on the first principal components of the train samples, outside train.
    """
    technical = labels.attrs.get("technical") or []
    table = pd.DataFrame(columns=["column", "auc", "labels_auc", "excess"])
    if not technical:
        return table
    asked = labels.copy()
    asked.attrs = {"objective": {name: [name] for name in technical}, "regression": []}
    train = (split == "train").to_numpy()
    latents = _principal_components(matrix, train)
    usual = {
        target.label: _auc(latents, train, target.codes) * target.weight
        for target in downstream_targets(labels, split).classification
    }
    labels_auc = sum(usual.values()) if usual else 0.5
    for target in downstream_targets(asked, split).classification:
        auc = _auc(latents, train, target.codes)
        table.loc[len(table)] = [target.label, auc, labels_auc, auc - labels_auc]
    return table


def _blocks(matrix: pd.DataFrame, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Some features of some samples at a time, centred, missing values at their mean."""
    values = matrix.to_numpy()
    for start in range(0, values.shape[1], BLOCK):
        block = values[:, start : start + BLOCK][rows].astype(np.float64)
        missing = np.isnan(block)
        known = np.maximum((~missing).sum(axis=0), 1)
        block -= np.where(missing, 0, block).sum(axis=0) / known
        block[missing] = 0
        yield block


def _variances(
    matrix: pd.DataFrame, codes: np.ndarray, classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Sum of squares between classes, and in all, of each feature."""
    known = codes >= 0
    members = np.eye(classes)[codes[known]]
    sizes = members.sum(axis=0)
    between, total = [], []
    for block in _blocks(matrix, known):
        sums = members.T @ block
        between.append((sums**2 / sizes[:, None]).sum(axis=0))
        total.append((block**2).sum(axis=0))
    return np.concatenate(between), np.concatenate(total)


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _squared_correlation(matrix: pd.DataFrame, target: np.ndarray) -> np.ndarray:
    known = np.isfinite(target)
    wanted = target[known] - target[known].mean()
    product, squares = [], []
    for block in _blocks(matrix, known):
        product.append((wanted @ block) ** 2)
        squares.append((block**2).sum(axis=0) * (wanted**2).sum())
    return _share(np.concatenate(product), np.concatenate(squares))


def _equal_means(matrix: pd.DataFrame, codes: np.ndarray, classes: int) -> float:
    matrix = _some_features(matrix)
    matrix = matrix.loc[:, _rarely_tied(matrix.to_numpy()[codes >= 0])]
    if matrix.shape[1] < FEWEST_FEATURES:
        return 0.0
    between, total = _variances(matrix, codes, classes)
    freedom = classes - 1, int((codes >= 0).sum()) - classes
    within = np.maximum(total - between, 1e-12 * total)
    ratio = (between / freedom[0]) / (within / freedom[1])
    return float((ratio < stats.f.ppf(0.01, *freedom)).mean())


def _rarely_tied(values: np.ndarray) -> np.ndarray:
    """Features of which half the values are different: ties make means equal by chance."""
    ordered = np.sort(values, axis=0)
    return 1 + (np.diff(ordered, axis=0) > 0).sum(axis=0) >= len(values) / 2


def _some_features(matrix: pd.DataFrame) -> pd.DataFrame:
    return matrix.iloc[:, :: max(1, matrix.shape[1] // MOST_FEATURES)]


def _private_floors(matrix: pd.DataFrame, codes: np.ndarray) -> float:
    values = _some_features(matrix).to_numpy()
    sizes = np.bincount(codes[codes >= 0])
    cohorts = np.flatnonzero(sizes >= SMALLEST_COHORT)
    floors = np.zeros(values.shape[1], dtype=int)
    private = np.zeros(values.shape[1], dtype=int)
    for cohort in cohorts:
        inside = values[codes == cohort]
        lowest = np.nanmin(np.where(np.isnan(inside), np.inf, inside), axis=0)
        count = (inside == lowest).sum(axis=0)
        has_floor = (count >= 3) & (count >= FLOOR_SHARE * len(inside))
        elsewhere = (values[np.isin(codes, cohorts) & (codes != cohort)] == lowest).any(axis=0)
        floors += has_floor
        private += has_floor & ~elsewhere
    several = floors >= 2
    return float((private[several] >= 2).mean()) if several.sum() >= FEWEST_FEATURES else 0.0


def _principal_components(matrix: pd.DataFrame, train: np.ndarray) -> np.ndarray:
    """(samples, components) of standardised features, fitted on some of the train samples."""
    from sklearn.decomposition import PCA

    fitted_on = np.flatnonzero(train)
    fitted_on = fitted_on[:: max(1, len(fitted_on) // MOST_SAMPLES)]
    values = np.hstack([b.astype(np.float32) for b in _blocks(matrix, np.ones(len(train), bool))])
    deviation = values[fitted_on].std(axis=0)
    values /= np.where(deviation > 0, deviation, 1)
    components = min(COMPONENTS, len(fitted_on) - 1, values.shape[1])
    pca = PCA(components, svd_solver="randomized", random_state=0).fit(values[fitted_on])
    latents = pca.transform(values)
    return latents / np.maximum(latents[train].std(axis=0), 1e-12)


def _auc(latents: np.ndarray, train: np.ndarray, codes: np.ndarray) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    known = codes >= 0
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(latents[known & train], codes[known & train])
    outside = known & ~train
    chances = model.predict_proba(latents[outside])
    two = chances.shape[1] == 2
    return float(
        roc_auc_score(
            codes[outside], chances[:, 1] if two else chances, multi_class="raise" if two else "ovo"
        )
    )
