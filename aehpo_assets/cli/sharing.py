"""Commands that write a study for others, or read what others found."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from aehpo_assets.cli.options import HomeOption, JsonOption, chosen_home, console
from aehpo_assets.cli.scripted import people, print_json, records
from aehpo_assets.foreign import escaped
from aehpo_assets.store.files import check_writable
from aehpo_assets.store.home_schema import CRATE_METADATA

sharing_app = typer.Typer()


@sharing_app.command()
def export(
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder to write; it must not be there yet.")
    ] = None,
    optuna: Annotated[
        str | None,
        typer.Option(
            "--optuna",
            metavar="URL",
            help="Storage of Optuna to write the runs into, such as sqlite:///study.db.",
        ),
    ] = None,
    home: HomeOption = None,
    with_test: Annotated[
        bool,
        typer.Option(
            "--with-test",
            help="Open the test of every sampled run, which is counted as an opening.",
        ),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a study for other tools: CSV, Syne Tune's repository, Autoencodix, Optuna."""
    from aehpo_assets.errors import InputError
    from aehpo_assets.exchange.folders import export_study
    from aehpo_assets.exchange.optuna_storage import write_optuna

    if out is None and optuna is None:
        raise InputError(
            "says nowhere to write to", key="--out", remedy="Give --out DIR, --optuna URL or both."
        )
    own = chosen_home(home, writes=with_test)
    names = [] if optuna is None else write_optuna(own, optuna)
    for name in names:
        shown = f"{escaped(optuna)}: {escaped(name)}"
        people(as_json).print(shown, soft_wrap=True, highlight=False)
    files = [] if out is None else export_study(own, out, with_test=with_test)
    for path in files:
        people(as_json).print(escaped(path), soft_wrap=True, highlight=False)
    if as_json:
        print_json({"files": files, "optuna_studies": names})


@sharing_app.command()
def report(
    out: Annotated[
        Path | None,
        typer.Option("--out", readable=False, help="Folder to write.", show_default="HOME/report"),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the page of a study: what to train, whether it holds, and what that rests on."""
    from aehpo_assets.cli.report import write_report

    own = chosen_home(home)
    folder = out or own.root / "report"
    check_writable(folder, "--out")
    page = write_report(own, folder, people(as_json))
    if as_json:
        print_json({"page": page})


@sharing_app.command()
def bundle(
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not be there yet.")],
    home: HomeOption = None,
    with_sample_ids: Annotated[
        bool,
        typer.Option("--with-sample-ids", help="Splits and latents, which name samples, too."),
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a study as an RO-Crate: report, results, records and hashes, without sample ids."""
    from aehpo_assets.exchange.bundle import write_bundle

    found = write_bundle(chosen_home(home), out, with_sample_ids=with_sample_ids)
    if as_json:
        print_json({"metadata": out / CRATE_METADATA, "files": found})
        return
    console.print(
        f"{escaped(out / CRATE_METADATA)}: {len(found)} files", soft_wrap=True, highlight=False
    )


@sharing_app.command("import")
def import_(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="Folder or zip of results.")],
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not be there yet.")],
    as_json: JsonOption = False,
) -> None:
    """Read the results of the reference study or of BBOmix, and write them as run results."""
    from aehpo_assets.exchange.folders import import_results

    found = import_results(source, out)
    if as_json:
        print_json(records(found))
        return
    table = Table("architecture", "task", "runs", "best score", "reliability of one run")
    for row in found.to_dict("records"):
        score = f"{row['best_score']:.3f}"
        known = f"{row['reliability']:.2f}" if row["noise_known"] else "not known: one seed"
        names = (escaped(row["architecture"]), escaped(row["task"]))
        table.add_row(*names, f"{row['runs']:,}", score, known)
    console.print(table)
