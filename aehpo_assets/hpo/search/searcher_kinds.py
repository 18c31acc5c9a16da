"""What a searcher is, and how Syne Tune's schedulers are made around one.

Every scheduler minimises: the results that it observes are losses. The searchers themselves belong
to the files of their families, which ``searchers`` lists. Syne Tune is imported where it is used.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from aehpo_assets.hpo.search.problem import EPOCH, LOSS, Problem

Factory = Callable[[Problem], Any]
"""Makes the scheduler of a searcher."""

SearcherClass = Callable[[], Callable[..., Any]]
"""Imports and returns the class of a searcher."""


@dataclass(frozen=True)
class Searcher:
    """A searcher that a study can name.

    Attributes
    ----------
    name
        Name in studies.
    make
        Makes its scheduler: an object with the methods of a Syne Tune scheduler.
    reference
        Where the method was published.
    objectives
        What it optimises; those with several look for a Pareto front.
    stops_early
        Whether it stops trials on their learning curves.
    learns_from_others
        Whether it needs the evaluations of other tasks.
    fixed_list
        Whether it goes through a list and ends when that does.
    library, extra
        Library that it needs beside Syne Tune, and what to give to ``pip install`` for it.
    box
        Whether it searches the box around the best configurations of the other tasks only.
    """

    name: str
    make: Factory
    reference: str
    objectives: tuple[str, ...] = Problem.objectives
    stops_early: bool = False
    learns_from_others: bool = False
    fixed_list: bool = False
    library: str | None = None
    extra: str | None = None
    box: bool = False

    @property
    def installed(self) -> bool:
        """Whether the library that it needs is there."""
        return self.library is None or importlib.util.find_spec(self.library) is not None

    @property
    def whole_trainings(self) -> bool:
        """Whether it sees one objective, at the end of trainings."""
        return len(self.objectives) == 1 and not self.stops_early

    @property
    def recommends(self) -> bool:
        """Whether it can search a surrogate for what to train next."""
        return self.whole_trainings and not self.box

    @property
    def single_fidelity(self) -> bool:
        """Whether whole trainings of one task on one objective are all that it sees."""
        return self.whole_trainings and not self.learns_from_others

    @property
    def tunes_live(self) -> bool:
        """Whether it can search one task alone on real trainings."""
        return len(self.objectives) == 1 and not self.learns_from_others

    @property
    def kind(self) -> str:
        """What it spends its budget on, by which it is compared with others.

        ``whole trainings``; ``stopped early``: as many trials cost a fraction of as many whole
        trainings; ``fixed list``: it ends when its list does.
        """
        if self.stops_early:
            return "stopped early"
        return "fixed list" if self.fixed_list else "whole trainings"


def single_fidelity(searcher: SearcherClass, defaults: Factory = lambda problem: {}) -> Factory:
    """Make the factory of a searcher for one objective, known at the end of a training.

    Parameters
    ----------
    searcher
        Imports the class.
    defaults
        Settings of the searcher where neither the study nor Syne Tune's own are to decide.
    """

    def make(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.single_objective_scheduler import (
            SingleObjectiveScheduler,
        )

        return SingleObjectiveScheduler(
            problem.config_space,
            metric=LOSS,
            searcher=_proposing(searcher, problem, defaults),
            random_seed=problem.seed,
        )

    return make


def multi_objective(searcher: SearcherClass, defaults: Factory = lambda problem: {}) -> Factory:
    """Make the factory of a searcher for several objectives; see :func:`single_fidelity`."""

    def make(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.single_fidelity_scheduler import (
            SingleFidelityScheduler,
        )

        return SingleFidelityScheduler(
            problem.config_space,
            metrics=list(problem.objectives),
            searcher=_proposing(searcher, problem, defaults),
            random_seed=problem.seed,
        )

    return make


def _proposing(searcher: SearcherClass, problem: Problem, defaults: Factory) -> Any:
    return searcher()(
        config_space=problem.config_space,
        points_to_evaluate=list(problem.points_to_evaluate),
        random_seed=problem.seed,
        **(defaults(problem) | dict(problem.settings)),
    )


def evolution_sizes(problem: Problem) -> dict[str, Any]:
    """Keep the random phase to a fifth of the budget; the stock population of 100 may be all."""
    population = min(100, max(5, problem.trials // 5))
    return {"population_size": population, "sample_size": max(2, population // 4)}


def successive_halving(searcher: SearcherClass) -> Factory:
    """Make the factory of ASHA around a searcher that learns from each trial's last value.

    Settings are those of ``AsynchronousSuccessiveHalving``: ``grace_period``,
    ``reduction_factor``, ``brackets``.
    """

    def make(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.asha import AsynchronousSuccessiveHalving
        from syne_tune.optimizer.schedulers.searchers.last_value_multi_fidelity_searcher import (
            LastValueMultiFidelitySearcher,
        )

        last_value = LastValueMultiFidelitySearcher(
            problem.config_space,
            random_seed=problem.seed,
            points_to_evaluate=list(problem.points_to_evaluate),
            searcher=searcher(),
        )
        scheduler = AsynchronousSuccessiveHalving(
            problem.config_space,
            metric=LOSS,
            searcher=last_value,
            time_attr=EPOCH,
            random_seed=problem.seed,
            **(halving_limits(problem) | dict(problem.settings)),
        )
        return with_rungs(scheduler, problem)

    return make


def halving_limits(problem: Problem) -> dict[str, Any]:
    """Epochs of the first and last rung."""
    return {"max_t": problem.fidelities[-1], "grace_period": problem.fidelities[0]}


def with_rungs(scheduler: Any, problem: Problem) -> Any:
    """Put the rungs of successive halving at the fidelities.

    The stock rungs are the grace period times powers of the reduction factor. Where nothing is
    measured there (at 30, with fidelities 10, 25 and 50), nobody is ever stopped.
    """
    first = problem.settings.get("grace_period", problem.fidelities[0])
    rungs = [fidelity for fidelity in problem.fidelities[:-1] if fidelity >= first]
    for skipped, bracket in enumerate(scheduler.brackets):
        bracket.rungs = [(fidelity, {}) for fidelity in reversed(rungs[skipped:])]
    return scheduler


def median_stopping(searcher: SearcherClass) -> Factory:
    """Make the factory of the median stopping rule around a searcher."""

    def make(problem: Problem) -> Any:
        from syne_tune.optimizer.schedulers.median_stopping_rule import MedianStoppingRule

        return MedianStoppingRule(
            single_fidelity(searcher)(replace(problem, settings={})),
            time_attr=EPOCH,
            metric=LOSS,
            random_seed=problem.seed,
            **({"grace_time": problem.fidelities[0]} | dict(problem.settings)),
        )

    return make
