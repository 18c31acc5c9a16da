"""What a searcher is made for: the space, the seed, the budget, and what is known already."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.space import Choice, SearchSpace

LOSS = "loss"
"""Name under which a scheduler observes what to minimise."""

EPOCH = "epoch"
"""Name under which a scheduler observes how far a trial is."""


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
    observations
        Configurations of this very task that are known already, with their objectives: the
        searcher observes them before its first proposal (warm start).
    evidence
        Evaluations of other tasks, for the searchers that learn from them: ``task, config_id``,
        the hyperparameters and the valid score.
    settings
        Further settings of the searcher, by the names that Syne Tune gives them.
    """

    space: SearchSpace
    seed: int
    trials: int
    objectives: tuple[str, ...] = (VALID_SCORE,)
    fidelities: tuple[int, ...] = (1,)
    points_to_evaluate: Sequence[Mapping[str, Any]] = ()
    observations: pd.DataFrame | None = None
    evidence: pd.DataFrame | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def config_space(self) -> dict[str, Any]:
        """The hyperparameters that can vary, as Syne Tune wants them."""
        free = {n: d for n, d in self.space.hyperparameters.items() if fixed_value(d) is None}
        return SearchSpace(self.space.architecture, free).syne_tune()


def fixed_value(distribution: Any) -> Any:
    """Return the only value of a distribution, or None if it has several.

    Boxes can shrink a hyperparameter to one value, which not every searcher survives.
    """
    if isinstance(distribution, Choice):
        return distribution.values[0] if len(distribution.values) == 1 else None
    return distribution.lower if distribution.lower == distribution.upper else None
