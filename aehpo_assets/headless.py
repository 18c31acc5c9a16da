"""A headless run as a person sees it: a bar, a line for each artefact, and what came out.

Deciding and doing belong to ``runner``; this only prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from aehpo_assets.analysis.report import recommendation_report
from aehpo_assets.catalogue import Task, available_tasks, dataset_names
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.home import Home
from aehpo_assets.omics.split import check_split_columns
from aehpo_assets.preflight import check_datasets, check_study
from aehpo_assets.run_progress import run_progress
from aehpo_assets.runner import (
    Outcome,
    StudyRun,
    clear_killed_runs,
    prepare,
    study_tasks,
)
from aehpo_assets.study import Study, read_study


def run_headless(file: Path, home: Home, data: Sequence[Path], console: Console) -> bool:
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
        Where to print.

    Returns
    -------
    bool
        Whether every asset of the study is materialized and no blocking check failed.

    Raises
    ------
    AehpoError
        If something is wrong with the study or a data set; nothing has been written then.
    """
    study = read_study(file)
    home.check_adoptable(study, file)
    home.check_data_roots(data)
    available = available_tasks([*home.data_roots(), *data])
    tasks = study_tasks(study, available, file)
    check_study(study, file, tasks)
    check_split_columns(study.split, dataset_names(available), file)
    with home.locked():
        check_datasets(tasks, home.store, study.split)
        home.record_data_roots(data)
        clear_killed_runs(open_instance(home), home)
        instance = prepare(study, home, tasks, file=file)
        study_run = StudyRun(home, instance, tasks)
        if told := study_run.tell_instance():
            console.print(f"{told} artefacts that the history of runs had lost are in it again.")
        total = sum(1 for _ in study_run.works())
        console.print(
            f"Study [bold]{study.name}[/]: {len(tasks)} tasks, {len(study.architectures)} "
            f"architectures, {study.configurations.trained} configurations each. Home: {home.root}"
        )
        with run_progress("study", total, console) as shown:
            outcomes = study_run.run(
                on_start=shown.on_start, on_end=shown.on_end, on_done=shown.on_done
            )
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    _print_outcomes(outcomes, total, console)
    if not failed:
        _print_recommendations(study, home, tasks, console)
    return not failed


def print_status(home: Home, console: Console) -> None:
    """Print the state of every artefact: up to date, stale and why, missing, failed."""
    study = home.study()
    tasks = study_tasks(study, available_tasks(home.data_roots()), home.study_file)
    instance = prepare(study, home, tasks, file=home.study_file)
    study_run = StudyRun(home, instance, tasks)
    table = Table("asset", "partition", "state", "why", title=f"Study {study.name}")
    counts: Counter[str] = Counter()
    for assets, partition in study_run.works():
        for asset in assets:
            state, why = study_run.state(asset, partition)
            counts[state] += 1
            table.add_row(asset, " | ".join(partition), f"[{_COLOURS[state]}]{state}[/]", why)
    console.print(table)
    console.print(", ".join(f"{number} {state}" for state, number in counts.items()))


_COLOURS = {"up to date": "green", "stale": "yellow", "missing": "cyan", "failed": "red"}


def _print_outcomes(outcomes: Sequence[Outcome], total: int, console: Console) -> None:
    failed = [outcome for outcome in outcomes if outcome.error is not None]
    made = len(outcomes) - len(failed)
    console.print(
        f"{made} made, {total - len(outcomes)} "
        f"{'up to date' if not failed else 'up to date or left out'}, {len(failed)} failed."
    )
    for outcome in failed:
        console.print(
            f"[bold red]failed[/] {escape(outcome.work.name)}: {escape(outcome.error or '')}",
            highlight=False,
            soft_wrap=True,
        )


def _print_recommendations(
    study: Study, home: Home, tasks: dict[str, Task], console: Console
) -> None:
    for architecture in study.architectures:
        for task in tasks:
            partition = (architecture, task)
            console.print(
                recommendation_report(
                    home.store.read_table("validated_recommendations", partition),
                    home.store.read_table("baseline_performance", (task,)),
                )
            )
