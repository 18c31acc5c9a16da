"""A reproduction as a person sees it: what is made, how each artefact compares, and the verdict.

What is made and compared belongs to ``running.reproduce``; this only prints.
"""

from __future__ import annotations

from rich.console import Console

from aehpo_assets.cli.bars import run_progress
from aehpo_assets.cli.stoppable import scratch_folder
from aehpo_assets.foreign import escaped
from aehpo_assets.running.reproduce import Reproduced, Reproduction, verdict
from aehpo_assets.store.comparison import Verdict
from aehpo_assets.store.home import Home

_COLOURS = {
    Verdict.EQUAL: "green",
    Verdict.WITHIN_TOLERANCE: "yellow",
    Verdict.DIFFERENT: "bold red",
}


def run_reproduction(home: Home, name: str, tolerance: float | None, console: Console) -> bool:
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

    Returns
    -------
    bool
        Whether the whole chain is equal, or equal within tolerance.

    Raises
    ------
    AehpoError
        If there is no such artefact, or it cannot be made again at all.
    """
    with scratch_folder() as folder:
        reproduction = Reproduction(home, name, folder, tolerance)
        works = reproduction.works()
        console.print(
            f"Making {len(reproduction.chain)} artefacts again, in a clean home, from "
            f"{escaped(home.study_file)}.",
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
    return _print_verdict(name, reproduction.target.name, found, console)


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
