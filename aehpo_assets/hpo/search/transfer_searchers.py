"""Searchers of Syne Tune that learn from the evaluations of other tasks."""

from __future__ import annotations

import contextlib
import io
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.search.problem import LOSS, Problem
from aehpo_assets.hpo.search.searcher_kinds import Searcher


def _zero_shot(problem: Problem) -> Any:
    from aehpo_assets.hpo.search.transfer_schedulers import SuggestingZeroShotTransfer

    return SuggestingZeroShotTransfer(
        problem.config_space,
        metric=LOSS,
        transfer_learning_evaluations=_evidence(problem),
        do_minimize=True,
        random_seed=problem.seed,
        **problem.settings,
    )


def _quantile_transfer(problem: Problem) -> Any:
    from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

    from aehpo_assets.hpo.search.transfer_schedulers import BatchedQuantileTransfer

    with contextlib.redirect_stdout(io.StringIO()):  # Syne Tune prints its timings.
        searcher = BatchedQuantileTransfer(
            problem.config_space,
            transfer_learning_evaluations=_evidence(problem),
            random_seed=problem.seed,
            **problem.settings,
        )
    return SingleObjectiveScheduler(
        problem.config_space, metric=LOSS, searcher=searcher, random_seed=problem.seed
    )


def _evidence(problem: Problem) -> dict[str, Any]:
    """Other tasks' evaluations as Syne Tune wants them: one loss, the same configurations each.

    One finite loss, to be minimised, keeps clear of three defects: NaN that ranks best,
    ``QuantileBasedSurrogateSearcher`` always minimising objective 0, and ZeroShotTransfer failing
    silently on tasks whose configurations differ.
    """
    from syne_tune.optimizer.schedulers.transfer_learning.transfer_learning_task_evaluation import (
        TransferLearningTaskEvaluations,
    )

    if problem.evidence is None or problem.evidence.empty:
        raise InputError(
            "this searcher learns from other tasks, and there are none",
            key="hpo.searchers",
            remedy="Add a task to the study or leave the searcher out.",
        )
    scores = problem.evidence.pivot_table(
        index="config_id", columns="task", values=VALID_SCORE, aggfunc="mean", sort=False
    ).dropna()
    names = list(problem.config_space)
    hyperparameters = problem.evidence.drop_duplicates("config_id").set_index("config_id")[names]
    return {
        str(task): TransferLearningTaskEvaluations(
            configuration_space=problem.config_space,
            hyperparameters=hyperparameters.loc[scores.index].reset_index(drop=True),
            objectives_names=[LOSS],
            objectives_evaluations=-scores[task].to_numpy("float64").reshape(-1, 1, 1, 1),
        )
        for task in scores
    }


ZERO_SHOT = Searcher(
    "zero_shot", _zero_shot, "Wistuba et al., ICDM 2015", learns_from_others=True, fixed_list=True
)
"""A portfolio, in order, without learning."""

QUANTILE_TRANSFER = Searcher(
    "quantile_transfer",
    _quantile_transfer,
    "Salinas, Shen & Perrone, ICML 2020",
    learns_from_others=True,
)
"""Copula Thompson sampling on other tasks."""
