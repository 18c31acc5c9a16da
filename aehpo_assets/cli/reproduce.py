"""A reproduction as a person sees it: what is made, how each artefact compares, and the verdict.

What is made and compared belongs to ``running.reproduce``; this only prints.
"""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console

from aehpo_assets.cli.bars import run_progress
from aehpo_assets.cli.scripted import print_json
from aehpo_assets.cli.stoppable import scratch_folder
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import escaped
from aehpo_assets.running.certificate import certificate
from aehpo_assets.running.reproduce import Reproduction
from aehpo_assets.running.reproduced import Reproduced, verdict
from aehpo_assets.store.comparison import Verdict
from aehpo_assets.store.files import check_writable, write_text
from aehpo_assets.store.home import Home

_COLOURS = {
    Verdict.EQUAL: "green",
    Verdict.WITHIN_TOLERANCE: "yellow",
    Verdict.DIFFERENT: "bold red",
}


def run_reproduction(
    home: Home,
    name: str,
    tolerance: float | None,
    console: Console,
    *,
    only: bool = False,
    certificate_file: Path | None = None,
    as_json: bool = False,
) -> bool:
    """Make an artefact again and print how it compares with the recorded one.

    Parameters
    ----------
    home
        The home that holds the recorded artefact.
    name
        The artefact, or one run: ``run_results/varix/tcga_rna/17``.
    tolerance
        Largest difference of two numbers that is passed, see ``store.comparison``; None for that of
        the processors, see ``running.reproduce``.
    console
        Where to print.
    only
        Whether what it was made from is verified and taken as it is.
    certificate_file
        Where to write what came out; it must not be there.
    as_json
        Whether to print the content of the certificate as JSON beside it.

    Returns
    -------
    bool
        Whether the whole chain is equal, or equal within tolerance.

    Raises
    ------
    AehpoError
        If there is no such artefact, it cannot be made again at all, or the certificate cannot be
        written.
    """
    if certificate_file is not None:
        if certificate_file.exists():
            raise InputError(
                "is there already",
                file=certificate_file,
                key="--certificate",
                remedy="Name another.",
            )
        check_writable(certificate_file.absolute().parent, "--certificate")
    with scratch_folder() as folder:
        reproduction = Reproduction(home, name, folder, tolerance, only=only)
        works = reproduction.works()
        console.print(
            f"Making {len(reproduction.chain)} artefacts again, in a clean home, from "
            f"{escaped(home.study_file)}{_taken(reproduction)}.",
            soft_wrap=True,
            highlight=False,
        )

        with run_progress("chain", len(works), console) as shown:
            found = reproduction.run(
                on_start=shown.on_start,
                on_end=shown.on_end,
                on_done=shown.on_done,
                on_compared=lambda reproduced: _print_comparison(reproduced, console),
            )
        content = certificate(reproduction, found)
        if certificate_file is not None:
            write_text(certificate_file, json.dumps(content, indent=1) + "\n")
            console.print(f"Certificate: {escaped(certificate_file)}", soft_wrap=True)
        if as_json:
            print_json(content)
    return _print_verdict(name, reproduction.target.name, found, console)


def _taken(reproduction: Reproduction) -> str:
    count = len(reproduction.taken)
    return f", and {count} verified inputs as they are" if count else ""


def _print_comparison(reproduced: Reproduced, console: Console) -> None:
    comparison = reproduced.comparison
    colour = _COLOURS[comparison.verdict]
    text = f"  [{colour}]{escaped(str(comparison))}[/]  {escaped(reproduced.name)}"
    console.print(text, highlight=False, soft_wrap=True)
    for note in reproduced.notes:
        console.print(f"    {escaped(note)}", highlight=False, soft_wrap=True)


def _print_verdict(name: str, target: str, found: list[Reproduced], console: Console) -> bool:
    good, decisive = verdict(target, found)
    last = found[-1]
    colour = _COLOURS[decisive.comparison.verdict]
    text = f"[{colour}]{escaped(str(decisive.comparison))}[/]"
    if good:
        console.print(f"{escaped(name)}: {text}", highlight=False, soft_wrap=True)
        return True
    console.print(
        f"{escaped(name)}: [bold red]different[/]. First differing artefact of the chain: "
        f"{escaped(decisive.name)}, {text}.",
        highlight=False,
        soft_wrap=True,
    )
    if last.name == target and decisive is not last:
        console.print(
            f"{escaped(target)} itself: {escaped(str(last.comparison))}.",
            highlight=False,
            soft_wrap=True,
        )
    elif last.name != target:
        console.print("What depends on it was not made again.", highlight=False)
    return False
