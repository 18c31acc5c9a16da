"""Taking a data set out of a home: what was made of it is archived, and nothing is deleted.

``HOME/archive/<name>-<time>/`` gets its artefacts as they lay in the store, and its folder if that
was the home's own. What compared tasks with it is stale from then on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from aehpo_assets.datasets.catalogue import Task, usable_tasks
from aehpo_assets.datasets.dataset import find_datasets
from aehpo_assets.defs.partitions import forget_task, known_tasks
from aehpo_assets.errors import InputError
from aehpo_assets.running.interrupted import working_alone
from aehpo_assets.store.home import Home
from aehpo_assets.store.store import Store

_MATRIX = "omics_matrix"


@dataclass(frozen=True)
class Removed:
    """What became of a data set: its tasks, how many artefacts they had, and where those lie."""

    tasks: list[str]
    artefacts: int
    archive: Path


def remove_dataset(name: str, home: Home) -> Removed:
    """Take a data set out of the study of a home.

    Parameters
    ----------
    name
        Name of the data set; its files may be gone already.
    home
        The home.

    Raises
    ------
    InputError
        If there is no such data set, the study lists its tasks, or its folder lies where the study
        would find it again; nothing has been changed then.
    HomeBusyError
        If a run is under way in the home.
    """
    study = home.study()
    available, problems = usable_tasks(home.data_roots(), study.fusion)
    if not name or Path(name).name != name:
        raise _unknown(name, available, home)
    with working_alone(home) as instance:
        tasks = _tasks_of(name, home, available, known_tasks(instance))
        own = home.data / name
        folders = {task[0].folder for task in available.values() if task[0].name == name}
        folders |= {folder for folder in problems if folder in (own.resolve(), own)}
        if not tasks and not folders:
            raise _unknown(name, available, home)
        if study.wanted_tasks != "all" and (listed := sorted(set(tasks) & set(study.wanted_tasks))):
            raise InputError(
                f"the study lists {', '.join(listed)}",
                file=home.study_file,
                key="tasks",
                remedy="Take them out of `tasks` in your study file and call `aehpo run` with it, "
                "then call this again.",
            )
        _refuse_elsewhere(folders, home)
        archive = _new_archive(home, name)
        for folder in folders:
            home.forget_data_root(folder)
        if own.is_symlink():
            own.unlink()
        elif own.exists():
            _move(own, archive / "data" / name)
        count = sum(_archive(home.store, task, archive / "store") for task in tasks)
        for task in tasks:
            forget_task(task, instance)
    return Removed(tasks, count, archive)


def _tasks_of(name: str, home: Home, available: dict[str, Task], registered: set[str]) -> list[str]:
    """Tasks that a data set makes, and those of its name that were made when its files were there.

    Raises
    ------
    InputError
        If it cannot be told whose tasks the latter are.
    """
    present = {task for task, (dataset, _) in available.items() if dataset.name == name}
    known = registered | {task for (task,) in home.store.partitions(_MATRIX)}
    gone = {t for t in known if t.startswith(f"{name}_") and t not in available}
    sources = {labels: task for task in gone if (labels := _label_file(home.store, task))}
    if len(sources) > 1:
        raise InputError(
            f"{' and '.join(sorted(sources.values()))} are of different data sets",
            file=home.root,
            remedy="Remove the data set with the longer name first.",
        )
    return sorted(present | gone)


def _label_file(store: Store, task: str) -> str | None:
    """The label table that a task was made with: all tasks of a data set share it."""
    record = store.provenance("sample_labels", (task,))
    names = record.inputs if record is not None else {}
    return next((name for name in names if name.startswith("file:")), None)


def _unknown(name: str, available: dict[str, Task], home: Home) -> InputError:
    names = {dataset.name for dataset, _ in available.values()}
    gone = {task for (task,) in home.store.partitions(_MATRIX)} - available.keys()
    known = f"Data sets: {', '.join(sorted(names)) or 'none'}."
    remedy = f"{known} Tasks without one: {', '.join(sorted(gone))}." if gone else known
    return InputError(f"knows no data set {name!r}", file=home.root, remedy=remedy)


def _refuse_elsewhere(folders: set[Path], home: Home) -> None:
    """Refuse a data set below a root that is not the home's: the study would find it again."""
    others = [root for root in home.data_roots() if root != home.data.resolve()]
    for folder in find_datasets([root for root in others if root not in folders]):
        if folder in folders:
            raise InputError(
                "lies below a data root that is not the home's, where the study would find it",
                file=folder,
                remedy=f"Move the folder out of {folder.parent}, then call this again.",
            )


def _new_archive(home: Home, name: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")
    archive = home.root / "archive" / f"{name}-{stamp}"
    archive.mkdir(parents=True)
    return archive


def _archive(store: Store, task: str, folder: Path) -> int:
    """Move every artefact of a task out of the store; returns how many there were."""
    count = 0
    for asset in sorted(path.name for path in store.root.glob("*/")):
        for partition in store.partitions(asset):
            if partition[-1:] != (task,):
                continue
            table = store.table_path(asset, partition)
            path = table if table.exists() else store.folder_path(asset, partition)
            _move(path, folder / path.relative_to(store.root))
            count += 1
    return count


def _move(path: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    path.rename(target)
