"""What a run has of the hyperparameters of training that its row does not name."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.space.distributions import Scalar
from aehpo_assets.space.training import ANNEALED
from aehpo_gpu.architectures import Architecture

_COMMON = {one.name: one.default for one in ANNEALED}


def training_defaults(
    architecture: Architecture, annealing: str = str(_COMMON["annealing"])
) -> dict[str, Scalar]:
    """Return the value of each hyperparameter of training where no row names it.

    Parameters
    ----------
    architecture
        The architecture, which may have defaults of its own.
    annealing
        The study's.
    """
    return _COMMON | {"annealing": annealing} | dict(architecture.training)


def with_defaults(runs: pd.DataFrame, defaults: dict[str, Scalar]) -> pd.DataFrame:
    """Return the runs with a column for every hyperparameter of training."""
    missing = {name: value for name, value in defaults.items() if name not in runs}
    return runs.assign(**missing) if missing else runs
