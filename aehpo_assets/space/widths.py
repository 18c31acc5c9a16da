"""Widths of the layers of a configuration, and what follows from them: parameters, operations."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

Number = TypeVar("Number", int, np.ndarray)


def layer_widths(features: int, n_layers: int, enc_factor: float, latent_dim: int) -> list[int]:
    """Widths of the encoder, from the features to the latents.

    Autoencodix' rule: ``n_layers - 1`` times the last width divided by ``enc_factor``, not below
    the latent dimension; then the latents. The decoder is the mirror image.

    Returns
    -------
    list of int
        ``n_layers + 1`` widths.
    """
    widths = [features]
    for _ in range(n_layers - 1):
        widths.append(max(int(widths[-1] / enc_factor), latent_dim))
    return [*widths, latent_dim]


def weights_and_biases(widths: Sequence[int]) -> int:
    """Weights and biases of encoder and decoder, one head, without BatchNorm."""
    pairs = list(itertools.pairwise(widths))
    return sum(2 * i * o + i + o for i, o in pairs)


def trainable_parameters(widths: Sequence[int], heads: int, batch_norm: bool = True) -> int:
    """All trainable parameters, BatchNorm and further heads on the last hidden layer included.

    Parameters
    ----------
    widths
        Widths of the encoder.
    heads
        Linear layers between the last hidden layer and the latents: 1 (AE), 2 (VAE).
    batch_norm
        Whether hidden layers have one.
    """
    hidden, latent = widths[1:-1], widths[-1]
    norms = 2 * 2 * sum(hidden) if batch_norm else 0
    return weights_and_biases(widths) + norms + (heads - 1) * (widths[-2] * latent + latent)


def operations_of_a_sample(weights: Number, of_first_layer: Number) -> Number:
    """Floating-point operations of the matrix products of one sample, in one training step.

    A weight is multiplied and added once forward, and twice backward, except in the first layer,
    whose input needs no gradient.

    Parameters
    ----------
    weights
        Weights of encoder and decoder.
    of_first_layer
        Those of the encoder's first layer.
    """
    return 6 * weights - 2 * of_first_layer


def run_widths(runs: pd.DataFrame, n_features: int) -> list[list[int]]:
    """Widths of the encoder of every run.

    Latents that are categorical are as many units as they have categories.

    Parameters
    ----------
    runs
        One row a run: ``k_filter``, ``n_layers``, ``enc_factor``, ``latent_dim_fixed``, and
        ``categories`` if there are any.
    n_features
        Features of the task; a run that asks for more uses all.
    """
    latents = runs["latent_dim_fixed"] * runs.get("categories", 1)
    return [
        layer_widths(min(int(k), n_features), int(depth), float(factor), int(latent))
        for k, depth, factor, latent in zip(
            runs["k_filter"], runs["n_layers"], runs["enc_factor"], latents, strict=True
        )
    ]
