"""Representations that biologists trust, of one matrix: factors, parts, components, kernels.

All of them are scikit-learn's, fitted on train; other samples are transformed. What they are
compared with belongs to ``representations``, those of several modalities to ``joint_references``.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np

from aehpo_assets.store.provenance import named_seed

NO_COMPONENT = 1e-10
"""Share of the first component's deviation below which a component is rounding."""

KERNEL_SAMPLES = 4_000
"""Train samples that a kernel is made of: its cost grows with the cube of them."""


def principal_components(
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


def factor_analysis(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Posterior means of Gaussian factors, with a noise of its own for every feature."""
    from sklearn.decomposition import FactorAnalysis

    values = matrix.astype(np.float64)
    found = []
    for dim in dims:
        model = FactorAnalysis(dim, random_state=0)
        with _steps_end_anyhow():
            model.fit(values[train])
        found.append(model.transform(values))
    return found


def non_negative_parts(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Weights of non-negative parts (Lee and Seung 1999), of which a sample is the sum.

    Train has to be non-negative. The weights are the exact least squares of each sample: those of
    scikit-learn's own transform go by steps that all samples together end.
    """
    from scipy.optimize import nnls
    from sklearn.decomposition import NMF

    values = matrix.astype(np.float64)
    found = []
    for dim in dims:
        # The start is of singular vectors, and all but the same whatever the seed.
        model = NMF(dim, init="nndsvda", max_iter=500, random_state=0)
        with _steps_end_anyhow():
            model.fit(values[train])
        basis, triangle = np.linalg.qr(model.components_.T)
        found.append(np.stack([nnls(triangle, sample)[0] for sample in values @ basis]))
    return found


def independent_components(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int
) -> list[np.ndarray]:
    """Independent components (FastICA; Hyvarinen and Oja 2000) of the first principal ones."""
    from sklearn.decomposition import FastICA

    found = []
    for components in principal_components(matrix, train, dims):
        deviation = components[train].std(axis=0)
        white = components[:, deviation > 0] / deviation[deviation > 0]
        ica = FastICA(whiten=False, random_state=seed, max_iter=500)
        with _steps_end_anyhow():
            ica.fit(white[train])
        found.append(ica.transform(white))
    return found


def latent_semantics(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Coordinates on the first singular vectors of train as it is, not centred (LSA)."""
    values = matrix.astype(np.float64)
    _, singular, vectors = np.linalg.svd(values[train], full_matrices=False)
    exists = singular[: max(dims)] > NO_COMPONENT * singular[0]
    components = np.where(exists, values @ vectors[: max(dims)].T, 0.0)
    return [components[:, :dim] for dim in dims]


def kernel_components(
    matrix: np.ndarray, train: np.ndarray, dims: Sequence[int], seed: int = 0
) -> list[np.ndarray]:
    """Components of a Gaussian kernel (Schoelkopf et al. 1998) as wide as distances usually are.

    Its gamma is one over the median squared distance of two train samples. Of more than
    :data:`KERNEL_SAMPLES` train samples it is fitted on so many, drawn once.
    """
    from scipy.spatial.distance import pdist
    from sklearn.decomposition import KernelPCA

    rows = np.flatnonzero(train)
    if len(rows) > KERNEL_SAMPLES:
        source = np.random.default_rng(named_seed(0, "kernel", len(rows)))
        rows = np.sort(source.choice(rows, KERNEL_SAMPLES, replace=False))
    values = matrix.astype(np.float64)
    width = float(np.median(pdist(values[rows], "sqeuclidean"))) or 1.0
    kernel = KernelPCA(min(max(dims), len(rows)), kernel="rbf", gamma=1 / width, random_state=0)
    components = kernel.fit(values[rows]).transform(values)
    return [components[:, :dim] for dim in dims]


@contextmanager
def _steps_end_anyhow() -> Iterator[None]:
    """Say nothing of steps that end before they converge: what is found by then is scored."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
