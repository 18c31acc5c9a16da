"""What commands share: their options, where they print, and the home they work on."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, TextIO

import typer
from rich.console import Console

from aehpo_assets.foreign import escaped
from aehpo_assets.store.files import check_writable
from aehpo_assets.store.home import Home, home_folder
from aehpo_assets.store.home_schema import migrate

StudyFile = Annotated[
    Path,
    typer.Argument(metavar="STUDY.yaml", help="The study file, or one of aehpo, such as demo."),
]
HomeOption = Annotated[
    Path | None,
    # Whether it can be read and written is told with the remedy, by whoever does it.
    typer.Option(
        "--home",
        readable=False,
        show_default="AEHPO_HOME, or .aehpo",
        help="Folder of everything this study writes.",
    ),
]
DataOption = Annotated[
    list[Path] | None,
    typer.Option("--data", help="Folder of data sets, or one data set. May be repeated."),
]
ArchitectureOption = Annotated[
    str | None, typer.Option("--architecture", help="Show this one of the study's only.")
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the same as JSON; what people read goes to stderr.")
]
ArtefactName = Annotated[
    str,
    typer.Argument(
        metavar="ARTEFACT",
        help="Such as recommendations/varix/tcga_rna, or one run: run_results/varix/tcga_rna/17.",
    ),
]

_PIPED = 120
"""Width where the output goes to a file or another command, and nobody has set ``COLUMNS``."""


def _width(stream: TextIO) -> int | None:
    return None if stream.isatty() or "COLUMNS" in os.environ else _PIPED


console = Console(width=_width(sys.stdout))
errors = Console(stderr=True, width=_width(sys.stderr))


def chosen_home(folder: Path | None, *, writes: bool = False) -> Home:
    """Return the home, and make it the one that the code locations read.

    A command that ``writes`` into it brings an older home up to date first.

    Raises
    ------
    InputError
        If the command ``writes`` into it, and cannot, or the home is of another version.
    """
    if writes:
        root = home_folder(folder)
        check_writable(root, "--home")
        migrate(root, lambda line: errors.print(escaped(line), soft_wrap=True, highlight=False))
    home = Home(folder)
    if writes:
        home.check_writable()
    os.environ["AEHPO_HOME"] = str(home.root)
    return home
