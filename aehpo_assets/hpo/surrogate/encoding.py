"""Configurations as numbers in [0, 1], one column a hyperparameter, for models and distances.

Categories that are numbers keep their order (their rank among the values), unless one column each
is asked for, which categories that are words always get. Log-uniform hyperparameters are encoded
on the log scale.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from aehpo_assets.space import Choice, LogUniform, SearchSpace

Configurations: TypeAlias = pd.DataFrame | Mapping[str, Sequence[Any]] | Sequence[Mapping[str, Any]]
"""Configurations as a frame, as columns, or as a list of rows."""


class Encoder:
    """Maps the configurations of a search space to a matrix.

    Parameters
    ----------
    space
        The search space; values outside it are encoded too, at its border.
    one_hot
        Whether every category gets its own column, as in Syne Tune.
    """

    def __init__(self, space: SearchSpace, one_hot: bool = False):
        self.space = space
        self.one_hot = one_hot

    @property
    def columns(self) -> list[str]:
        """Names of the matrix columns."""
        names: list[str] = []
        for name, distribution in self.space.hyperparameters.items():
            if isinstance(distribution, Choice) and self._unordered(distribution):
                names += [f"{name}={value}" for value in distribution.values]
            else:
                names.append(name)
        return names

    def matrix(self, configurations: Configurations) -> np.ndarray:
        """Encode configurations.

        Parameters
        ----------
        configurations
            A frame, a mapping of hyperparameter to values, or a list of configurations.

        Returns
        -------
        numpy.ndarray
            (configurations, columns), float64, in [0, 1].
        """
        columns: list[np.ndarray] = []
        for name, distribution in self.space.hyperparameters.items():
            if isinstance(configurations, (pd.DataFrame, Mapping)):
                values = np.asarray(configurations[name])
            else:
                values = np.asarray([configuration[name] for configuration in configurations])
            columns += self._encode(values, distribution)
        return np.column_stack(columns)

    def _encode(self, values: np.ndarray, distribution: Any) -> list[np.ndarray]:
        if isinstance(distribution, Choice):
            if self._unordered(distribution):
                return [(values == value).astype("float64") for value in distribution.values]
            ordered = np.sort(np.asarray(distribution.values, dtype="float64"))
            ranks = np.linspace(0, 1, len(ordered)) if len(ordered) > 1 else np.zeros(1)
            return [np.interp(values.astype("float64"), ordered, ranks)]
        lower, upper = float(distribution.lower), float(distribution.upper)
        numbers = values.astype("float64")
        if isinstance(distribution, LogUniform):
            lower, upper = np.log(lower), np.log(upper)
            numbers = np.log(np.maximum(numbers, np.exp(lower)))
        width = upper - lower
        return [np.clip((numbers - lower) / width, 0, 1) if width > 0 else np.zeros(len(numbers))]

    def _unordered(self, distribution: Choice) -> bool:
        return self.one_hot or distribution.of_words
