"""Outer layers that know one modality each: which weights there are, and how errors are weighed.

A weight between a feature of one modality and a unit of another does not exist; what that means
is said in ``weight_masks``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from aehpo_assets.errors import InputError
from aehpo_gpu.training.parameters import padded
from aehpo_gpu.training.weight_masks import WeightMask, WeightMasks


def modality_numbers(modalities: np.ndarray | None, features: int) -> np.ndarray:
    """Return (features,) the number of each feature's modality; 0 where there is one only."""
    if modalities is None:
        return np.zeros(features, dtype=np.int64)
    return pd.factorize(modalities)[0].astype(np.int64)


def columns_of_modalities(modalities: np.ndarray | None, features: int) -> dict[str, np.ndarray]:
    """Return the positions of each modality's features, in their order; all of a single one."""
    if modalities is None:
        return {"": np.arange(features)}
    return {str(one): np.flatnonzero(modalities == one) for one in pd.unique(modalities)}


def features_of_modalities(runs: pd.DataFrame, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return how many features of each modality each run has, (runs,) each.

    Raises
    ------
    InputError
        If a run has none of one.
    """
    asked = runs["k_filter"].to_numpy()
    counts = [np.searchsorted(own, asked) for own in columns]
    if any((own == 0).any() for own in counts):
        raise InputError(
            f"k_filter {int(asked.min())} leaves a modality without a feature",
            key="space.k_filter",
            remedy=f"Set it to {len(columns)} or more: each modality has its share.",
        )
    return counts


def unit_numbers(units: int, modalities: int) -> np.ndarray:
    """Return (units,) the number of the modality that each unit beside the features belongs to."""
    return np.arange(units) % modalities


def absent_weights(widths: Sequence[Sequence[int]], numbers: np.ndarray) -> np.ndarray:
    """Return how many weights of the outer layers each run lacks, encoder and decoder together.

    Parameters
    ----------
    widths
        Widths of the encoder of every run.
    numbers
        Output of :func:`modality_numbers`.

    Raises
    ------
    InputError
        If a run has no hidden layer, or one with fewer units than there are modalities.
    """
    count = int(numbers.max()) + 1
    absent = []
    for features, hidden, *deeper in widths:
        if count > 1 and (not deeper or hidden < count):
            raise InputError(
                "a network of intermediate fusion has a hidden layer with a unit or more for each "
                f"of {count} modalities",
                key="space.n_layers",
                remedy="Set n_layers to 2 or more, and a smaller enc_factor.",
            )
        of_features = np.bincount(numbers[:features], minlength=count)
        of_units = np.bincount(unit_numbers(hidden, count), minlength=count)
        absent.append(2 * (features * hidden - int(of_features @ of_units)))
    return np.array(absent)


class OuterLayers:
    """The outer layers of a fleet, cut by modality.

    Attributes
    ----------
    masks
        Of the first and the last layer.
    root_weights
        (runs, 1, features) square roots of the weights of the squared errors.

    Parameters
    ----------
    widths
        Widths of the encoder of every run.
    numbers
        Output of :func:`modality_numbers`.
    balance
        (runs,) see :mod:`aehpo_gpu.architectures.intermediate_fusion`.
    device, dtype
        Those of the parameters.
    """

    def __init__(
        self,
        widths: Sequence[Sequence[int]],
        numbers: np.ndarray,
        balance: torch.Tensor,
        device: torch.device,
        dtype: torch.dtype,
    ):
        absent_weights(widths, numbers)
        count = int(numbers.max()) + 1
        features = padded(max(run[0] for run in widths))
        of_feature = np.full(features, -1)
        of_feature[: len(numbers)] = numbers[:features]
        units = padded(max(run[1] for run in widths))
        same = of_feature[:, None] == unit_numbers(units, count)[None]
        encoder = torch.as_tensor(same, device=device, dtype=dtype)
        self.masks = WeightMasks([WeightMask(0, encoder), WeightMask(-1, encoder.T)])
        self.root_weights = self._roots(widths, numbers, balance, features)

    @staticmethod
    def _roots(
        widths: Sequence[Sequence[int]], numbers: np.ndarray, balance: torch.Tensor, features: int
    ) -> torch.Tensor:
        """(runs, 1, features) square roots of the weights of the squared errors."""
        count = int(numbers.max()) + 1
        weights = np.ones((len(widths), 1, features))
        for run, (kept, *_) in enumerate(widths):
            own = numbers[:kept]
            sizes = np.bincount(own, minlength=count)
            weights[run, 0, :kept] = (kept / count / np.maximum(sizes, 1))[own]
        powers = torch.as_tensor(weights, device=balance.device, dtype=balance.dtype)
        return powers ** (balance[:, None, None] / 2)
