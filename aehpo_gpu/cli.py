"""Commands of ``aehpo`` that need the training engine; they join through ``aehpo.commands``.

Heavy imports happen inside the commands, so that ``aehpo --help`` stays quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

app = typer.Typer()
console = Console()


@app.command()
def plan(
    study: Annotated[Path, typer.Argument(metavar="STUDY.yaml", help="The study file.")],
    data: Annotated[
        list[Path] | None,
        typer.Option("--data", help="Folder of data sets, or one data set. May be repeated."),
    ] = None,
    home: Annotated[
        Path | None, typer.Option("--home", help="Home of the study.  [default: .aehpo]")
    ] = None,
) -> None:
    """Show what a study would cost on this machine, before anything starts."""
    from aehpo_assets.catalogue import available_tasks
    from aehpo_assets.home import Home
    from aehpo_assets.preflight import check_study
    from aehpo_assets.runner import study_tasks
    from aehpo_assets.study import read_study
    from aehpo_gpu.estimate import estimate_study, estimate_table

    settings = read_study(study)
    where = Home(home)
    where.check_data_roots(data or [])
    tasks = study_tasks(settings, available_tasks([*where.data_roots(), *(data or [])]), study)
    check_study(settings, study)
    console.print(estimate_table(estimate_study(settings, tasks, where)))
