"""The narrowed space of a task: read from its home, on the page, and as a file for a next study."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import pandas as pd
import yaml

from aehpo_assets.analysis.narrowed import (
    NarrowedSpace,
    narrowed_space,
    narrowed_text,
    predicted_worth,
)
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.report.blocks import Block, Table, Text
from aehpo_assets.space import search_space
from aehpo_assets.store.home import Home

WIDTH = 90
"""Characters of a line of comments."""


def narrowed_of(home: Home, architecture: str, task: str) -> NarrowedSpace:
    """Narrow the space of a study to where the best configurations of a task lie.

    Parameters
    ----------
    home
        A home with run results of the task.
    architecture, task
        Of which runs.

    Returns
    -------
    NarrowedSpace
        ``worth`` has ``predicted_whole`` and ``predicted_narrowed`` as well, where there is a
        surrogate of the task.

    Raises
    ------
    InputError
        If there are no run results.
    """
    study = home.study()
    space = search_space(architecture, study.space)
    results = home.store.read_table("run_results", (architecture, task))
    found = narrowed_space(results, space, study.hpo.seed)
    if not found.space or not home.store.is_usable("surrogate", (architecture,)):
        return found
    from aehpo_assets.hpo.surrogate.surrogate import Surrogate

    surrogate = Surrogate.load(home.store.existing_folder("surrogate", (architecture,)))
    if task not in surrogate.tasks:
        return found
    predicted = predicted_worth(
        lambda drawn: surrogate.predict(drawn, task)[VALID_SCORE].to_numpy(),
        space,
        search_space(architecture, {**study.space, **found.space}),
        study.hpo.seed,
    )
    worth = found.worth.merge(predicted, on="draws", how="outer")
    return NarrowedSpace(found.space, found.support, worth)


def narrowed_yaml(home: Home, architecture: str, task: str, found: NarrowedSpace) -> str:
    """Return the ``space`` of a next study, and in comments what it rests on.

    Parameters
    ----------
    home
        The home that it was found in.
    architecture, task
        Of which runs.
    found
        Of :func:`narrowed_of`.
    """
    support = found.support
    said = [f"Study {home.study().name}, {architecture} on {task}."]
    if len(support):
        top, count = int(support["top"].iloc[0]), int(support["configurations"].iloc[0])
        said.append(f"Narrowed to where four in five of the best {top} of {count} lie.")
    said.append(narrowed_text(found))
    lines = [line for sentence in said for line in textwrap.wrap(sentence, WIDTH)]
    comments = "".join(f"# {line}\n" for line in lines)
    space: dict[str, Any] = {**home.study().space, **found.space}
    return comments + yaml.safe_dump({"space": space}, sort_keys=False, default_flow_style=None)


def narrowed_blocks(home: Home, architecture: str, task: str, stem: str) -> Iterator[Block]:
    """Yield the narrowed space, what it rests on and what it is worth.

    Parameters
    ----------
    home
        A home with run results of the task.
    architecture, task
        Of which runs.
    stem
        Of the names of the tables.
    """
    found = narrowed_of(home, architecture, task)
    yield Text(f"A narrower space for a next study. {narrowed_text(found)}")
    if not found.space:
        return
    yield Text(narrowed_yaml(home, architecture, task, found), "code")
    if found.worth.empty:
        return
    yield Table(
        f"{stem}-narrowed",
        "The best of so many random configurations of the whole and of the narrowed space. Held "
        "out are configurations that had no part in narrowing, chosen by one half of the "
        "replicates and scored by the other; the surrogate knows all of them.",
        found.worth,
        _shown(found.worth),
    )


def _shown(worth: pd.DataFrame) -> pd.DataFrame:
    def pair(row: pd.Series, prefix: str) -> str:
        both = [row.get(f"{prefix}{name}") for name in ("whole", "narrowed")]
        return "" if pd.isna(both[0]) else f"{both[0]:.3f} \N{RIGHTWARDS ARROW} {both[1]:.3f}"

    rows = [
        {
            "draws": int(row["draws"]),
            "held out": pair(row, ""),
            "gain, 95 %": ""
            if pd.isna(row["gain"])
            else f"{row['gain']:+.3f} [{row['lower']:+.3f}, {row['upper']:+.3f}]",
            "inside": ""
            if pd.isna(row["inside"])
            else f"{int(row['inside'])} of {int(row['configurations'])}",
            "by the surrogate": pair(row, "predicted_"),
        }
        for _, row in worth.iterrows()
    ]
    return pd.DataFrame(rows)
