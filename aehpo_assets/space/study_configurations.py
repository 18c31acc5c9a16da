"""The configurations of a study: sampled, or read from the file it names."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aehpo_assets.space.sample import read_configurations, sample_configurations
from aehpo_assets.space.search_space import search_space
from aehpo_assets.study import Study


def configurations_of(study: Study, architecture: str, *, file: Path | None = None) -> pd.DataFrame:
    """Return the configurations of an architecture as the study wants them.

    Parameters
    ----------
    study
        The study; ``configurations`` and ``space`` are read.
    architecture
        One of the study's architectures.
    file
        The study file, for the messages.

    Returns
    -------
    pandas.DataFrame
        ``config_id`` and the hyperparameters, one row a configuration, in order.

    Raises
    ------
    InputError
        If the space or the file of configurations is wrong, or has fewer than are asked for.
    """
    space = search_space(architecture, study.space, file=file)
    settings = study.configurations
    if settings.source == "sample":
        return sample_configurations(space, settings.count, settings.seed, file=file)
    return read_configurations(space, Path(settings.source), settings.count)
