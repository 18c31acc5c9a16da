"""What a training costs, counted and not timed: the same number on every machine.

Seconds are the price of a device. What decides something, such as a Pareto front, goes by
operations, so that the same study gives the same answer wherever it is made.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from aehpo_assets.hpo.blackbox import Unit
from aehpo_assets.space.batches import epochs_of_steps
from aehpo_assets.space.training import LENGTHS
from aehpo_assets.space.widths import layer_widths, operations_of_a_sample


@dataclass(frozen=True)
class TrainingOperations:
    """Counts the floating-point operations of the matrix products of a whole training.

    Attributes
    ----------
    n_features, n_train
        Features and train samples of the task; a configuration that asks for more features uses
        all.
    length, unit
        How many epochs or steps a run of the study is trained, unless it has a length of its own;
        runs end whole epochs.
    """

    n_features: int
    n_train: int
    length: int
    unit: Unit = "epoch"

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Count the operations of each configuration: (configurations,), float64.

        One head between the last hidden layer and the latents is counted; what further ones add
        to it is small.
        """
        return np.array([self._of(configuration) for configuration in configurations])

    def _of(self, configuration: Mapping[str, Any]) -> float:
        widths = layer_widths(
            min(int(configuration["k_filter"]), self.n_features),
            int(configuration["n_layers"]),
            float(configuration["enc_factor"]),
            # Latents that an ontology decides on are the same in all configurations.
            int(configuration.get("latent_dim_fixed", 1)) * int(configuration.get("categories", 1)),
        )
        epochs = int(min(self.length, configuration.get(LENGTHS[self.unit], self.length)))
        if self.unit == "step":
            epochs = epochs_of_steps(epochs, self.n_train, int(configuration["batch_size"]))
        decoded = int(configuration.get("importance_samples", 1))
        weights = (1 + decoded) * sum(i * o for i, o in itertools.pairwise(widths))
        sample = operations_of_a_sample(weights, widths[0] * widths[1])
        return float(epochs) * self.n_train * sample
