"""The matrix of a task on the device: sent there once, read by every fleet."""

from __future__ import annotations

from copy import copy
from functools import cached_property

import numpy as np
import torch

from aehpo_assets.datasets.labels import SPLITS
from aehpo_gpu.evaluation.reconstruction import spread_of_samples
from aehpo_gpu.training.parameters import padded
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


class ResidentMatrix:
    """The matrix and the split of a task on a device.

    Parameters
    ----------
    data
        The task.
    settings
        Device and type.

    Attributes
    ----------
    features
        Number of features; :attr:`values` has columns of zeros behind them, up to the width of a
        stack.
    values
        (samples, padded features).
    rows
        Split to the positions of its samples.
    modalities
        (features,) modality of each feature of a joint task; None for any other.
    ontology
        That of the task; None if it has none.
    classes
        (samples,) class of each sample, as of the task; None without a class loss.
    """

    def __init__(self, data: TrainingTask, settings: TrainingSettings):
        self.device, self.dtype = settings.torch_device(), settings.dtype
        samples, self.features = data.matrix.shape
        self.values = torch.zeros(
            samples, padded(self.features), device=self.device, dtype=self.dtype
        )
        self.values[:, : self.features] = torch.tensor(data.matrix)
        self.modalities, self.ontology = data.modalities, data.ontology
        self.classes = None
        if data.classes is not None:
            self.classes = torch.as_tensor(data.classes, device=self.device)
        self._spreads: dict[int, torch.Tensor] = {}
        self.rows = {
            part: torch.as_tensor(np.flatnonzero(data.split == part), device=self.device)
            for part in SPLITS
        }

    @property
    def n_classes(self) -> int:
        """How many classes there are; 0 without a class loss."""
        return 0 if self.classes is None else int(self.classes.max()) + 1

    def with_values(self, values: torch.Tensor) -> ResidentMatrix:
        """Return other features of the same samples.

        Parameters
        ----------
        values
            (samples, features).
        """
        other = copy(self)
        other.__dict__.pop("train", None)
        other.features, other.modalities, other._spreads = values.shape[1], None, {}
        other.ontology = None
        other.values = self.values.new_zeros(len(values), padded(other.features))
        other.values[:, : other.features] = values
        return other

    def of_runs(self, rows: torch.Tensor) -> ResidentMatrix:
        """Return what some of the runs of a fleet are trained on: all have the same."""
        return self

    @cached_property
    def train(self) -> torch.Tensor:
        """(train samples, features)."""
        return self.values[self.rows["train"]]

    def spread(self, features: np.ndarray) -> torch.Tensor:
        """Return :func:`spread_of_samples` over each of the (runs,) numbers of features.

        Returns
        -------
        torch.Tensor
            (runs, samples).
        """
        return torch.stack([self._spread_of(k) for k in features.tolist()])

    def _spread_of(self, features: int) -> torch.Tensor:
        if features not in self._spreads:
            self._spreads[features] = spread_of_samples(self.values[:, :features])
        return self._spreads[features]
