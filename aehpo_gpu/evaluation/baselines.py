"""Representations without an autoencoder, scored like latents: PCA, UMAP and random features.

Here belongs what an autoencoder has to beat, computed once per task; the scores themselves belong
to ``downstream``.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from aehpo_assets.omics.labels import DownstreamTargets
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.evaluation.granularity import valid_granularity

UMAP_NEIGHBORS = 15

NO_COMPONENT = 1e-10
"""Share of the first component's deviation below which a component is rounding."""


def baseline_table(
    matrix: np.ndarray,
    split: np.ndarray,
    targets: DownstreamTargets,
    latent_dims: Sequence[int],
    seed: int,
) -> pd.DataFrame:
    """Score PCA, UMAP and random features of each latent dimension.

    PCA and UMAP are fitted on train, and valid and test are transformed. Random features are a
    random order of the input features, of which the first ones are taken, so that a larger
    dimension holds the features of a smaller one.

    Parameters
    ----------
    matrix
        (samples, features) preprocessed, finite.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels of the task, in the order of the matrix.
    latent_dims
        Dimensions to score, at least 1 each. Those above the number of features or of train
        samples are cut to it, and dimensions that become equal are scored once. UMAP leaves out
        those that the train samples are too few to lay out.
    seed
        Seeds UMAP and the order of the random features.

    Returns
    -------
    pd.DataFrame
        One row a method and dimension: ``method`` (``pca``, ``umap``, ``random_features``),
        ``latent_dim``, the scores of ``downstream.score_latents`` and ``valid_granularity``.
    """
    train = split == "train"
    limit = min(matrix.shape[1], int(train.sum()))
    dims = sorted({min(int(dim), limit) for dim in latent_dims})
    pca = _pca(matrix, train, dims[-1])
    features = matrix[:, np.random.default_rng(seed).permutation(matrix.shape[1])]
    representations = [("pca", dim, pca[:, :dim]) for dim in dims]
    representations += [
        ("umap", dim, _umap(matrix, train, dim, seed)) for dim in dims if dim < train.sum() - 1
    ]
    representations += [("random_features", dim, features[:, :dim]) for dim in dims]
    latents = torch.zeros(len(representations), len(matrix), dims[-1], dtype=torch.float64)
    for row, (_, dim, values) in enumerate(representations):
        latents[row, :, :dim] = torch.from_numpy(np.array(values, dtype=np.float64))
    methods = pd.DataFrame(
        {
            "method": [method for method, _, _ in representations],
            "latent_dim": [dim for _, dim, _ in representations],
        }
    )
    table = pd.concat([methods, score_latents(latents, split, targets)], axis=1)
    return table.assign(valid_granularity=valid_granularity(targets, split))


def _pca(matrix: np.ndarray, train: np.ndarray, dim: int) -> np.ndarray:
    """Coordinates on the first principal components of train; the first are those of smaller d."""
    from sklearn.decomposition import PCA

    values = matrix.astype(np.float64)
    pca = PCA(dim, svd_solver="full").fit(values[train])
    deviation = np.sqrt(pca.explained_variance_)
    # Components beyond the rank of train are rounding, which a probe must not scale up.
    varies = deviation > NO_COMPONENT * deviation[0]
    return np.where(varies, pca.transform(values), 0.0)


def _umap(matrix: np.ndarray, train: np.ndarray, dim: int, seed: int) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from umap import UMAP

        n_train = int(train.sum())
        layout = UMAP(
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
