"""The commands ``aehpo dataset``: what is done with data sets beside a study."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Column, Table

from aehpo_assets.cli.options import HomeOption, JsonOption, chosen_home, console, errors
from aehpo_assets.cli.scripted import people, print_json
from aehpo_assets.foreign import escaped
from aehpo_assets.store.files import check_writable

dataset_app = typer.Typer(help="Look after data sets.", no_args_is_help=True)


@dataset_app.command("check")
def dataset_check(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with a dataset.yaml.")],
    as_json: JsonOption = False,
) -> None:
    """Say what is read of a data set, and what is wrong with it, without writing anything.

    Every check of a run is made, with the default split and preprocessing.
    """
    from aehpo_assets.quality.dataset import examine_dataset

    found = examine_dataset(folder)
    if as_json:
        print_json(found.facts())
        raise typer.Exit(1 if found.wrong else 0)
    typer.echo(found.page())
    for text in found.warnings:
        console.print(f"[yellow]warning[/]  {escaped(text)}", soft_wrap=True, highlight=False)
    for text in found.wrong:
        errors.print(f"[red]wrong[/]  {escaped(text)}", soft_wrap=True, highlight=False)
    if found.wrong:
        raise typer.Exit(1)
    console.print(
        f"Nothing is wrong; {len(found.warnings)} warnings." * bool(found.warnings)
        or "Nothing is wrong."
    )


@dataset_app.command("add")
def dataset_add(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder with a dataset.yaml.")],
    home: HomeOption = None,
    link: Annotated[bool, typer.Option("--link", help="Link to DIR instead of copying.")] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="Take the place of the data set of that name.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Validate a data set and add it to a home, whose study then extends itself to it."""
    from aehpo_assets.datasets.landing import add_dataset
    from aehpo_assets.running.register import register_tasks

    where = chosen_home(home, writes=True)
    target = add_dataset(folder, where, link=link, replace=replace)
    people(as_json).print(f"data set  {escaped(target)}", soft_wrap=True)
    tasks, note = register_tasks(target, where)
    if as_json:
        print_json({"folder": target, "tasks": tasks, "note": note})
        return
    for task in tasks:
        console.print(f"task      {escaped(task)}")
    console.print(escaped(note))


@dataset_app.command("remove")
def dataset_remove(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the data set.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a data set out of a home and its study; what was made of it is archived."""
    from aehpo_assets.running.removal import remove_dataset

    removed = remove_dataset(name, chosen_home(home, writes=True))
    if as_json:
        print_json(asdict(removed))
        return
    for task in removed.tasks:
        console.print(f"task      {escaped(task)}")
    where = f"archived  {removed.artefacts} artefacts: {escaped(removed.archive)}"
    console.print(where, soft_wrap=True, highlight=False)
    console.print("`aehpo run` builds what compares tasks again, without them.")


@dataset_app.command("demo")
def dataset_demo(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to write into.")],
    and_gate: Annotated[
        bool, typer.Option("--and-gate", help="The table of an AND gate instead.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the demo's data sets: a simulated cohort, and scanpy's own single cells."""
    from aehpo_assets.datasets.logic import write_and_gate
    from aehpo_assets.datasets.simulate import write_demo_data

    check_writable(folder, "DIR")
    written = [write_and_gate(folder)] if and_gate else write_demo_data(folder)
    if as_json:
        print_json([{"folder": one} for one in written])
        return
    for one in written:
        console.print(f"data set  {escaped(one)}", soft_wrap=True)


@dataset_app.command("sources")
def dataset_sources(as_json: JsonOption = False) -> None:
    """List the published data sets that can be fetched by name."""
    from aehpo_assets.datasets.sources import SOURCES

    if as_json:
        named = [{"name": s.name, "title": s.title, "origin": s.origin} for s in SOURCES.values()]
        print_json(named)
        return
    table = Table("name", "title", Column("origin", overflow="fold"))
    for source in SOURCES.values():
        table.add_row(source.name, source.title, source.origin)
    console.print(table)


@dataset_app.command("fetch")
def dataset_fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="One of aehpo dataset sources.")],
    out: Annotated[
        Path | None, typer.Option("--out", show_default="NAME", help="Folder to write into.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Download a published data set; called again, it goes on where it was broken off."""
    from aehpo_assets.cli.fetch import fetch_source
    from aehpo_assets.datasets.sources import find_source

    source = find_source(name)
    check_writable(out or Path(name), "--out")
    files = fetch_source(source, out or Path(name), people(as_json))
    if as_json:
        print_json({"name": name, "files": files})
