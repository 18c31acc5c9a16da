"""Commands of ``aehpo`` that need the training engine; they join through ``aehpo.commands``.

Heavy imports happen inside the commands, so that ``aehpo --help`` stays quick.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from aehpo_assets.cli.options import DataOption, HomeOption, JsonOption, StudyFile, console
from aehpo_assets.cli.scripted import people, print_json

app = typer.Typer()


@app.command()
def plan(
    study: StudyFile,
    data: DataOption = None,
    home: HomeOption = None,
    detect: Annotated[
        float | None,
        typer.Option(
            "--detect",
            metavar="GAIN",
            help="Also say how many replicates decide a gain of this size, such as 0.02.",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show what a study would cost on this machine, before anything starts."""
    from aehpo_assets.cli.run import print_left_out, unusable
    from aehpo_assets.datasets.catalogue import dataset_names, usable_tasks
    from aehpo_assets.datasets.split import check_split_columns
    from aehpo_assets.errors import InputError
    from aehpo_assets.running.preflight import check_datasets, check_study, check_tasks
    from aehpo_assets.running.runner import study_tasks
    from aehpo_assets.shipped import study_file
    from aehpo_assets.store.home import Home
    from aehpo_assets.study import read_study
    from aehpo_gpu.cli.estimate import detection_table, estimate_facts, estimate_table
    from aehpo_gpu.runs.detection import detections
    from aehpo_gpu.runs.estimate import estimate_study

    if detect is not None and not 0 < detect < 1:
        raise InputError(
            f"{detect:g} is no gain of a score", key="--detect", remedy="Give one such as 0.02."
        )
    study = study_file(study)
    settings = read_study(study)
    where = Home(home)
    where.check_data_roots(data or [])
    available, problems = usable_tasks([*where.data_roots(), *(data or [])], settings.fusion)
    tasks = study_tasks(settings, available, study, problems)
    check_study(settings, study, tasks)
    check_tasks(settings, tasks, study)
    check_split_columns(settings.split, dataset_names(available), study)
    check_datasets(tasks, where.store, settings, study)
    estimate = estimate_study(settings, tasks, where)
    found = [] if detect is None else detections(settings, estimate.tasks, where, detect)
    if as_json:
        print_json(estimate_facts(estimate, found))
        return
    console.print(estimate_table(estimate))
    if detect is not None:
        console.print(detection_table(found, detect))
    print_left_out(unusable(settings, problems), console)


@app.command()
def tune(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    architecture: Annotated[str, typer.Argument(help="Name of the architecture.")],
    searcher: Annotated[str | None, typer.Option(help="Name of the searcher.")] = None,
    runs: Annotated[int | None, typer.Option(help="Most trainings.")] = None,
    seconds: Annotated[
        float | None, typer.Option(help="Training seconds after which no batch starts.")
    ] = None,
    batch: Annotated[int | None, typer.Option(help="Configurations trained together.")] = None,
    replicates: Annotated[
        int | None, typer.Option(help="Replicates of the study that each is trained in.")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(show_default="hpo.seed of the study", help="Seed of the searcher.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a searcher tune on real trainings, and compare it with the study at equal time.

    Called again, it goes on. What is not given is read from the section live of the study.
    """
    from pydantic import ValidationError

    from aehpo_assets.errors import InputError
    from aehpo_assets.settings import settings_error
    from aehpo_assets.store.home import Home
    from aehpo_assets.study.searches import Live
    from aehpo_gpu.cli.tuning import run_tuning

    where = Home(home)
    study = where.study()
    where.check_writable()
    given = {"runs": runs, "seconds": seconds, "batch": batch, "replicates": replicates}
    settings = (study.live or Live()).model_dump()
    settings |= {name: value for name, value in given.items() if value is not None}
    settings["searchers"] = [searcher] if searcher is not None else settings["searchers"][:1]
    try:
        live = Live.model_validate(settings)
    except ValidationError as error:
        # What the study gives was found good when it was read: an option is to blame.
        wrong = settings_error(error, where.study_file, Live)
        raise InputError(wrong.problem, key=f"--{wrong.key}", remedy=wrong.remedy) from None
    seed = study.hpo.seed if seed is None else seed
    found = run_tuning(where, task, architecture, live, seed, people(as_json))
    if as_json:
        print_json(found)


@app.command("export-model")
def export_model(
    task: Annotated[str, typer.Argument(help="Name of the task.")],
    architecture: Annotated[str, typer.Argument(help="Name of the architecture.")],
    config_id: Annotated[str, typer.Argument(help="Id of the configuration.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write into.")],
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of the run.")] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train one run again and write it as a plain PyTorch model with its preprocessing."""
    from aehpo_assets.foreign import escaped
    from aehpo_assets.store.files import check_writable
    from aehpo_assets.store.home import Home
    from aehpo_gpu.export.stored_run import export_stored_run

    check_writable(out, "--out")
    export_stored_run(Home(home), task, architecture, config_id, seed, out)
    files = ("model.pt", "config.json", "preprocessing.json")
    if as_json:
        print_json({"folder": out, "files": files})
        return
    console.print(f"{escaped(out)}: {', '.join(files)}")
