"""Data sets that land below the data roots: noticing them, and adding one to a home.

What a data set must be is known to ``omics``; who acts on one that has landed is the sensor or the
command line.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aehpo_assets.datasets.catalogue import Task, usable_tasks
from aehpo_assets.datasets.dataset import find_datasets, read_dataset, task_name
from aehpo_assets.datasets.joint import Fusions
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.store.files import atomic_folder
from aehpo_assets.store.hashes import folder_hash, settings_hash
from aehpo_assets.store.home import Home
from aehpo_assets.study.data import Split

SETTLED_SECONDS = 5.0
"""A data set is looked at when none of its files changed for so long: it may be copied still."""


@dataclass(frozen=True)
class Landed:
    """A data set that is new or changed.

    Attributes
    ----------
    folder
        Its folder.
    signature
        What its files were when it was looked at.
    tasks
        Its tasks by name; empty if it is broken.
    problem
        What is wrong with it.
    """

    folder: Path
    signature: str
    tasks: dict[str, Task] = field(default_factory=dict)
    problem: InputError | None = None


def landed(
    roots: Sequence[Path],
    seen: Mapping[str, str],
    split: Split | None = None,
    fusion: Fusions = (),
) -> Iterator[Landed]:
    """Yield the data sets that are new or changed, validated with their content.

    Parameters
    ----------
    roots
        The data roots.
    seen
        Folder to the signature of data sets that were looked at before.
    split
        How the study splits them; every task must get samples in every part.
    fusion
        What the study joins.
    """
    tasks, problems = usable_tasks(roots, fusion)
    for folder in find_datasets(roots):
        signature, settled = _signature(folder)
        if seen.get(str(folder)) == signature or not settled:
            continue
        own = {name: task for name, task in tasks.items() if task[0].folder == folder}
        modalities = [modality for _, modality in own.values()]
        problem = problems.get(folder) or _first_problem(folder, split, modalities)
        yield Landed(folder, signature, {} if problem else own, problem)


def _first_problem(
    folder: Path, split: Split | None, modalities: Collection[str]
) -> InputError | None:
    """What is wrong with a data set; whatever reading it does, the others are looked at too."""
    try:
        return next(iter(validate_dataset(folder, split, modalities)), None)
    except Exception as error:
        return InputError(
            f"reading it fails ({type(error).__name__}: {error})",
            file=folder,
            remedy="Correct its files; `aehpo dataset check` tries them again.",
        )


def _signature(folder: Path) -> tuple[str, bool]:
    """Size and time of change of every file, cheap to ask for; and whether they have settled."""
    try:
        stats = {
            str(path.relative_to(folder)): path.stat()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
    except FileNotFoundError:
        return "", False
    except OSError as error:
        return settings_hash({"": str(error)}), True
    newest = max((stat.st_ctime for stat in stats.values()), default=time.time())
    signature = settings_hash({name: [s.st_size, s.st_ctime_ns] for name, s in stats.items()})
    return signature, not 0 <= time.time() - newest < SETTLED_SECONDS


def add_dataset(folder: Path, home: Home, *, link: bool = False, replace: bool = False) -> Path:
    """Put a valid data set into the data root of a home, whole or not at all.

    Parameters
    ----------
    folder
        Folder with a ``dataset.yaml``.
    home
        The home.
    link
        Link to the folder instead of copying its files.
    replace
        Take the place of the data set of the same name that is there.

    Returns
    -------
    Path
        Where it lies now: ``HOME/data/<name>``.

    Raises
    ------
    InputError
        If the data set is broken, one of the same name is there, or another data set makes a task
        of the same name. Nothing has been written then.
    """
    problems = validate_dataset(folder)
    if problems:
        raise problems[0]
    dataset = read_dataset(folder)
    target = home.data / dataset.name
    if target.exists() and not replace:
        same = folder_hash(target) == folder_hash(folder)
        raise InputError(
            f"{target} is there already, {'with the same' if same else 'with other'} content",
            file=dataset.file,
            key="name",
            remedy="Nothing is to be done." if same else "Give --replace to take its place.",
        )
    others = [root for root in home.data_roots() if root != home.data.resolve()]
    siblings = [sibling for sibling in find_datasets([home.data]) if sibling != target.resolve()]
    taken, _ = usable_tasks([*others, *siblings])
    for modality in dataset.modalities:
        task = task_name(dataset, modality)
        if task in taken and taken[task][0].folder.resolve() != folder.resolve():
            raise InputError(
                f"makes the task {task}, as {taken[task][0].folder} does",
                file=dataset.file,
                key="name",
                remedy="Rename one of the two data sets.",
            )
    if link:
        _link(folder.resolve(), target)
    else:
        if target.is_symlink():
            target.unlink()
        with atomic_folder(target) as temporary:
            _copy(folder, temporary)
    return target


def _copy(folder: Path, target: Path) -> None:
    """Copy the files of a data set; hidden ones, and links that leave the folder, stay behind."""
    inside = folder.resolve()
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in name.parts)
        if path.is_file() and not hidden and path.resolve().is_relative_to(inside):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / name)


def _link(folder: Path, target: Path) -> None:
    """Make ``target`` a link to a folder, in one step."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_dir() and not target.is_symlink():
        raise InputError(
            "is a folder of its own",
            file=target,
            remedy="Remove it first, or copy instead of linking.",
        )
    temporary = target.with_name(f".{target.name}.link")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(folder, target_is_directory=True)
    temporary.replace(target)
