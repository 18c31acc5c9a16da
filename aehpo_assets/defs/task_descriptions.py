"""What is known of the tasks of a study, read for assets that compare them.

What tasks are compared by lives in ``aehpo_assets.hpo.task_similarity``.
"""

import pandas as pd

from aehpo_assets.defs.recipe import Making
from aehpo_assets.hpo.task_similarity import data_similarity, meta_features

DESCRIPTIONS = ("dataset_profile", "baseline_performance")
"""Assets that describe tasks; a task may be without either."""

SIMILARITY = (data_similarity, meta_features)
"""What computes :func:`similarity_of_tasks`."""


def similarity_of_tasks(making: Making, tasks: list[str]) -> pd.DataFrame:
    """Return how alike the data of some tasks are: (tasks, tasks), those with a profile only.

    Parameters
    ----------
    making
        The artefact in the making; what is read becomes its input.
    tasks
        The tasks of the study.
    """
    profiles, baselines = (
        {
            task: making.table(asset, task)
            for task in tasks
            if making.study.store.is_usable(asset, (task,))
        }
        for asset in DESCRIPTIONS
    )
    return data_similarity(meta_features(profiles, baselines))
