"""What to train on one task, for the terminal: the values, what they score, and the verdict.

What is recommended belongs to ``exchange.recommended``; all numbers beside it are in ``results``.
"""

from __future__ import annotations

import math
from dataclasses import asdict

from rich.console import Console
from rich.table import Table

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.cli.scripted import print_json
from aehpo_assets.errors import InputError
from aehpo_assets.exchange.recommended import Recommended, recommended
from aehpo_assets.foreign import escaped
from aehpo_assets.hpo.rounds import RECOMMENDATIONS
from aehpo_assets.space.distributions import value_text
from aehpo_assets.store.home import Home


def recommendations_of(home: Home, task: str, architecture: str | None) -> list[Recommended]:
    """Return what is recommended for a task, of each architecture of the study.

    Parameters
    ----------
    home
        The home.
    task
        Name of the task.
    architecture
        This one only; all of the study by default.

    Raises
    ------
    InputError
        If nothing is recommended for it yet.
    StaleInputError
        If what it is read from is damaged or did not pass its checks.
    """
    study = home.study()
    made = home.store.partitions(RECOMMENDATIONS)
    wanted = study.architectures if architecture is None else [architecture]
    known = [one for one in wanted if (one, task) in made]
    if not known:
        pairs = ", ".join(f"{other} with {one}" for one, other in made)
        raise InputError(
            f"nothing is recommended for {task}" + (f" with {architecture}" * bool(architecture)),
            file=home.root,
            remedy=f"There is {pairs}." if made else "`aehpo run` makes recommendations.",
        )
    return [recommended(home, one, task) for one in known]


def print_recommendations(
    home: Home, task: str, architecture: str | None, console: Console, *, as_json: bool = False
) -> None:
    """Print what to train on a task.

    Parameters
    ----------
    home, task, architecture
        As for :func:`recommendations_of`.
    console
        Where to print.
    as_json
        Whether to print it as JSON instead: ``architecture, task, config_id, configuration, epochs,
        seeds, scores`` (weighted average AUC) and ``verdict`` of each.
    """
    found = recommendations_of(home, task, architecture)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        title = f"{one.task}, {one.architecture}: train {one.config_id}"
        table = Table("hyperparameter", "value", title=escaped(title), title_justify="left")
        for name, value in one.configuration.items():
            table.add_row(escaped(name), escaped(value_text(value, 6)))
        table.add_row("epochs", str(one.epochs))
        console.print(table)
        console.print(escaped(_scores(one)), highlight=False)
        console.print(escaped(one.verdict), highlight=False)


def _scores(one: Recommended) -> str:
    """What it scores, in a sentence."""
    known = {name: value for name, value in one.scores.items() if not math.isnan(value)}
    parts = [f"{known['predicted_valid']:.3f} predicted"] if "predicted_valid" in known else []
    for name in ("valid", "test"):
        if name in known:
            parts.append(f"{Estimate(known[name], known.get(f'{name}_error', math.nan))} {name}")
    trained = f", trained {len(one.seeds)} times" if one.seeds else ""
    return f"AUC {', '.join(parts)}{trained}."
