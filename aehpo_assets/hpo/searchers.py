"""The searchers, by name: one dictionary from name to factory.

Whatever Syne Tune offers is one line here. Talking to a searcher belongs to ``ask_tell``, walking
one over a surrogate to ``simulation``, restricting its space by other tasks to ``transfer``.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.space import Choice, SearchSpace

LOSS = "loss"
"""Name under which a scheduler is told what to minimise."""

EPOCH = "epoch"
"""Name under which a scheduler is told how far a trial is."""


@dataclass(frozen=True)
class Problem:
    """What a searcher is made for.

    Attributes
    ----------
    space
        Where to search.
    seed
        Seed of the searcher.
    trials
        How many trials there will be; sizes the population of evolution.
    objectives
        What to optimise; more than one only for multi-objective searchers.
    fidelities
        Epochs at which results come, ascending; the last one is a whole training.
    points_to_evaluate
        Configurations to propose first.
    settings
        Further settings of the searcher, by the names that Syne Tune gives them.
    """

    space: SearchSpace
    seed: int
    trials: int
    objectives: tuple[str, ...] = (VALID_SCORE,)
    fidelities: tuple[int, ...] = (1,)
    points_to_evaluate: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config_space(self) -> dict[str, Any]:
        """The hyperparameters that can vary, as Syne Tune wants them."""
        free = {n: d for n, d in self.space.hyperparameters.items() if fixed_value(d) is None}
        return SearchSpace(self.space.architecture, free).syne_tune()


Factory = Callable[[Problem], Any]


def fixed_value(distribution: Any) -> Any:
    """Return the only value of a distribution, or None if it has several.

    Boxes can shrink a hyperparameter to one value, which not every searcher survives.
    """
    if isinstance(distribution, Choice):
        return distribution.values[0] if len(distribution.values) == 1 else None
    return distribution.lower if distribution.lower == distribution.upper else None


def _load(path: str) -> Any:
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def _single(path: str, defaults: Callable[[Problem], dict[str, Any]] = lambda _: {}) -> Factory:
    """Make the factory of a single-fidelity, single-objective searcher of Syne Tune."""

    def factory(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.single_objective_scheduler import (
            SingleObjectiveScheduler,
        )

        searcher = _load(path)(
            config_space=problem.config_space,
            points_to_evaluate=list(problem.points_to_evaluate),
            random_seed=problem.seed,
            **(defaults(problem) | dict(problem.settings)),
        )
        return SingleObjectiveScheduler(
            problem.config_space, metric=LOSS, searcher=searcher, random_seed=problem.seed
        )

    return factory


def _evolution_sizes(problem: Problem) -> dict[str, Any]:
    """Keep the random phase to a fifth of the budget; the stock population of 100 may be all."""
    population = min(100, max(5, problem.trials // 5))
    return {"population_size": population, "sample_size": max(2, population // 4)}


_STOCK = "syne_tune.optimizer.schedulers.searchers"

SEARCHERS: dict[str, Factory] = {
    "random_search": _single(f"{_STOCK}.random_searcher:RandomSearcher"),
    "kde": _single("aehpo_assets.hpo.syne_tune_fixes:ScaledKernelDensityEstimator"),
    "regularized_evolution": _single(
        f"{_STOCK}.regularized_evolution:RegularizedEvolution", _evolution_sizes
    ),
    "bore": _single("aehpo_assets.hpo.fast_searchers:BatchedBore"),
    "cqr": _single("aehpo_assets.hpo.fast_searchers:BatchedConformalQuantileRegression"),
}
"""Name of a searcher to the factory of its scheduler."""

if importlib.util.find_spec("botorch") is not None:
    SEARCHERS["botorch"] = _single(f"{_STOCK}.botorch.botorch_searcher:BoTorchSearcher")


def check_searchers(names: Iterable[str], file: str | Path | None = None) -> None:
    """Refuse names that are no searcher.

    Raises
    ------
    InputError
        Names the close match, if there is one.
    """
    for name in names:
        if name not in SEARCHERS:
            close = difflib.get_close_matches(name, SEARCHERS, n=1)
            known = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(SEARCHERS)}."
            raise InputError(
                f"unknown searcher {name!r}", file=file, key="hpo.searchers", remedy=known
            )


def make_scheduler(name: str, problem: Problem) -> Any:
    """Make the Syne Tune scheduler of a searcher.

    Raises
    ------
    InputError
        If the name is unknown, or the searcher does not take one of the settings.
    """
    check_searchers([name])
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
