"""A linear autoencoder, really trained: what a network learns that has nothing but its bottleneck.

Its optimum spans what principal components span (Baldi and Hornik 1989), but it is found by
gradients, and its latents are no ordered axes. So it tells what an
autoencoder's layers and activations add. Scores of its latents belong to ``downstream``.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.evaluation.threads import threads_for

STEPS = 300
"""Optimiser steps; after them the loss lies within a few per thousand of its optimum."""

RATE = 0.02
"""Learning rate."""


def linear_latents(matrix: np.ndarray, train: np.ndarray, dim: int, seed: int) -> np.ndarray:
    """Train a linear autoencoder on the train samples, and encode all.

    Encoder E (features, dim) and decoder D (dim, features) minimise the mean squared error of
    ``x E D`` about the mean of train, by Adam (Kingma and Ba 2015) on all train samples at once.
    The loss depends on them through ``E' C E``, ``C E`` and ``D C`` alone, with the covariance C:
    none of its gradients needs the reconstruction itself.

    Parameters
    ----------
    matrix
        (samples, features) finite.
    train
        (samples,) whether a sample is trained on.
    dim
        Latent dimensions, at most the features.
    seed
        Of the initial weights, uniform within ``1 / sqrt(inputs)`` as ``torch.nn.Linear`` has them.

    Returns
    -------
    numpy.ndarray
        (samples, dim) latents, float64.
    """
    values = torch.from_numpy(np.asarray(matrix, dtype=np.float64))
    fitted = values[torch.from_numpy(np.flatnonzero(train))]
    centre = fitted.mean(0)
    fitted = fitted - centre
    features = fitted.shape[1]
    generator = torch.Generator().manual_seed(named_seed(seed, "linear autoencoder", dim))
    E = _uniform(features, dim, generator)
    D = _uniform(dim, features, generator)
    with threads_for(fitted.numel() * dim):
        _train(E, D, _covariance(fitted))
    return ((values - centre) @ E).numpy()


def _uniform(inputs: int, outputs: int, generator: torch.Generator) -> Tensor:
    drawn = torch.rand(inputs, outputs, generator=generator, dtype=torch.float64)
    return (2 * drawn - 1) / inputs**0.5


def _covariance(fitted: Tensor) -> Callable[[Tensor], Tensor]:
    """Return what multiplies (features, columns) by the covariance, the cheaper way round."""
    samples, features = fitted.shape
    if features <= samples:
        covariance = fitted.T @ fitted / samples
        return lambda columns: covariance @ columns
    return lambda columns: fitted.T @ (fitted @ columns) / samples


def _train(E: Tensor, D: Tensor, times: Callable[[Tensor], Tensor]) -> None:
    """Train both in place; ``times`` multiplies by the covariance."""
    optimiser = torch.optim.Adam([E, D], lr=RATE, foreach=False)
    for _ in range(STEPS):
        E.grad, D.grad = _gradients(E, D, times)
        optimiser.step()


def _gradients(E: Tensor, D: Tensor, times: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Gradients of the squared error by both."""
    CE, CD = times(E), times(D.T)
    return 2 * (CE @ (D @ D.T) - CD), 2 * (E.T @ CE @ D - CE.T)
