"""Random search and evolution of Syne Tune, and the rules that stop trials of a random search."""

from __future__ import annotations

from typing import Any

from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searcher_kinds import (
    Searcher,
    evolution_sizes,
    median_stopping,
    single_fidelity,
    successive_halving,
)


def _random() -> type:
    from syne_tune.optimizer.schedulers.searchers.random_searcher import RandomSearcher

    return RandomSearcher


def _evolution() -> type:
    from syne_tune.optimizer.schedulers.searchers.regularized_evolution import RegularizedEvolution

    return RegularizedEvolution


RANDOM_SEARCH = Searcher(
    "random_search", single_fidelity(_random), "Bergstra & Bengio, JMLR 13, 2012"
)
REGULARIZED_EVOLUTION = Searcher(
    "regularized_evolution",
    single_fidelity(_evolution, evolution_sizes),
    "Real et al., AAAI 2019",
)
ASHA = Searcher("asha", successive_halving(_random), "Li et al., MLSys 2020", stops_early=True)
MEDIAN_STOPPING = Searcher(
    "median_stopping", median_stopping(_random), "Golovin et al., KDD 2017", stops_early=True
)


def _hyperband(problem: Problem) -> Any:
    from aehpo_assets.hpo.search.hyperband import HyperbandScheduler

    return HyperbandScheduler(problem)


HYPERBAND = Searcher("hyperband", _hyperband, "Li et al., JMLR 18, 2018", stops_early=True)
