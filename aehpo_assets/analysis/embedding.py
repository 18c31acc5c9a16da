"""Where samples lie in two dimensions, and how far their neighbours share their labels.

A layout is to be looked at; what it shows of distances is its own. What is said in numbers is said
of the space itself: of the nearest neighbours that a sample has there.
"""

from __future__ import annotations

import warnings
from typing import Literal

import numpy as np
import pandas as pd

from aehpo_assets.analysis.compiled_umap import umap_class
from aehpo_assets.store.provenance import named_seed

MOST_SAMPLES = 2_000
"""Samples of a layout: more take minutes, and are dots upon dots."""

NEIGHBOURS = 15

Method = Literal["umap", "tsne"]
TITLES: dict[str, str] = {"umap": "UMAP", "tsne": "t-SNE"}


def shown_samples(count: int, seed: int = 0) -> np.ndarray:
    """Return the positions of the samples that are laid out: all, or a random draw of them.

    Parameters
    ----------
    count
        How many there are.
    seed
        Of the draw.
    """
    if count <= MOST_SAMPLES:
        return np.arange(count)
    generator = np.random.default_rng(named_seed(seed, "samples of a layout", count))
    return np.sort(generator.choice(count, MOST_SAMPLES, replace=False))


def layout(values: np.ndarray, method: Method, seed: int = 0) -> np.ndarray:
    """Lay samples out in two dimensions.

    Parameters
    ----------
    values
        (samples, dimensions) finite.
    method
        ``umap`` (McInnes et al. 2018; 15 neighbours, as the baseline) or ``tsne`` (van der Maaten
        and Hinton 2008; perplexity 30, from principal components).
    seed
        Of what either draws.

    Returns
    -------
    numpy.ndarray
        (samples, 2). With fewer than five samples, or two dimensions at most, the values
        themselves.
    """
    samples, dimensions = values.shape
    if samples < 5 or dimensions <= 2:
        padded = np.zeros((samples, 2))
        padded[:, : min(2, dimensions)] = values[:, :2]
        return padded
    state = named_seed(seed, "layout", method) % 2**32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method == "tsne":
            from sklearn.manifold import TSNE

            perplexity = min(30.0, (samples - 1) / 3)
            found = TSNE(perplexity=perplexity, init="pca", random_state=state, n_jobs=1)
        else:
            neighbours = min(NEIGHBOURS, samples - 1)
            # The spectral layout needs more samples than it has dimensions to start from.
            start = "spectral" if samples > NEIGHBOURS else "random"
            found = umap_class()(n_neighbors=neighbours, random_state=state, n_jobs=1, init=start)
        return np.asarray(found.fit_transform(values), dtype="float64")


def principal_components(values: np.ndarray, fitted: np.ndarray, dimensions: int) -> np.ndarray:
    """Return the coordinates of all samples on the first principal components of some.

    Parameters
    ----------
    values
        (samples, features) finite.
    fitted
        (samples,) whether a sample is fitted on.
    dimensions
        How many, at most those that there are.
    """
    values = values.astype("float64")
    centre = values[fitted].mean(axis=0)
    _, _, axes = np.linalg.svd(values[fitted] - centre, full_matrices=False)
    return (values - centre) @ axes[:dimensions].T


def neighbour_agreement(values: np.ndarray, labels: pd.Series) -> tuple[float, float, int]:
    """Return how often neighbours share a label, how often two samples do, and of how many.

    Parameters
    ----------
    values
        (samples, dimensions) finite.
    labels
        Class of each sample; those without one are left out.

    Returns
    -------
    tuple
        Share of the 15 nearest neighbours of a sample, in Euclidean distance, that are of its
        class, averaged over the classes, so that a large one counts no more; what it would be if
        neighbours were drawn at random; and the number of samples. NaN with one class.
    """
    from sklearn.neighbors import NearestNeighbors

    known = labels.notna().to_numpy()
    codes, classes = pd.factorize(labels[known])
    if len(classes) < 2 or len(codes) <= NEIGHBOURS:
        return float("nan"), float("nan"), len(codes)
    near = NearestNeighbors(n_neighbors=NEIGHBOURS).fit(values[known])
    neighbours = near.kneighbors(return_distance=False)
    shared = (codes[neighbours] == codes[:, None]).mean(axis=1)
    counts = np.bincount(codes)
    by_class = np.bincount(codes, weights=shared) / counts
    chance = (counts - 1) / (len(codes) - 1)
    return float(by_class.mean()), float(chance.mean()), len(codes)
