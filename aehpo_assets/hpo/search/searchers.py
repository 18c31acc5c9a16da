"""The searchers, by name.

To add one: a file with a :class:`aehpo_assets.hpo.search.searcher_kinds.Searcher` at its top level,
and its module in the list below; or an entry point of another package. Talking to one belongs to
``ask_tell``; walking one over a surrogate to ``simulation``; restricting its space by other tasks
to ``transfer``.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.search import (
    bore_searchers,
    botorch_searchers,
    cqr_searchers,
    gaussian_process_searchers,
    grid_searchers,
    kde_searchers,
    multi_objective_searchers,
    optuna_searchers,
    random_searchers,
    transfer_searchers,
)
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searcher_kinds import Searcher
from aehpo_assets.registry import Registry

SEARCHERS = Registry(
    Searcher,
    "aehpo.searchers",
    random_searchers,
    kde_searchers,
    bore_searchers,
    cqr_searchers,
    botorch_searchers,
    gaussian_process_searchers,
    grid_searchers,
    optuna_searchers,
    multi_objective_searchers,
    transfer_searchers,
)

BOX = "+box"
"""Suffix of a single-fidelity searcher that searches the box of the other tasks."""


def with_boxes() -> dict[str, Searcher]:
    """Return the searchers by all names that they have, those with :data:`BOX` too."""
    boxed = [
        replace(searcher, name=f"{name}{BOX}", box=True, learns_from_others=True)
        for name, searcher in SEARCHERS.items()
        if searcher.single_fidelity
    ]
    return dict(SEARCHERS) | {searcher.name: searcher for searcher in boxed}


def searcher_names(fits: Callable[[Searcher], bool]) -> list[str]:
    """Return the names of the searchers that are installed and fit."""
    known = with_boxes()
    return [name for name, searcher in known.items() if fits(searcher) and searcher.installed]


def check_searchers(
    names: Iterable[str],
    file: str | Path | None = None,
    fits: Callable[[Searcher], bool] = lambda searcher: searcher.recommends,
    key: str = "hpo.searchers",
) -> None:
    """Refuse names that are no searcher, or none that fits, or that lack what they need.

    Parameters
    ----------
    names
        The names given.
    file
        The study file, for the message.
    fits
        Whether a searcher fits; by default whether it recommends configurations on a surrogate.
    key
        Where the names stand, for the message.

    Raises
    ------
    InputError
        Names the close match, if there is one.
    """
    for name in names:
        searcher = with_boxes().get(name)
        if searcher and fits(searcher) and searcher.installed:
            continue
        known = searcher_names(fits)
        close = difflib.get_close_matches(name.lower(), known, n=1)
        problem = f"unknown searcher {name!r}"
        remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
        if searcher and not fits(searcher):
            problem = f"the searcher {name!r} does not work here"
            remedy = f"Those that do: {', '.join(known)}."
        elif searcher:
            problem = f"the searcher {name!r} needs {searcher.library}, which is not installed"
            remedy = f"Install what it needs: pip install '{searcher.extra}'."
        raise InputError(problem, file=file, key=key, remedy=remedy)


def find_searcher(name: str, key: str = "hpo.searchers") -> Searcher:
    """Return a searcher by any of its names.

    Raises
    ------
    InputError
        If there is none of that name, or it is not installed; ``key`` is where the name stands.
    """
    check_searchers([name], fits=lambda searcher: True, key=key)
    return with_boxes()[name]


def make_scheduler(name: str, problem: Problem) -> Any:
    """Make the Syne Tune scheduler of a searcher.

    Raises
    ------
    InputError
        If the name is unknown, or the searcher does not take one of the settings.
    """
    check_searchers([name], fits=lambda searcher: not searcher.box)
    try:
        return SEARCHERS[name].make(problem)
    except TypeError as error:
        if not problem.settings:
            raise
        raise InputError(
            f"{name} does not take these settings ({error})",
            key="hpo.searcher_settings",
            remedy="Use the argument names of Syne Tune's searcher.",
        ) from None
