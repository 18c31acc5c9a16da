"""Optuna's searcher, which the extra ``searchers`` brings, with its median pruner or without."""

from __future__ import annotations

from typing import Any

from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searcher_kinds import Searcher


def _tpe(problem: Problem) -> Any:
    from aehpo_assets.hpo.search.optuna_scheduler import OptunaScheduler

    return OptunaScheduler(problem, pruning=False)


def _tpe_median(problem: Problem) -> Any:
    from aehpo_assets.hpo.search.optuna_scheduler import OptunaScheduler

    return OptunaScheduler(problem, pruning=True)


OPTUNA_TPE = Searcher(
    "optuna_tpe", _tpe, "Akiba et al., KDD 2019", library="optuna", extra="aehpo[searchers]"
)
OPTUNA_TPE_MEDIAN = Searcher(
    "optuna_tpe_median",
    _tpe_median,
    "Akiba et al., KDD 2019",
    stops_early=True,
    library="optuna",
    extra="aehpo[searchers]",
)
