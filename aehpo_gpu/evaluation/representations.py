"""The representations that an autoencoder has to beat: PCA, UMAP, features, a linear autoencoder.

Here belongs how each is fitted on train and what all samples become under it; what is tried and
what is kept belongs to ``baselines``, the scores to ``downstream``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from aehpo_assets.analysis.compiled_umap import umap_class
from aehpo_gpu.evaluation.linear_autoencoder import linear_latents

UMAP_NEIGHBORS = 15

NO_COMPONENT = 1e-10
"""Share of the first component's deviation below which a component is rounding."""


@dataclass(frozen=True)
class Representation:
    """One way to represent samples without tuning anything.

    Attributes
    ----------
    layouts
        Matrix (samples, features), mask of train (samples,), numbers of dimensions and seed to
        (samples, dimensions) each.
    has_seed
        Whether a seed decides.
    is_costly
        Whether one takes seconds to hours: then not all numbers of features are tried with all of
        dimensions.
    whole
        Whether its dimensions are the features themselves, so that there are none to choose.
    """

    layouts: Callable[[np.ndarray, np.ndarray, Sequence[int], int], list[np.ndarray]]
    has_seed: bool = False
    is_costly: bool = False
    whole: bool = False


def _pca(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Coordinates on the first principal components of train; the first are those of smaller d."""
    from sklearn.decomposition import PCA

    values = matrix.astype(np.float64)
    pca = PCA(max(dims), svd_solver="full").fit(values[train])
    deviation = np.sqrt(pca.explained_variance_)
    # Components beyond the rank of train are rounding, which a probe must not scale up.
    varies = deviation > NO_COMPONENT * deviation[0]
    components = np.where(varies, pca.transform(values), 0.0)
    return [components[:, :dim] for dim in dims]


def _random_features(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int
) -> list[np.ndarray]:
    """The first of a random order of the features: more dimensions hold those of fewer."""
    order = np.random.default_rng(seed).permutation(matrix.shape[1])
    return [matrix[:, order[:dim]] for dim in dims]


def _raw_features(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int] = (), seed: int = 0
) -> list[np.ndarray]:
    """All features; of more than train samples, what these span of them.

    A penalised regression has its coefficients within the span of the samples that it is fitted
    on, and the penalty of a logistic regression is the same in any orthonormal basis of it (Hastie
    and Tibshirani 2004): it predicts what it predicts from the features themselves.
    """
    values = matrix.astype(np.float64)
    if values.shape[1] < train.sum():
        return [values]
    centre = values[train].mean(axis=0)
    basis, triangle = np.linalg.qr((values[train] - centre).T)
    # A sample that lies in the span of those before it adds no direction but rounding.
    added = np.abs(triangle.diagonal())
    return [(values - centre) @ basis[:, added > NO_COMPONENT * added.max()]]


def _linear_autoencoders(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int
) -> list[np.ndarray]:
    return [linear_latents(matrix, train, dim, seed) for dim in dims]


def _umaps(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int
) -> list[np.ndarray]:
    return [_umap(matrix, train, dim, seed) for dim in dims]


def _umap(matrix: np.ndarray, train: np.ndarray, dim: int, seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        n_train = int(train.sum())
        layout = umap_class()(
            n_components=dim,
            n_neighbors=min(UMAP_NEIGHBORS, n_train - 1),
            random_state=seed,
            n_jobs=1,
            # The spectral layout needs more samples than it has dimensions to start from.
            init="spectral" if dim + 1 < n_train else "random",
        )
        values = np.empty((len(matrix), dim))
        values[train] = layout.fit_transform(matrix[train])
        if not train.all():
            values[~train] = layout.transform(matrix[~train])
        return values


METHODS = {
    "pca": Representation(_pca),
    "umap": Representation(_umaps, has_seed=True, is_costly=True),
    "linear_autoencoder": Representation(_linear_autoencoders, has_seed=True, is_costly=True),
    "raw_features": Representation(_raw_features, whole=True),
    "random_features": Representation(_random_features, has_seed=True),
}
"""Every method by its name in tables, in the order in which they are scored."""
