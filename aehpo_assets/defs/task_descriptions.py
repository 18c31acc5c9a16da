"""What is known of the tasks of a study, read for assets that compare them.

What tasks are compared by lives in ``aehpo_assets.hpo.transfer.similarity``.
"""

import pandas as pd

from aehpo_assets.defs.making import Making
from aehpo_assets.hpo.transfer.similarity import data_similarity, meta_features

DESCRIPTIONS = ("dataset_profile", "baseline_performance")
"""Assets that describe tasks; a task may be without either."""

SIMILARITY = (data_similarity, meta_features)
"""What computes :func:`similarity_of_tasks`."""


def similarity_of_tasks(making: Making) -> pd.DataFrame:
    """Return how alike the study's tasks with a profile are: (tasks, tasks).

    Parameters
    ----------
    making
        The artefact in the making; what is read becomes its input.
    """
    return data_similarity(meta_features(*map(making.tables_of_tasks, DESCRIPTIONS)))


def components_of(making: Making, architecture: str, task: str) -> pd.DataFrame:
    """Read the variance components of an architecture and task."""
    return pd.read_parquet(making.folder("noise", architecture, task) / "components.parquet")
