"""The searchers, by name: one dictionary from name to factory.

Whatever Syne Tune offers is one line here; those that need BoTorch or Optuna are there with the
extra ``searchers``. How a kind of searcher is made belongs to
``searcher_factories``; talking to one to ``ask_tell``; walking one over a surrogate to
``simulation``; restricting its space by other tasks to ``transfer``.
"""

from __future__ import annotations

import difflib
import importlib.util
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.problem import EPOCH, LOSS, Problem
from aehpo_assets.hpo.searcher_factories import (
    Factory,
    evolution_sizes,
    median_stopping,
    multi_objective,
    multi_objective_successive_halving,
    optuna_tpe,
    quantile_transfer,
    single_fidelity,
    successive_halving,
    zero_shot,
)

__all__ = [
    "BOX",
    "EPOCH",
    "LOSS",
    "MULTI_FIDELITY",
    "MULTI_OBJECTIVE",
    "SEARCHERS",
    "SINGLE_FIDELITY",
    "TRANSFER",
    "Problem",
    "check_searchers",
    "kind_of_spending",
    "make_scheduler",
    "stops_trials",
]

_STOCK = "syne_tune.optimizer.schedulers.searchers"
_MULTI = "syne_tune.optimizer.schedulers.multiobjective"
_RANDOM = f"{_STOCK}.random_searcher:RandomSearcher"
_KDE = "aehpo_assets.hpo.syne_tune_fixes:ScaledKernelDensityEstimator"
_BORE = "aehpo_assets.hpo.fast_searchers:BatchedBore"
_CQR = "aehpo_assets.hpo.fast_searchers:BatchedConformalQuantileRegression"
_BOTORCH = "aehpo_assets.hpo.botorch_searchers"

SINGLE_FIDELITY: dict[str, Factory] = {
    "random_search": single_fidelity(_RANDOM),
    "kde": single_fidelity(_KDE),
    "regularized_evolution": single_fidelity(
        f"{_STOCK}.regularized_evolution:RegularizedEvolution", evolution_sizes
    ),
    "bore": single_fidelity(_BORE),
    "cqr": single_fidelity(_CQR),
}
"""Searchers that see one objective of whole trainings."""

MULTI_FIDELITY: dict[str, Factory] = {
    "asha": successive_halving(_RANDOM),
    "asha_bore": successive_halving(_BORE),
    "asha_cqr": successive_halving(_CQR),
    "bohb": successive_halving(_KDE),
    "median_stopping": median_stopping(_RANDOM),
}
"""Searchers that stop trials on their learning curves."""

MULTI_OBJECTIVE: dict[str, Factory] = {
    "mo_random_search": multi_objective(f"{_STOCK}.random_searcher:MultiObjectiveRandomSearcher"),
    "mo_regularized_evolution": multi_objective(
        f"{_MULTI}:MultiObjectiveRegularizedEvolution", evolution_sizes
    ),
    "moasha": multi_objective_successive_halving,
}
"""Searchers that look for a Pareto front; ``moasha`` stops trials on their learning curves too."""

TRANSFER: dict[str, Factory] = {
    "zero_shot": zero_shot,
    "quantile_transfer": quantile_transfer,
}
"""Searchers that learn from the evaluations of other tasks."""

if importlib.util.find_spec("botorch") is not None:
    SINGLE_FIDELITY["botorch"] = single_fidelity(f"{_BOTORCH}:AlignedBoTorch")
    MULTI_OBJECTIVE["ehvi"] = multi_objective(
        f"{_BOTORCH}:AlignedHypervolumeImprovement", lambda problem: {"double_precision": False}
    )

if importlib.util.find_spec("optuna") is not None:
    SINGLE_FIDELITY["optuna_tpe"] = optuna_tpe(pruning=False)
    MULTI_FIDELITY["optuna_tpe_median"] = optuna_tpe(pruning=True)

OF_THE_EXTRA = ("botorch", "ehvi", "optuna_tpe", "optuna_tpe_median")
"""Searchers that the extra ``searchers`` brings."""

BOX = "+box"
"""Suffix of a single-fidelity searcher that searches the box of the other tasks."""

SEARCHERS: dict[str, Factory] = SINGLE_FIDELITY | MULTI_FIDELITY | MULTI_OBJECTIVE | TRANSFER
"""Name of a searcher to the factory of its scheduler."""


def stops_trials(searcher: str) -> bool:
    """Whether a searcher stops trials on their learning curves."""
    return searcher in MULTI_FIDELITY or searcher == "moasha"


def kind_of_spending(searcher: str) -> str:
    """Say what a searcher spends its budget on, by which it is compared with others.

    Returns
    -------
    str
        ``whole trainings``; ``stopped early``: as many trials cost a fraction of as many whole
        trainings; ``fixed list``: it ends when its list does.
    """
    if stops_trials(searcher):
        return "stopped early"
    return "fixed list" if searcher == "zero_shot" else "whole trainings"


def check_searchers(
    names: Iterable[str],
    file: str | Path | None = None,
    known: Iterable[str] = tuple(SINGLE_FIDELITY | TRANSFER),
    key: str = "hpo.searchers",
) -> None:
    """Refuse names that are no searcher, or none of the kind that is needed.

    Parameters
    ----------
    names
        The names given.
    file
        The study file, for the message.
    known
        The searchers that fit; by default those that recommend configurations on a surrogate.
    key
        Where the names stand, for the message.

    Raises
    ------
    InputError
        Names the close match, if there is one.
    """
    known = list(known)
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name.lower(), known, n=1)
            remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
            if name in OF_THE_EXTRA and name not in SEARCHERS:
                remedy = "Install what it needs: pip install 'aehpo[searchers]'."
            problem = f"unknown searcher {name!r}"
            if name in SEARCHERS:
                problem = f"the searcher {name!r} does not work here"
                remedy = f"Those that do: {', '.join(known)}."
            raise InputError(problem, file=file, key=key, remedy=remedy)


def make_scheduler(name: str, problem: Problem) -> Any:
    """Make the Syne Tune scheduler of a searcher.

    Raises
    ------
    InputError
        If the name is unknown, or the searcher does not take one of the settings.
    """
    check_searchers([name], known=SEARCHERS)
    try:
        return SEARCHERS[name](problem)
    except TypeError as error:
        if not problem.settings:
            raise
        raise InputError(
            f"{name} does not take these settings ({error})",
            key="hpo.searcher_settings",
            remedy="Use the argument names of Syne Tune's searcher.",
        ) from None
