"""How joint tasks and their features are named, and what their names say."""

from __future__ import annotations

from collections.abc import Collection, Iterator

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
    for dataset, modalities in _readings(task):
        first, *others = [f"{dataset}{one}" for one in modalities]
        if set(others) <= set(tasks):
            return [one for one in (first, *others) if one in tasks]
    first, *_ = task.split(JOINS)
    return [first] if first in tasks else []


def without_each(task: str, tasks: Collection[str]) -> dict[str, str]:
    """Return the task of all modalities but one, for each modality where a study has it.

    Parameters
    ----------
    task, tasks
        As for :func:`modalities_alone`.

    Returns
    -------
    dict of str to str
        Modality to the task without it: ``{"rna": "tcga_cna", "cna": "tcga_rna"}``.
    """
    found: dict[str, str] = {}
    for dataset, modalities in _readings(task):
        rests = {
            frozenset(parts_of(one.removeprefix(dataset))): one
            for one in tasks
            if one.startswith(dataset)
        }
        own = {one: rests.get(frozenset(modalities) - {one}) for one in modalities}
        known = {modality: rest for modality, rest in own.items() if rest is not None}
        # That which explains most is meant.
        found = known if len(known) > len(found) else found
    return found


def _readings(task: str) -> Iterator[tuple[str, list[str]]]:
    """Yield what may be the data set, with the sign that ends it, and the modalities.

    A name of a data set may have that sign.
    """
    first, *others = task.split(JOINS)
    for end in (at for at, sign in enumerate(first, 1) if sign == "_"):
        yield first[:end], [first[end:], *others]


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
