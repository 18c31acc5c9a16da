"""A headless run as a person sees it: a bar, a line for each artefact, and what came out.

Deciding and doing belong to ``runner``; this only prints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from aehpo_assets.analysis.report import recommendation_report
from aehpo_assets.catalogue import Task, available_tasks
from aehpo_assets.home import Home
from aehpo_assets.instance import open_instance
from aehpo_assets.preflight import check_datasets, check_study
from aehpo_assets.progress import Step, listening
from aehpo_assets.runner import (
    Outcome,
    StudyRun,
    Work,
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
    tasks = study_tasks(study, available_tasks([*home.data_roots(), *data]), file)
    check_study(study, file)
    with home.locked():
        check_datasets(tasks, home.store, study.split)
        home.record_data_roots(data)
        clear_killed_runs(open_instance(home), home)
        instance = prepare(study, home, tasks, file=file)
        study_run = StudyRun(home, instance, tasks)
        total = sum(1 for _ in study_run.works())
        console.print(
            f"Study [bold]{study.name}[/]: {len(tasks)} tasks, {len(study.architectures)} "
            f"architectures, {study.configurations.trained} configurations each. Home: {home.root}"
        )
        outcomes = _run_with_bar(study_run, total, console)
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


def _run_with_bar(study_run: StudyRun, total: int, console: Console) -> list[Outcome]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[remark]}"),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        whole = progress.add_task("study", total=total, remark="")
        present: list[TaskID] = []

        def on_start(work: Work) -> None:
            present.append(progress.add_task(escape(work.name), total=None, remark=work.reason))

        def on_step(step: Step) -> None:
            if present:
                progress.update(
                    present[-1], completed=step.done, total=step.total, remark=step.remark
                )

        def on_end(outcome: Outcome) -> None:
            progress.remove_task(present.pop())
            mark = "[green]made[/]  " if outcome.error is None else "[red]failed[/]"
            name = escape(outcome.work.name)
            console.print(f"{mark} {name:58s} {outcome.seconds:7.1f} s", highlight=False)
            if outcome.error is not None:
                console.print(f"       {escape(outcome.error)}", highlight=False, soft_wrap=True)
            for warning in outcome.warnings:
                console.print(f"  [yellow]warns[/] {escape(warning)}", highlight=False)

        def on_done(count: int) -> None:
            progress.update(whole, completed=count)

        with listening(on_step):
            return study_run.run(on_start=on_start, on_end=on_end, on_done=on_done)


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
