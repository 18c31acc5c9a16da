"""A headless run as a person sees it: a bar, a line for each artefact, and what came out.

Deciding and doing belong to ``running.runner``; this only prints.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from aehpo_assets.cli.bars import run_progress
from aehpo_assets.cli.results import print_summary
from aehpo_assets.cli.scripted import print_json
from aehpo_assets.datasets.catalogue import dataset_names, usable_tasks
from aehpo_assets.datasets.split import check_split_columns
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.study_artefacts import StudyArtefacts
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import escaped
from aehpo_assets.running.interrupted import clear_killed_runs
from aehpo_assets.running.preflight import check_datasets, check_study, check_tasks
from aehpo_assets.running.runner import (
    Outcome,
    StudyRun,
    Work,
    prepare,
    study_tasks,
)
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study, passed_over, read_study


def run_headless(
    file: Path, home: Home, data: Sequence[Path], console: Console, *, as_json: bool = False
) -> bool:
    """Run a study on its home and print how it goes.

    Parameters
    ----------
    file
        The study file.
    home
        The home; the study is adopted there.
    data
        Data roots beside those that the home knows.
    console
        Where to print for people.
    as_json
        Whether to print a document beside it: ``study``, ``home``, ``made`` and ``failed``
        (``assets, partition, why, seconds, warnings, error``), ``up_to_date`` and ``left_out``
        (numbers; what is left out hangs on a failure), ``gone`` (tasks whose data set is gone) and
        ``unusable_datasets`` (what is wrong with which).

    Returns
    -------
    bool
        Whether every asset of the study is materialized, no blocking check failed, and no data set
        was left out.

    Raises
    ------
    AehpoError
        If something is wrong with the study, or with the content of one of its data sets; nothing
        has been written then.
    """
    study = read_study(file)
    home.check_adoptable(study, file)
    home.check_data_roots(data)
    available, problems = usable_tasks([*home.data_roots(), *data], study.fusion)
    if asked_for := [problems[folder.resolve()] for folder in data if folder.resolve() in problems]:
        raise asked_for[0]
    tasks = study_tasks(study, available, file, problems)
    check_study(study, file, tasks)
    check_tasks(study, tasks, file)
    check_split_columns(study.split, dataset_names(available), file)
    with home.locked():
        check_datasets(tasks, home.store, study, file)
        home.record_data_roots(data)
        clear_killed_runs(open_instance(home), home)
        instance = prepare(study, home, tasks, file=file)
        study_run = StudyRun(home, instance, tasks)
        if told := study_run.tell_instance():
            console.print(f"{told} artefacts that the history of runs had lost are in it again.")
        for sentence in passed_over(file):
            console.print(f"[yellow]{escaped(file.name)}[/] {escaped(sentence)}", soft_wrap=True)
        print_kept(study_run.artefacts, console)
        total = sum(1 for _ in study_run.works())
        console.print(
            f"Study [bold]{study.name}[/]: {len(tasks)} tasks, {len(study.architectures)} "
            f"architectures, {study.configurations.trained} configurations each. "
            f"Home: {escaped(home.root)}"
        )
        hanging: list[Work] = []
        with run_progress("study", total, console) as shown:
            outcomes = study_run.run(
                on_start=shown.on_start,
                on_end=shown.on_end,
                on_left_out=hanging.append,
                on_done=shown.on_done,
            )
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    missed = unusable(study, problems)
    others = {"up_to_date": total - len(outcomes) - len(hanging), "left_out": len(hanging)}
    _print_outcomes(outcomes, others, console)
    if as_json:
        facts = {"gone": study_run.artefacts.gone, "unusable_datasets": missed}
        print_json({"study": study.name, "home": home.root} | _facts(outcomes) | others | facts)
    elif not failed:
        print_summary(home, console)
    print_left_out(missed, console)
    return not missed and not failed


def unusable(study: Study, problems: Mapping[Path, InputError]) -> dict[Path, str]:
    """Return the data sets that a study of all is without, and what is wrong with each.

    Parameters
    ----------
    study
        The study.
    problems
        Folder of each data set that cannot be used, and what is wrong with it.
    """
    whole = study.wanted_tasks == "all"
    return {folder: str(problem) for folder, problem in problems.items() if whole}


def print_left_out(left_out: Mapping[Path, str], console: Console) -> None:
    """Print which data sets a study is without; ``left_out`` is what :func:`unusable` returns."""
    for problem in left_out.values():
        line = f"[yellow]left out[/] {escaped(problem)}"
        console.print(line, highlight=False, soft_wrap=True)


def print_kept(artefacts: StudyArtefacts, console: Console) -> None:
    """Print the tasks whose data sets are gone."""
    for task in artefacts.gone:
        console.print(
            f"[yellow]kept[/] {escaped(task)}: its data set is gone, and what was made of it is "
            "kept. `aehpo dataset remove NAME` takes a data set out of the study.",
            highlight=False,
            soft_wrap=True,
        )


def _print_outcomes(
    outcomes: Sequence[Outcome], others: Mapping[str, int], console: Console
) -> None:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    made = len(outcomes) - len(failed)
    hanging = f", {others['left_out']} left out that hang on it" if failed else ""
    console.print(f"{made} made, {others['up_to_date']} up to date, {len(failed)} failed{hanging}.")
    for outcome in failed:
        console.print(
            f"[bold red]failed[/] {escaped(outcome.work.name)}: {escaped(outcome.error or '')}",
            highlight=False,
            soft_wrap=True,
        )


def _facts(outcomes: Sequence[Outcome]) -> dict[str, list[dict[str, Any]]]:
    """What was made and what failed, for a script."""
    facts: dict[str, list[dict[str, Any]]] = {"made": [], "failed": []}
    for outcome in outcomes:
        facts["made" if outcome.error is None else "failed"].append(
            {
                "assets": outcome.work.assets,
                "partition": outcome.work.partition,
                "why": outcome.work.reason,
                "seconds": round(outcome.seconds, 3),
                "warnings": outcome.warnings,
                "error": outcome.error,
            }
        )
    return facts
