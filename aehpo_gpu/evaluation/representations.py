"""The representations that an autoencoder has to beat, by name: which there are, and of what data.

Here belongs how UMAP, features and a linear autoencoder are fitted on train; the other methods
have modules of their own. What is tried and what is kept belongs to ``baselines``, the scores to
``downstream``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from aehpo_assets.analysis.compiled_umap import umap_class
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_gpu.evaluation.joint_references import (
    canonical_correlation,
    components_of_each,
    partial_least_squares,
    scaled_blocks,
)
from aehpo_gpu.evaluation.kept_scores import KeptScores
from aehpo_gpu.evaluation.linear_autoencoder import linear_latents
from aehpo_gpu.evaluation.mofa import mofa_factors
from aehpo_gpu.evaluation.references import (
    NO_COMPONENT,
    factor_analysis,
    independent_components,
    kernel_components,
    latent_semantics,
    non_negative_parts,
    principal_components,
)
from aehpo_gpu.evaluation.threads import threads_kept

UMAP_NEIGHBORS = 15

FEWEST_DIMS = 2
"""Numbers of dimensions, the fewest, that the slowest methods race with."""


class Data(NamedTuple):
    """What a task gives to be represented and scored.

    Attributes
    ----------
    matrix
        (samples, features) preprocessed, finite, in the order of the filter.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels of the task, in the order of the matrix.
    modalities
        (features,) modality of each feature of a joint task; None for any other.
    kept
        What was scored of it before; None where nothing is kept.
    """

    matrix: np.ndarray
    split: np.ndarray
    targets: DownstreamTargets
    modalities: np.ndarray | None = None
    kept: KeptScores | None = None

    @property
    def train(self) -> np.ndarray:
        """(samples,) whether a sample is of train."""
        return self.split == "train"

    def views(self, features: int) -> list[np.ndarray]:
        """Matrix of each modality within the first so many features."""
        return list(self.views_by_name(features).values())

    def views_by_name(self, features: int | None = None) -> dict[str, np.ndarray]:
        """Return them by the name of the modality; empty of a task that has one only."""
        matrix = self.matrix[:, :features]
        if self.modalities is None:
            return {"": matrix}
        first = self.modalities[:features]
        return {str(one): matrix[:, first == one] for one in pd.unique(first)}


@dataclass(frozen=True)
class Representation:
    """One way to represent samples without tuning anything.

    Attributes
    ----------
    layouts
        Matrix (samples, features), or where ``views`` is given a list of one a modality, mask of
        train (samples,), numbers of dimensions and seed to (samples, dimensions) each.
    has_seed
        Whether a seed decides.
    is_costly
        Whether one takes seconds to hours: then not all numbers of features are tried with all of
        dimensions.
    whole
        Whether its dimensions are the features themselves, so that there are none to choose.
    views
        Fewest and most modalities that it takes apart; None if it takes the matrix as it is.
    needs
        What it refuses of the train samples: a test of them, and what to say of those that fail.
    is_slow
        Whether it races with :data:`FEWEST_DIMS` numbers of dimensions only.
    """

    layouts: Callable[[Any, np.ndarray, Sequence[int], int], list[np.ndarray]]
    has_seed: bool = False
    is_costly: bool = False
    whole: bool = False
    views: tuple[int, float] | None = None
    needs: tuple[Callable[[np.ndarray], bool], str] | None = None
    is_slow: bool = False

    def of(self, data: Data, features: int, dims: Sequence[int], seed: int) -> list[np.ndarray]:
        """Represent the samples by their first so many features."""
        given = data.matrix[:, :features] if self.views is None else data.views(features)
        return self.layouts(given, data.train, dims, seed)

    def why_not(self, data: Data) -> str:
        """Say why it cannot represent a task; empty if it can."""
        if self.views is not None:
            fewest, most = self.views
            there = len(data.views(data.matrix.shape[1]))
            if not fewest <= there <= most:
                wanted = f"{fewest}" if fewest == most else f"{fewest} or more"
                return f"it takes {wanted} modalities, and the task has {there}"
        if self.needs is not None and not self.needs[0](data.matrix[data.train]):
            return self.needs[1]
        return ""


def _is_non_negative(train: np.ndarray) -> bool:
    return bool((train >= 0).all())


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
    with threads_kept(), warnings.catch_warnings():
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
    "pca": Representation(principal_components),
    "umap": Representation(_umaps, has_seed=True, is_costly=True, is_slow=True),
    "linear_autoencoder": Representation(_linear_autoencoders, has_seed=True, is_costly=True),
    "raw_features": Representation(_raw_features, whole=True),
    "random_features": Representation(_random_features, has_seed=True),
    "factor_analysis": Representation(factor_analysis, is_costly=True),
    "nmf": Representation(
        non_negative_parts,
        is_costly=True,
        needs=(
            _is_non_negative,
            "values of the train samples are negative; preprocessing.scaler: minmax makes none",
        ),
    ),
    "ica": Representation(independent_components, has_seed=True, is_costly=True),
    "lsa": Representation(latent_semantics),
    "kernel_pca": Representation(kernel_components),
    "block_pca": Representation(scaled_blocks, views=(2, np.inf)),
    "pca_per_modality": Representation(components_of_each, views=(2, np.inf)),
    "pls": Representation(partial_least_squares, views=(2, 2)),
    "cca": Representation(canonical_correlation, views=(2, 2)),
    "mofa": Representation(
        mofa_factors, has_seed=True, is_costly=True, views=(1, np.inf), is_slow=True
    ),
}
"""Every method by its name in studies and tables, in the order in which they are scored."""
