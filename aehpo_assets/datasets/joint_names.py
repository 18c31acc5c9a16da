"""How joint tasks and their features are named, and what their names say."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import pandas as pd

JOINS = "+"
"""Between the modalities of a joint task; no name of one has it."""

OF = ":"
"""Between the modality and the name of a feature; no modality has it in its name."""


def is_joint(name: str) -> bool:
    """Whether a task, or the modality of one, joins several."""
    return JOINS in name


def modalities_alone(task: str, tasks: Collection[str]) -> list[str]:
    """Return the tasks of a joint task's modalities, those that a study has.

    Parameters
    ----------
    task
        Name of a joint task, such as ``tcga_rna+cna``.
    tasks
        Names of the tasks of the study.
    """
    first, *others = task.split(JOINS)
    # A name of a data set may have the sign that ends it.
    for end in (at for at, sign in enumerate(first) if sign == "_"):
        alone = [first, *(f"{first[:end]}_{other}" for other in others)]
        if set(alone[1:]) <= set(tasks):
            return [one for one in alone if one in tasks]
    return [first] if first in tasks else []


def parts_of(modality: str) -> list[str]:
    """Modalities that a task is made of: one, or those of a joint task."""
    return modality.split(JOINS)


def modality_of(task: str, features: pd.Index) -> np.ndarray | None:
    """Return the modality of each feature of a joint task; None for any other.

    Parameters
    ----------
    task
        Name of the task.
    features
        Names of its features, as ``joint.joined`` gives them.
    """
    if not is_joint(task):
        return None
    return np.array([str(name).split(OF, 1)[0] for name in features])
