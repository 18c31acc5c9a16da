"""Searchers of Syne Tune that look for a Pareto front."""

from __future__ import annotations

from typing import Any

from aehpo_assets.hpo.benchmark.pareto import PARETO_OBJECTIVES
from aehpo_assets.hpo.search.problem import EPOCH, Problem
from aehpo_assets.hpo.search.searcher_kinds import (
    Searcher,
    evolution_sizes,
    halving_limits,
    multi_objective,
    with_rungs,
)


def _random() -> type:
    from syne_tune.optimizer.schedulers.searchers.random_searcher import (
        MultiObjectiveRandomSearcher,
    )

    return MultiObjectiveRandomSearcher


def _evolution() -> type:
    from syne_tune.optimizer.schedulers.multiobjective import MultiObjectiveRegularizedEvolution

    return MultiObjectiveRegularizedEvolution


def _successive_halving(problem: Problem) -> Any:
    from aehpo_assets.hpo.search.starting_moasha import StartingMOASHA

    scheduler = StartingMOASHA(
        problem.config_space,
        problem.points_to_evaluate,
        metrics=list(problem.objectives),
        time_attr=EPOCH,
        random_seed=problem.seed,
        **(halving_limits(problem) | dict(problem.settings)),
    )
    return with_rungs(scheduler, problem)


MO_RANDOM_SEARCH = Searcher(
    "mo_random_search",
    multi_objective(_random),
    "Bergstra & Bengio, JMLR 13, 2012",
    objectives=PARETO_OBJECTIVES,
)
MO_REGULARIZED_EVOLUTION = Searcher(
    "mo_regularized_evolution",
    multi_objective(_evolution, evolution_sizes),
    "Real et al., AAAI 2019, by non-dominated sorting",
    objectives=PARETO_OBJECTIVES,
)
MOASHA = Searcher(
    "moasha",
    _successive_halving,
    "Salinas et al., NAS workshop at ICLR 2021",
    objectives=PARETO_OBJECTIVES,
    stops_early=True,
)
