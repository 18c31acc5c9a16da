"""How searchers are made, one function for each kind.

Every scheduler minimises: what it is told are losses. Which searchers there are belongs to
``searchers``.
"""

from __future__ import annotations

import contextlib
import importlib
import io
from collections.abc import Callable
from typing import Any

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.problem import EPOCH, LOSS, Problem

Factory = Callable[[Problem], Any]
Defaults = Callable[[Problem], dict[str, Any]]


def load(path: str) -> Any:
    """Import what ``module:name`` names."""
    module, name = path.split(":")
    return getattr(importlib.import_module(module), name)


def no_defaults(problem: Problem) -> dict[str, Any]:
    """Leave every setting to Syne Tune."""
    return {}


def evolution_sizes(problem: Problem) -> dict[str, Any]:
    """Keep the random phase to a fifth of the budget; the stock population of 100 may be all."""
    population = min(100, max(5, problem.trials // 5))
    return {"population_size": population, "sample_size": max(2, population // 4)}


def _searcher(path: str, problem: Problem, defaults: Defaults) -> Any:
    return load(path)(
        config_space=problem.config_space,
        points_to_evaluate=list(problem.points_to_evaluate),
        random_seed=problem.seed,
        **(defaults(problem) | dict(problem.settings)),
    )


def single_fidelity(path: str, defaults: Defaults = no_defaults) -> Factory:
    """Make the factory of a searcher for one objective, known at the end of a training."""

    def factory(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.single_objective_scheduler import (
            SingleObjectiveScheduler,
        )

        return SingleObjectiveScheduler(
            problem.config_space,
            metric=LOSS,
            searcher=_searcher(path, problem, defaults),
            random_seed=problem.seed,
        )

    return factory


def multi_objective(path: str, defaults: Defaults = no_defaults) -> Factory:
    """Make the factory of a searcher for several objectives at once."""

    def factory(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.single_fidelity_scheduler import (
            SingleFidelityScheduler,
        )

        return SingleFidelityScheduler(
            problem.config_space,
            metrics=list(problem.objectives),
            searcher=_searcher(path, problem, defaults),
            random_seed=problem.seed,
        )

    return factory


def successive_halving(path: str) -> Factory:
    """Make the factory of ASHA around a searcher that learns from each trial's last value.

    Settings are those of ``AsynchronousSuccessiveHalving``: ``grace_period``,
    ``reduction_factor``, ``brackets``.
    """

    def factory(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
        from syne_tune.optimizer.schedulers.searchers.last_value_multi_fidelity_searcher import (
            LastValueMultiFidelitySearcher,
        )

        searcher = LastValueMultiFidelitySearcher(
            problem.config_space,
            random_seed=problem.seed,
            points_to_evaluate=list(problem.points_to_evaluate),
            searcher=load(path),
        )
        scheduler = AsynchronousSuccessiveHalving(
            problem.config_space,
            metric=LOSS,
            searcher=searcher,
            time_attr=EPOCH,
            random_seed=problem.seed,
            **(_halving(problem) | dict(problem.settings)),
        )
        return _with_rungs(scheduler, problem)

    return factory


def multi_objective_successive_halving(problem: Problem) -> Any:
    """Make MOASHA (Salinas et al. 2021)."""
    from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA

    scheduler = MOASHA(
        problem.config_space,
        metrics=list(problem.objectives),
        time_attr=EPOCH,
        random_seed=problem.seed,
        **(_halving(problem) | dict(problem.settings)),
    )
    return _with_rungs(scheduler, problem)


def median_stopping(path: str) -> Factory:
    """Make the factory of the median stopping rule (Golovin et al. 2017) around a searcher."""

    def factory(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

        inner = Problem(**(vars(problem) | {"settings": {}}))
        return MedianStoppingRule(
            single_fidelity(path)(inner),
            time_attr=EPOCH,
            metric=LOSS,
            random_seed=problem.seed,
            **({"grace_time": problem.fidelities[0]} | dict(problem.settings)),
        )

    return factory


def _halving(problem: Problem) -> dict[str, Any]:
    return {"max_t": problem.fidelities[-1], "grace_period": problem.fidelities[0]}


def _with_rungs(scheduler: Any, problem: Problem) -> Any:
    """Put the rungs of successive halving at the fidelities.

    The stock rungs are the grace period times powers of the reduction factor. Where nothing is
    measured there (at 30, with fidelities 10, 25 and 50), nobody is ever stopped.
    """
    first = problem.settings.get("grace_period", problem.fidelities[0])
    rungs = [fidelity for fidelity in problem.fidelities[:-1] if fidelity >= first]
    for skipped, bracket in enumerate(scheduler.brackets):
        bracket.rungs = [(fidelity, {}) for fidelity in reversed(rungs[skipped:])]
    return scheduler


def optuna_tpe(*, pruning: bool) -> Factory:
    """Make the factory of Optuna's TPE, with the median pruner or without."""

    def factory(problem: Problem) -> Any:
        from aehpo_assets.hpo.optuna_searcher import OptunaScheduler

        return OptunaScheduler(problem, pruning=pruning)

    return factory


def zero_shot(problem: Problem) -> Any:
    """Make zero-shot transfer (Wistuba et al. 2015): a portfolio, in order, without learning."""
    from aehpo_assets.hpo.syne_tune_fixes import SuggestingZeroShotTransfer

    return SuggestingZeroShotTransfer(
        problem.config_space,
        metric=LOSS,
        transfer_learning_evaluations=_evidence(problem),
        do_minimize=True,
        random_seed=problem.seed,
        **problem.settings,
    )


def quantile_transfer(problem: Problem) -> Any:
    """Make copula Thompson sampling on other tasks (Salinas, Shen & Perrone, ICML 2020)."""
    from syne_tune.optimizer.schedulers.single_objective_scheduler import SingleObjectiveScheduler

    from aehpo_assets.hpo.fast_searchers import BatchedQuantileTransfer

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
