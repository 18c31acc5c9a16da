"""Asking a searcher for configurations and telling it how they did.

The one place where this platform talks to a Syne Tune scheduler: it keeps the searcher's random
stream private, converts types, adds hyperparameters that cannot vary, and turns objectives into
losses. Used over a surrogate by ``simulation``, and for trainings that really happen.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.hpo.search.problem import EPOCH, LOSS, Problem, fixed_value
from aehpo_assets.hpo.search.searchers import make_scheduler
from aehpo_assets.hpo.search.syne_tune_fixes import OwnNumpyStream, native_configuration


class AskTell:
    """A searcher in conversation.

    Parameters
    ----------
    searcher
        A key of :data:`aehpo_assets.hpo.search.searchers.SEARCHERS`.
    problem
        Where to search, for what, from which seed.

    Attributes
    ----------
    seconds
        Real seconds that the searcher has computed for. No simulated clock looks at them.
    """

    def __init__(self, searcher: str, problem: Problem):
        self.problem = problem
        self._fixed = {
            name: fixed_value(distribution)
            for name, distribution in problem.space.hyperparameters.items()
            if fixed_value(distribution) is not None
        }
        self._stream = OwnNumpyStream(problem.seed)
        self._trials: dict[int, Any] = {}
        self._asked = 0
        self._distinct: set[tuple[Any, ...]] = set()
        self.seconds = 0.0
        self._exhausted = False
        self._scheduler: Any = None
        if len(self._fixed) < len(problem.space.hyperparameters):
            with self._stream.active():
                self._scheduler = make_scheduler(searcher, problem)
        if problem.observations is not None:
            self._observe(problem.observations)

    def _observe(self, observations: pd.DataFrame) -> None:
        """Let the searcher observe configurations that it did not propose."""
        names = [*self.problem.space.names, *self.problem.objectives]
        rows = [dict(zip(names, row, strict=True)) for row in observations[names].to_numpy(object)]
        for number, row in enumerate(rows, start=1):
            # Negative numbers keep them apart from the trials that ask() hands out.
            if self.problem.space.problem(row) is None and self._scheduler is not None:
                self._add(-number, row)
                self.tell(-number, row)

    def ask(self) -> tuple[int, dict[str, Any]] | None:
        """Return the number and configuration of a new trial, or None if there is none left.

        None is left once every configuration of the space was proposed: to try one again would
        give the same result again, and many searchers would go on forever.
        """
        if self._exhausted or len(self._distinct) >= self.problem.space.size:
            return None
        proposed: dict[str, Any] = {}
        if self._scheduler is not None:  # there is none for a space of one point
            begin = time.perf_counter()
            with self._stream.active():
                suggestion = self._scheduler.suggest()
            self.seconds += time.perf_counter() - begin
            if suggestion is None:
                self._exhausted = True
                return None
            proposed = suggestion.config
        number = self._asked
        self._asked += 1
        configuration = self._add(number, proposed | self._fixed)
        self._distinct.add(tuple(configuration[name] for name in self.problem.space.names))
        return number, configuration

    def _add(self, number: int, values: Mapping[str, Any]) -> dict[str, Any]:
        """Register a trial with the scheduler; return its configuration in Python's types."""
        from syne_tune.backend.trial_status import Trial

        configuration = native_configuration(values, self.problem.space)
        varying = {name: configuration[name] for name in configuration if name not in self._fixed}
        self._trials[number] = Trial(number, varying, datetime.fromtimestamp(0))
        if self._scheduler is not None:
            with self._stream.active():
                self._scheduler.on_trial_add(self._trials[number])
        return configuration

    def tell(self, number: int, objectives: Mapping[str, float], epoch: int | None = None) -> bool:
        """Report what a trial reached, at some epoch or at its end.

        Parameters
        ----------
        number
            The trial, as :meth:`ask` numbered it.
        objectives
            At least the problem's objectives.
        epoch
            How far the trial is; by default, done.

        Returns
        -------
        bool
            Whether the trial should go on: False once it is done, or if the scheduler stops it.
        """
        last = self.problem.fidelities[-1]
        epoch = last if epoch is None else epoch
        if self._scheduler is None:
            return epoch < last
        losses = self._losses(objectives)
        result = losses | {LOSS: losses[self.problem.objectives[0]], EPOCH: epoch}
        trial = self._trials[number]
        with self._stream.active():
            decision = self._scheduler.on_trial_result(trial, result)
            if decision != "CONTINUE":
                self._scheduler.on_trial_remove(trial)
                return False
            if epoch >= last:
                self._scheduler.on_trial_complete(trial, result)
                return False
        return True

    def tell_together(
        self, reached: Mapping[int, Mapping[str, float]], epoch: int
    ) -> dict[int, bool]:
        """Report what several trials reached at the same epoch.

        Parameters
        ----------
        reached
            Trial to at least the problem's objectives.
        epoch
            How far they are; not at their end.

        Returns
        -------
        dict
            Trial to whether it should go on. A searcher that ranks trials against each other
            decides on all of them at once; others are told one after another.
        """
        halved = getattr(self._scheduler, "halved", None)
        if halved is None or not reached:
            return {trial: self.tell(trial, known, epoch) for trial, known in reached.items()}
        first = self.problem.objectives[0]
        going = halved({t: self._losses(known)[first] for t, known in reached.items()}, epoch)
        return {trial: trial in going for trial in reached}

    def batch_size(self, wanted: int) -> int:
        """How many trials to ask for at once: as many as wanted, unless the searcher has a say."""
        own = getattr(self._scheduler, "batch_size", None)
        return wanted if own is None else int(own())

    def _losses(self, objectives: Mapping[str, float]) -> dict[str, float]:
        return {name: _loss(name, objectives[name]) for name in self.problem.objectives}


def _loss(objective: str, value: float) -> float:
    """Return what to minimise, on the scale on which it is modelled.

    Some searchers measure distances between losses, which would be of the largest numbers alone.
    """
    known = OBJECTIVE[objective]
    return known.sign * float(known.to_model_scale(np.asarray(value)))
