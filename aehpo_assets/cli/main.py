"""The command ``aehpo``: arguments in, messages and exit codes out.

What a command does lives elsewhere. Commands of other packages join through the entry points
``aehpo.commands``, so that nothing here imports them.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Annotated

import typer

from aehpo_assets import __version__
from aehpo_assets.cli.datasets import dataset_app
from aehpo_assets.cli.options import (
    ArchitectureOption,
    ArtefactName,
    DataOption,
    HomeOption,
    JsonOption,
    StudyFile,
    chosen_home,
    console,
    errors,
)
from aehpo_assets.cli.scripted import people, print_json
from aehpo_assets.cli.sharing import sharing_app
from aehpo_assets.cli.stoppable import STOPPED, run_stoppable
from aehpo_assets.errors import AehpoError
from aehpo_assets.foreign import escaped
from aehpo_assets.store.files import check_writable
from aehpo_assets.store.home import Home

app = typer.Typer(
    name="aehpo",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.add_typer(dataset_app, name="dataset")


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"aehpo {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version, and stop."
        ),
    ] = False,
) -> None:
    """Hyperparameter studies of autoencoders on omics data, as Dagster assets."""


@app.command()
def run(
    study: StudyFile, data: DataOption = None, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """Run a study headless: whatever is not up to date is made, in order."""
    from aehpo_assets.cli.run import run_headless
    from aehpo_assets.shipped import study_file

    file, where = study_file(study), chosen_home(home, writes=True)
    if not run_headless(file, where, data or [], people(as_json), as_json=as_json):
        raise typer.Exit(1)


@app.command()
def sample(
    study: StudyFile,
    out: Annotated[Path, typer.Option("--out", readable=False, help="Folder to write into.")],
    as_json: JsonOption = False,
) -> None:
    """Write the configurations of each architecture as DIR/<architecture>.parquet, in order."""
    from aehpo_assets.shipped import study_file
    from aehpo_assets.space import configurations_of
    from aehpo_assets.store.files import atomic_file
    from aehpo_assets.study import read_study

    check_writable(out, "--out")
    study = study_file(study)
    settings = read_study(study)
    tables = {a: configurations_of(settings, a, file=study) for a in settings.architectures}
    written = []
    for architecture, table in tables.items():
        path = out / f"{architecture}.parquet"
        with atomic_file(path) as temporary:
            table.to_parquet(temporary, index=False)
        written.append({"architecture": architecture, "file": path, "configurations": len(table)})
        people(as_json).print(f"{escaped(path)}: {len(table)} configurations", soft_wrap=True)
    if as_json:
        print_json(written)


@app.command()
def status(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show what is materialized, stale and failed, by asset and partition."""
    from aehpo_assets.cli.status import print_status

    print_status(chosen_home(home), console, as_json=as_json)


