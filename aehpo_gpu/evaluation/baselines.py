"""Representations without an autoencoder, scored like latents: PCA, UMAP and random features.

Here belongs what an autoencoder has to beat, computed once per task; the scores themselves belong
to ``downstream``.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.analysis.chosen_baselines import BASELINE_KEY, chosen_baseline
from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_gpu.evaluation.downstream import score_latents

UMAP_NEIGHBORS = 15

SEEDS = (0, 1, 2, 3)
"""The first tries what there is; the others repeat what it chose."""

SEEDED = ("umap", "random_features")
"""Methods that a seed decides."""

METHODS = ("pca", *SEEDED)

Data = tuple[np.ndarray, np.ndarray, DownstreamTargets]
"""Matrix, split and targets of a task, as :func:`baseline_table` takes them."""

_Cell = tuple[int, int]
"""Number of features and of dimensions."""

NO_COMPONENT = 1e-10
"""Share of the first component's deviation below which a component is rounding."""


def baseline_table(
    matrix: np.ndarray,
    split: np.ndarray,
    targets: DownstreamTargets,
    latent_dims: Sequence[int],
    k_filters: Sequence[int] = (),
    seeds: Sequence[int] = SEEDS,
) -> pd.DataFrame:
    """Score PCA, UMAP and random features on the features that an autoencoder may have.

    PCA and UMAP are fitted on train, and valid and test are transformed. Random features are a
    random order of the input features, of which the first ones are taken, so that a larger
    dimension holds the features of a smaller one.

    PCA and random features are tried with every number of features and of dimensions. A layout
    takes seconds to hours: UMAP is tried with every dimension on all features, and with the best
    of them by valid score on fewer features. What is best by valid score of UMAP and of random
    features, which a seed decides, is then computed again with the other seeds.

    Parameters
    ----------
    matrix
        (samples, features) preprocessed, finite, in the order of the filter.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels of the task, in the order of the matrix.
    latent_dims
        Dimensions to score, at least 1 each. Those above the number of features or of train
        samples are cut to it, and dimensions that become equal are scored once. UMAP leaves out
        those that the train samples are too few to lay out.
    k_filters
        Numbers of first features to try beside all of them; those above are all.
    seeds
        Of UMAP and the order of the random features: the first tries, the others repeat.

    Returns
    -------
    pd.DataFrame
        One row a method, number of features, dimension and seed: ``method`` (``pca``, ``umap``,
        ``random_features``), ``latent_dim``, ``features``, ``seed`` (missing for PCA, which has
        none), ``fresh`` (whether it repeats what the first seed chose) and the scores of
        ``downstream.score_latents``.
    """
    train = split == "train"
    first, *others = seeds
    everything = matrix.shape[1]
    fewer = sorted({int(k) for k in k_filters if k < everything})
    scored = partial(_scored, matrix, split, targets)

    def dims_of(features: int) -> list[int]:
        limit = min(features, int(train.sum()))
        return sorted({min(int(dim), limit) for dim in latent_dims})

    grid = {k: [(k, dim) for dim in dims_of(k)] for k in (*fewer, everything)}
    parts = [scored("pca", cells, first) for cells in grid.values()]
    laid_out = [(k, dim) for k, dim in grid[everything] if dim < train.sum() - 1]
    if laid_out:
        layouts = scored("umap", laid_out, first)
        parts.append(layouts)
        best = chosen_baseline(layouts, "umap")
        if len(best):
            dim = int(best["latent_dim"].iloc[0])
            smaller = [(k, min(dim, k)) for k in fewer]
            parts += [scored("umap", smaller, first)] if smaller else []
    parts += [scored("random_features", cells, first) for cells in grid.values()]
    tried = pd.concat(parts, ignore_index=True)
    for method in SEEDED:
        best = chosen_baseline(tried, method)
        if len(best):
            cell = (int(best["features"].iloc[0]), int(best["latent_dim"].iloc[0]))
            parts += [scored(method, [cell], seed, fresh=True) for seed in others]
    return _in_order(pd.concat(parts, ignore_index=True))


def replicated_baselines(
    data_of: Callable[[int], Data],
    replicates: int,
    fresh: int,
    latent_dims: Sequence[int],
    k_filters: Sequence[int] = (),
) -> pd.DataFrame:
    """Score the baselines in the replicates of a study, and what they chose in those after them.

    Parameters
    ----------
    data_of
        Replicate to its matrix, split and targets; its number is the seed of UMAP and of random
        features.
    replicates
        How many the study has: the mean valid score over them chooses.
    fresh
        How many further ones the chosen are scored in: those that the first round of validation
        trains the recommendations in.
    latent_dims, k_filters
        As for :func:`baseline_table`.

    Returns
    -------
    pd.DataFrame
        As :func:`baseline_table` returns it, with ``replicate``.
    """
    parts = []
    for replicate in range(replicates):
        table = baseline_table(*data_of(replicate), latent_dims, k_filters, seeds=(replicate,))
        parts.append(table.assign(replicate=replicate))
    tried = pd.concat(parts, ignore_index=True)
    chosen = [found for method in METHODS if len(found := chosen_baseline(tried, method))]
    for replicate in range(replicates, replicates + fresh):
        data = data_of(replicate)
        for best in chosen:
            cell = (int(best["features"].iloc[0]), int(best["latent_dim"].iloc[0]))
            method = str(best["method"].iloc[0])
            table = _scored(*data, method, [cell], replicate, fresh=True)
            parts.append(table.assign(replicate=replicate))
    return _in_order(pd.concat(parts, ignore_index=True))


