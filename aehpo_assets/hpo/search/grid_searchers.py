"""Grid search: every combination of the values, the last hyperparameter varying fastest."""

from __future__ import annotations

from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searcher_kinds import Searcher, single_fidelity
from aehpo_assets.space import Choice


def _grid() -> type:
    from aehpo_assets.hpo.search.grid import Grid

    return Grid


def _over_lists(problem: Problem) -> Any:
    """Make the scheduler of a grid.

    Raises
    ------
    InputError
        If a hyperparameter has no list of values.
    """
    for name, domain in problem.space.hyperparameters.items():
        if not isinstance(domain, Choice) and domain.size > 1:
            raise InputError(
                f"grid needs a list of values; {problem.space.architecture} has {domain}",
                key=f"space.{name}",
                remedy="Give a list of values, or name another searcher.",
            )
    return single_fidelity(_grid)(problem)


GRID = Searcher("grid", _over_lists, "Bergstra & Bengio, JMLR 13, 2012", fixed_list=True)
