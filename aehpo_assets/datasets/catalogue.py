"""Which tasks there are: the data sets below the data roots, and their modalities."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aehpo_assets.datasets.dataset import (
    DATASET_FILE,
    Dataset,
    Labels,
    Modality,
    find_datasets,
    read_dataset,
    task_name,
)
from aehpo_assets.datasets.joint import Fusions, joint_modalities
from aehpo_assets.datasets.joint_names import parts_of
from aehpo_assets.errors import InputError
from aehpo_assets.store.code_version import version_of_modules

Task = tuple[Dataset, str]
"""A data set and the name of one of its modalities, or of several that are joined."""


def available_tasks(roots: Sequence[Path], fusion: Fusions = ()) -> dict[str, Task]:
    """Return every task below the data roots, by name, and those that a study joins.

    Raises
    ------
    InputError
        If a ``dataset.yaml`` is wrong, or two data sets make a task of the same name.
    """
    found, problems = usable_tasks(roots, fusion)
    for problem in problems.values():
        raise problem
    return found


def usable_tasks(
    roots: Sequence[Path], fusion: Fusions = ()
) -> tuple[dict[str, Task], dict[Path, InputError]]:
    """Return the tasks below the data roots by name, and by folder what is wrong with the others.

    With a study's ``fusion``, the joint tasks that it asks for are among them.

    Of two data sets that make a task of the same name, the first in the order of the roots counts.
    """
    found: dict[str, Task] = {}
    problems: dict[Path, InputError] = {}
    for folder in find_datasets(roots):
        try:
            tasks = tasks_of(folder, fusion)
        except InputError as error:
            problems[folder] = error
            continue
        except OSError as error:
            problem = f"cannot be looked at ({error.strerror})"
            problems[folder] = InputError(problem, file=folder, remedy="Make it readable.")
            continue
        if taken := sorted(tasks.keys() & found.keys()):
            problems[folder] = InputError(
                f"makes the task {taken[0]}, as {found[taken[0]][0].folder} does",
                file=folder / DATASET_FILE,
                key="name",
                remedy="Rename one of the two data sets.",
            )
            continue
        found |= tasks
    return found, problems


def tasks_of(folder: Path, fusion: Fusions = ()) -> dict[str, Task]:
    """Return the tasks of one data set, by name, and those that a study joins of it.

    Raises
    ------
    InputError
        If its ``dataset.yaml`` is wrong.
    """
    dataset = read_dataset(folder)
    modalities = [*dataset.modalities, *joint_modalities(dataset, fusion)]
    return {task_name(dataset, modality): (dataset, modality) for modality in modalities}


def dataset_names(tasks: dict[str, Task]) -> list[str]:
    """Names of the data sets that tasks are of, each once, sorted."""
    return sorted({dataset.name for dataset, _ in tasks.values()})


def dataset_settings(task: Task, section: str) -> dict[str, Any]:
    """Return the part of ``dataset.yaml`` that an artefact depends on, as JSON values.

    Parameters
    ----------
    task
        Data set and modality.
    section
        ``modality``, ``ontology``, ``labels``, or empty for none.
    """
    dataset, modality = task
    parts = parts_of(modality)
    settings: dict[str, Modality | Labels] = {}
    if section == "modality" and len(parts) == 1:
        settings = {"dataset.modality": dataset.modalities[modality]}
    elif section == "modality":
        settings = {f"dataset.modality.{part}": dataset.modalities[part] for part in parts}
    elif section == "labels":
        settings = {"dataset.labels": dataset.labels}
    elif section == "ontology":
        return {f"dataset.ontology.{part}": dataset.modalities[part].ontology for part in parts}
    found: dict[str, Any] = {}
    for key, own in settings.items():
        # What features belong to is read by itself, and changes nothing of the matrix.
        read = own.model_dump(mode="json", exclude={"ontology"})
        found |= {key: read} | _code_of_format(own.file, key)
    return found


def _code_of_format(name: str, key: str) -> dict[str, str]:
    """The code that reads a file, where it is of another package; ours counts by itself."""
    from aehpo_assets.datasets.reading.formats import OF_OTHERS, format_of_others

    known = format_of_others(Path(name))
    if known is None:
        return {}
    version = version_of_modules(OF_OTHERS.module_of(known.name))
    return {f"{key}.format": f"{known.name} {version}"}
