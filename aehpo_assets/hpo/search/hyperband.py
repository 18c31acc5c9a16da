"""Hyperband (Li et al., JMLR 18, 2018): brackets of random configurations, halved at each rung.

The rungs are the fidelities of the problem. A bracket begins at one of them with so many
configurations that each bracket costs about the same; at a rung, the share goes on that the next
rung is longer by. The bracket of the earliest rung comes first, that of whole trainings last, and
then all of them again. Where a whole bracket is at a rung together, as in a live search, the best
of it go on; told one trial after another, a trial goes on if it is among the best so far.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syne_tune.backend.trial_status import Trial
from syne_tune.optimizer.scheduler import TrialSuggestion

from aehpo_assets.hpo.search.problem import EPOCH, LOSS, Problem, fixed_value


@dataclass
class Bracket:
    """Configurations that begin with the same rung.

    Attributes
    ----------
    first
        Position of the rung at which the first halving is.
    size
        Configurations.
    losses
        Rung to the losses that were told there.
    """

    first: int
    size: int
    losses: dict[int, list[float]] = field(default_factory=dict)


def bracket_sizes(fidelities: tuple[int, ...]) -> list[tuple[int, int]]:
    """Return the first rung and the size of every bracket, in their order.

    A bracket with s rungs before the last begins with ``ceil(m / (s + 1) R / r)`` configurations,
    for m brackets, R the last fidelity and r its first: for fidelities that are powers of a factor,
    these are the numbers of the paper.
    """
    count, last = len(fidelities), fidelities[-1]
    return [
        (first, math.ceil(count / (count - first) * last / fidelity - 1e-9))
        for first, fidelity in enumerate(fidelities)
    ]


class HyperbandScheduler:
    """Stands where a Syne Tune scheduler stands.

    Parameters
    ----------
    problem
        Where to search, from which seed, and the fidelities. It has no settings.

    Raises
    ------
    TypeError
        If it is given settings.
    """

    def __init__(self, problem: Problem):
        if problem.settings:
            raise TypeError(f"hyperband takes none, not {', '.join(problem.settings)}")
        self._fidelities = problem.fidelities
        self._domains = {
            name: domain
            for name, domain in problem.space.hyperparameters.items()
            if fixed_value(domain) is None
        }
        self._random = random.Random(problem.seed)
        self._first = [{n: point[n] for n in self._domains} for point in problem.points_to_evaluate]
        self._sizes = bracket_sizes(problem.fidelities)
        self._brackets: list[Bracket] = []
        self._asked = 0
        self._bracket_of: dict[int, Bracket] = {}
        self._next_bracket()

    def _next_bracket(self) -> None:
        first, size = self._sizes[len(self._brackets) % len(self._sizes)]
        self._brackets.append(Bracket(first, size))
        self._asked = 0

    def batch_size(self) -> int:
        """How many trials belong together from here on: what is left of a bracket, or the next."""
        if self._asked == self._brackets[-1].size:
            self._next_bracket()
        return self._brackets[-1].size - self._asked

    def suggest(self) -> TrialSuggestion:
        """Propose a random configuration for the present bracket."""
        self.batch_size()
        self._asked += 1
        if self._first:
            return TrialSuggestion.start_suggestion(self._first.pop(0))
        drawn = {name: domain.draw(self._random) for name, domain in self._domains.items()}
        return TrialSuggestion.start_suggestion(drawn)

    def on_trial_add(self, trial: Trial) -> None:
        """Take note of the bracket of a trial; negative numbers were not proposed here."""
        if trial.trial_id >= 0:
            self._bracket_of[trial.trial_id] = self._brackets[-1]

    def halved(self, losses: Mapping[int, float], epoch: int) -> set[int]:
        """Return which of the trials that are at a rung together go on."""
        of_bracket: dict[int, list[int]] = {}
        for trial in losses:
            of_bracket.setdefault(id(self._bracket_of[trial]), []).append(trial)
        going: set[int] = set()
        for trials in of_bracket.values():
            share = self._share(self._bracket_of[trials[0]], epoch)
            kept = max(1, math.floor(len(trials) * share + 1e-9))
            going |= set(sorted(trials, key=losses.__getitem__)[:kept])
        return going

    def _share(self, bracket: Bracket, epoch: int) -> float:
        """Share of a bracket that goes on from a rung; all of it before its first one."""
        at = self._fidelities.index(epoch)
        if at < bracket.first or at == len(self._fidelities) - 1:
            return 1.0
        return self._fidelities[at] / self._fidelities[at + 1]

    def on_trial_result(self, trial: Trial, result: dict[str, Any]) -> str:
        """Decide on a trial told alone; returns CONTINUE or STOP."""
        bracket = self._bracket_of.get(trial.trial_id)
        epoch = int(result[EPOCH])
        if bracket is None or epoch >= self._fidelities[-1]:
            return "CONTINUE"
        known = bracket.losses.setdefault(epoch, [])
        known.append(result[LOSS])
        kept = max(1, math.floor(len(known) * self._share(bracket, epoch) + 1e-9))
        return "CONTINUE" if result[LOSS] <= sorted(known)[kept - 1] else "STOP"

    def on_trial_complete(self, trial: Trial, result: dict[str, Any]) -> None:
        """Nothing is learned from results."""

    def on_trial_remove(self, trial: Trial) -> None:
        """Nothing is learned from trials that were stopped."""
