"""What can be known to be wrong before a study starts, and is therefore refused before a write.

Each rule lives with what it is about (spaces, searchers, data sets); here they are only asked
one after another, those of other packages by the entry points ``aehpo.preflight``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from importlib.metadata import entry_points
from itertools import product
from pathlib import Path

from aehpo_assets.datasets.catalogue import Task, dataset_names
from aehpo_assets.datasets.class_label import KEY, check_class_label
from aehpo_assets.datasets.joint_names import parts_of
from aehpo_assets.datasets.reading.formats import refuse_too_large
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan
from aehpo_assets.hpo.search.live import check_live_searchers
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS, check_searchers, make_scheduler
from aehpo_assets.hpo.transfer.leave_one_out import TransferPlan
from aehpo_assets.space import (
    ARCHITECTURE_SPACES,
    configurations_of,
    refuse_unread,
    search_space,
)
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.store import Store
from aehpo_assets.study import Study


def check_study(study: Study, file: Path, tasks: Collection[str]) -> None:
    """Refuse a study whose spaces, searchers or configurations cannot work.

    Parameters
    ----------
    study
        The study.
    file
        Where it stands, for the messages.
    tasks
        The tasks that it has at present.

    Raises
    ------
    InputError
        At the first mistake; the message names file, key and remedy.
    """
    for architecture in study.architectures:
        configurations_of(study, architecture, file=file)
    refuse_unread(study.architectures, study.space, file=file)
    for point in entry_points(group="aehpo.preflight"):
        point.load()(study, file)
    check_searchers(study.hpo.searchers, file)
    _check_searcher_settings(study, file)
    if study.benchmark is not None:
        before_the_end = any(fidelity < study.length for fidelity in study.fidelities)
        compared = BenchmarkPlan(tuple(study.benchmark.searchers), objective=study.hpo.objective)
        compared.check(
            tasks=len(tasks), curves=study.score_fidelities and before_the_end, file=file
        )
    if study.transfer_benchmark is not None:
        plan = TransferPlan.of(study.transfer_benchmark, study.hpo)
        plan.check(tasks=len(tasks), file=file)
    _check_grids(study, file)
    if study.live is not None:
        check_live_searchers(study.live.searchers, study.fidelities, study.length, file)


def _check_grids(study: Study, file: Path) -> None:
    """Refuse a grid search where a hyperparameter has no list of values."""
    parts = {
        "hpo.searchers": study.hpo,
        "benchmark.searchers": study.benchmark,
        "live.searchers": study.live,
        "transfer_benchmark.searchers": study.transfer_benchmark,
    }
    for key, section in parts.items():
        if section is None or "grid" not in section.searchers:
            continue
        for architecture in study.architectures:
            space = search_space(architecture, study.space)
            try:
                make_scheduler("grid", Problem(space, seed=0, trials=1))
            except InputError as error:
                problem = f"names grid, which needs lists of values: {error.problem}"
                raise InputError(problem, file=file, key=key, remedy=error.remedy) from None


def _check_searcher_settings(study: Study, file: Path) -> None:
    """Make every searcher that has settings once; one that learns from other tasks has no tasks."""
    settings = study.hpo.searcher_settings
    check_searchers(settings, file, lambda searcher: not searcher.box, "hpo.searcher_settings")
    space = search_space(study.architectures[0], study.space)
    for name in settings:
        if SEARCHERS[name].learns_from_others:
            continue
        problem = Problem(
            space,
            seed=0,
            trials=study.hpo.trials,
            objectives=SEARCHERS[name].objectives,
            fidelities=tuple(study.rungs),
            settings=settings[name],
        )
        try:
            make_scheduler(name, problem)
        except InputError as error:
            raise InputError(error.problem, file=file, key=error.key, remedy=error.remedy) from None


def _check_memory(tasks: Iterable[Task]) -> None:
    """Refuse matrices that do not fit into the free memory, before any of them is read.

    Raises
    ------
    InputError
        At the first that does not.
    """
    for dataset, modality in tasks:
        for part in parts_of(modality):
            feature_type = dataset.modalities[part].feature_type
            refuse_too_large(dataset.modality_path(part), part, feature_type)


def check_tasks(study: Study, tasks: dict[str, Task], file: Path) -> None:
    """Refuse an architecture that needs what a task of the study does not have.

    Raises
    ------
    InputError
        At the first: a task of one modality for an architecture of joint ones, one whose data set
        names no ontology for an architecture that needs it, or one that the label of a class loss
        is nothing for.
    """
    spaces = [ARCHITECTURE_SPACES[name] for name in study.architectures]
    for space, (task, (dataset, modality)) in product(spaces, tasks.items()):
        parts = parts_of(modality)
        if space.joint and len(parts) == 1:
            raise InputError(
                f"{space.name} translates between modalities, and the task {task} has one",
                file=file,
                key="architectures",
                remedy="Let the study have joint tasks alone (fusion, and tasks: []), or take "
                f"{space.name} out of it.",
            )
        without = [part for part in parts if dataset.modalities[part].ontology is None]
        if space.ontology and without:
            raise InputError(
                f"{space.name} needs an ontology, and the modality {without[0]} of {task} has none",
                file=file,
                key="architectures",
                remedy=f"Name one in {dataset.file} (modalities.{without[0]}.ontology), or take "
                f"the task or {space.name} out of the study.",
            )
    _check_class_loss(study, tasks, file)


def _check_class_loss(study: Study, tasks: dict[str, Task], file: Path) -> None:
    asked = study.class_loss
    if asked is None:
        return
    known = dataset_names(tasks)
    for name in asked.label if isinstance(asked.label, dict) else ():
        if name not in known:
            raise InputError(
                f"no task of the study is of the data set {name!r}",
                file=file,
                key=KEY,
                remedy=f"Data sets of the study: {', '.join(known)}.",
            )
    for dataset, modality in tasks.values():
        try:
            check_class_label(dataset, modality, asked)
        except InputError as error:
            if error.key != KEY:
                raise
            raise InputError(error.problem, file=file, key=KEY, remedy=error.remedy) from None


def check_datasets(
    tasks: dict[str, Task], store: Store, study: Study | None = None, file: Path | None = None
) -> None:
    """Validate, content included, every task that is not in the store as it is.

    What is wrong with a modality that no task of the study needs does not stop the study. With the
    ``study`` of a ``file``, every task must get samples in every part of its split, and of every
    class in the parts that ``train_sizes`` asks for.

    Raises
    ------
    InputError
        At the first mistake found in any of them.
    """
    unknown: dict[Path, list[str]] = {}
    for task, (dataset, modality) in tasks.items():
        provenance = store.provenance("omics_matrix", (task,))
        recorded = provenance.inputs if provenance else {}
        paths = dataset.modality_paths(modality)
        if any(recorded.get(store.file_name(path)) != file_hash(path) for path in paths):
            unknown.setdefault(dataset.folder, []).append(modality)
    _check_memory([t for t in tasks.values() if t[1] in unknown.get(t[0].folder, ())])
    for folder, modalities in unknown.items():
        if study is None:
            problems = validate_dataset(folder, None, modalities)
        else:
            problems = validate_dataset(folder, study.split, modalities, study.train_sizes)
        for found in problems:
            if found.file is None:
                raise InputError(found.problem, file=file, key=found.key, remedy=found.remedy)
            raise found