@app.command()
def results(
    tasks: Annotated[
        list[str] | None, typer.Argument(metavar="[TASK]...", help="Show all numbers of these.")
    ] = None,
    architecture: ArchitectureOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is recommended, and whether it is better: a row a task, or all of some tasks."""
    from aehpo_assets.cli.results import print_recommended, print_summary, print_task

    if as_json:
        print_recommended(chosen_home(home), tasks or [], architecture)
    elif tasks:
        print_task(chosen_home(home), tasks, architecture, console)
    else:
        print_summary(chosen_home(home), console)


@app.command()
def recommend(
    task: Annotated[str, typer.Argument(metavar="TASK", help="Name of the task.")],
    architecture: ArchitectureOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what to train on a task: every value, what it scores, and the verdict in words."""
    from aehpo_assets.cli.recommend import print_recommendations

    print_recommendations(chosen_home(home), task, architecture, console, as_json=as_json)


@app.command("next-round")
def next_round(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Let what was validated join the evidence, for the next `aehpo run` to recommend again."""
    from aehpo_assets.running.next_round import start_next_round

    taken = start_next_round(chosen_home(home, writes=True))
    if as_json:
        print_json({"taken": [("validated_recommendations", *partition) for partition in taken]})
        return
    for architecture, task in taken:
        console.print(escaped(f"taken     validated_recommendations/{architecture}/{task}"))
    console.print(
        "`aehpo run` makes surrogate, recommendations and validation again."
        if taken
        else "Earlier rounds hold all of it already; `aehpo run` finishes the present round."
    )


@app.command()
def trace(
    artefact: ArtefactName,
    home: HomeOption = None,
    full: Annotated[
        bool, typer.Option("--full", help="Settings and versions of everything in between, too.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what an artefact was made from, down to the raw files; fails if the chain is broken."""
    from aehpo_assets.cli.trace import print_trace

    if not print_trace(chosen_home(home), artefact, console, full=full, as_json=as_json):
        raise typer.Exit(1)


@app.command()
def reproduce(
    artefact: ArtefactName,
    home: HomeOption = None,
    tolerance: Annotated[
        float | None,
        typer.Option(
            help="Largest difference of two numbers, relative above 1, that is passed. "
            "Default: 1e-5; 1e-2 for what was recorded on another processor."
        ),
    ] = None,
    only: Annotated[
        bool,
        typer.Option(
            "--only",
            help="Make the artefact alone; what it was made from is verified, and taken as it is.",
        ),
    ] = False,
    certificate: Annotated[
        Path | None,
        typer.Option(help="File to write what came out into, as JSON; it must not be there yet."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make an artefact and all that it depends on again, in a clean home, and compare."""
    from aehpo_assets.cli.reproduce import run_reproduction

    where = chosen_home(home)
    if not run_reproduction(
        where,
        artefact,
        tolerance,
        people(as_json),
        only=only,
        certificate_file=certificate,
        as_json=as_json,
    ):
        raise typer.Exit(1)


@app.command()
def ui(
    home: HomeOption = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 3000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="Name by which browsers may address it, beside localhost. Repeatable."),
    ] = None,
) -> None:
    """Serve the Dagster UI and its daemon on a home, until Ctrl-C."""
    from aehpo_assets.running.ui import serve
    from aehpo_assets.running.webserver import allowed_hosts
    from aehpo_assets.shipped import WORKSPACE_FILE

    hosts = allowed_hosts(host, allow_host or [])
    where = chosen_home(home, writes=True)
    console.print(f"Dagster UI: http://{escaped(host)}:{port}  (Ctrl-C stops it)")
    serve(where, WORKSPACE_FILE, host, port, hosts)


app.registered_commands += sharing_app.registered_commands


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Explain a full disk, a place that cannot be read or written, and what a database says."""
    try:
        yield
    except (AehpoError, KeyboardInterrupt):
        raise
    except Exception as error:
        from aehpo_assets.defs.instance import explained
        from aehpo_assets.store.files import NO_ACCESS, NO_ROOM

        if isinstance(error, OSError) and error.errno in NO_ROOM:
            raise AehpoError(
                f"{error.filename or Home().root}: the disk is full. What was finished is kept; "
                "make room, then call the same command again."
            ) from error
        if isinstance(error, OSError) and error.errno in NO_ACCESS and error.filename:
            raise AehpoError(
                f"{error.filename}: cannot be read or written ({error.strerror}). Correct its "
                "permissions, or name another place; what was finished is kept."
            ) from error
        with explained(Home()):
            raise


KEPT = "What was finished is kept; the same command goes on from here."

STOPPABLE = {
    "run": "Finished artefacts, trained shards and ended searches are kept; the same command goes "
    "on from here.",
    "tune": "Finished batches are kept; the same command goes on from here.",
    "reproduce": "The home is as it was. What was made again is thrown away; the same command "
    "begins again.",
}
"""Commands that compute for hours, and what there is of them when they are stopped."""


def main() -> None:
    """Entry point: every error a person can act on becomes one line and exit code 1."""
    kept = STOPPABLE.get(next(iter(sys.argv[1:]), ""))
    code = run_stoppable(_command) if kept else _command()
    if code in STOPPED:
        # What showed bars may have been killed, and left the terminal without a cursor.
        errors.show_cursor()
        errors.print(f"Stopped. {kept or KEPT}", soft_wrap=True, highlight=False)
    sys.exit(code)


def _command() -> int:
    """Do what the command line says, and return the exit code."""
    for entry in entry_points(group="aehpo.commands"):
        app.registered_commands += entry.load().registered_commands
    try:
        with _explained():
            app()
    except AehpoError as error:
        errors.print(f"[bold red]error[/]  {escaped(error)}", soft_wrap=True, highlight=False)
        return 1
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    return 0


if __name__ == "__main__":
    main()