def chosen_again(table: pd.DataFrame, data_of: Callable[[int], Data]) -> pd.DataFrame:
    """Score again the baselines that speak for their methods: what opening the test shows of them.

    Parameters
    ----------
    table
        Output of :func:`baseline_table` or :func:`replicated_baselines`, with or without the test
        scores.
    data_of
        Replicate to its matrix, split and targets, 0 where there are no others.

    Returns
    -------
    pd.DataFrame
        As :func:`baseline_table` returns it, with ``replicate`` where the table has it; the rows
        of :func:`aehpo_assets.analysis.chosen_baselines.chosen_baseline` alone, and
        ``test_influence``.
    """
    parts = []
    for method in METHODS:
        for row in chosen_baseline(table, method).to_dict("records"):
            replicate = int(row.get("replicate", 0))
            seed = replicate if pd.isna(row["seed"]) else int(row["seed"])
            cell = (int(row["features"]), int(row["latent_dim"]))
            of = data_of(replicate)
            again = _scored(*of, method, [cell], seed, fresh=bool(row["fresh"]), influence=True)
            parts.append(again.assign(replicate=replicate) if "replicate" in row else again)
    return _in_order(pd.concat(parts, ignore_index=True)) if parts else table.head(0)


def plain_baseline(
    matrix: np.ndarray,
    split: np.ndarray,
    targets: DownstreamTargets,
    method: str,
    latent_dims: Sequence[int],
    seed: int,
) -> pd.DataFrame:
    """Score PCA or random features on all features.

    Parameters
    ----------
    matrix, split, targets, latent_dims
        As for :func:`baseline_table`.
    method
        ``pca`` or ``random_features``.
    seed
        Of the order of the random features.

    Returns
    -------
    pandas.DataFrame
        One row a dimension, the columns of :func:`baseline_table`.
    """
    features = matrix.shape[1]
    limit = min(features, int((split == "train").sum()))
    dims = sorted({min(int(dim), limit) for dim in latent_dims})
    return _in_order(_scored(matrix, split, targets, method, [(features, d) for d in dims], seed))


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    named = [name for name in BASELINE_KEY if name in table]
    return table[[*named, *(name for name in table if name not in named)]]


def _scored(
    matrix: np.ndarray,
    split: np.ndarray,
    targets: DownstreamTargets,
    method: str,
    cells: Sequence[_Cell],
    seed: int,
    fresh: bool = False,
    influence: bool = False,
) -> pd.DataFrame:
    layouts = _layouts(method, matrix, split == "train", cells, seed)
    table = _scores(layouts, cells, split, targets, influence)
    known = pd.array([pd.NA if method == "pca" else seed] * len(table), dtype="Int64")
    return table.assign(method=method, seed=known, fresh=fresh)


def _layouts(
    method: str, matrix: np.ndarray, train: np.ndarray, cells: Sequence[_Cell], seed: int
) -> list[np.ndarray]:
    if method == "umap":
        return [_umap(matrix[:, :k], train, dim, seed) for k, dim in cells]
    # What is random or costs a decomposition is the same for every dimension.
    widest: dict[int, np.ndarray] = {}
    for k in {k for k, _ in cells}:
        part = matrix[:, :k]
        if method == "pca":
            widest[k] = _pca(part, train, max(dim for of, dim in cells if of == k))
        else:
            widest[k] = part[:, np.random.default_rng(seed).permutation(k)]
    return [widest[k][:, :dim] for k, dim in cells]


def _scores(
    layouts: Sequence[np.ndarray],
    cells: Sequence[_Cell],
    split: np.ndarray,
    targets: DownstreamTargets,
    influence: bool,
) -> pd.DataFrame:
    widest = max(dim for _, dim in cells)
    latents = torch.zeros(len(layouts), len(split), widest, dtype=torch.float64)
    for row, values in enumerate(layouts):
        latents[row, :, : values.shape[1]] = torch.from_numpy(np.array(values, dtype=np.float64))
    named = pd.DataFrame(cells, columns=["features", "latent_dim"])
    scored = score_latents(latents, split, targets, influence=influence)
    return pd.concat([named, scored], axis=1)


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
        n_train = int(train.sum())
        layout = _umap_class()(
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


@cache
def _umap_class() -> Any:
    """Import UMAP, and keep on disk what it compiles, if there is a folder to keep that in.

    Most of its functions are compiled by every process that calls them, which takes far longer
    than the layout of a small task. Numba keeps them under their source, version and processor.
    """
    import umap.distances
    import umap.layouts
    import umap.umap_
    import umap.utils
    from numba.core.dispatcher import Dispatcher

    for module in (umap.distances, umap.layouts, umap.umap_, umap.utils):
        for function in vars(module).values():
            if isinstance(function, Dispatcher):
                with contextlib.suppress(RuntimeError):
                    function.enable_caching()
    return umap.UMAP
