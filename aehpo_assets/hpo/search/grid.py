"""Grid search as a searcher of Syne Tune; imported where it is used."""

from __future__ import annotations

import itertools
from typing import Any

from syne_tune.config_space import Domain
from syne_tune.optimizer.schedulers.searchers.single_objective_searcher import (
    SingleObjectiveBaseSearcher,
)


class Grid(SingleObjectiveBaseSearcher):
    """Proposes every combination once, in the order of the lists.

    Parameters
    ----------
    config_space, points_to_evaluate, random_seed
        As in Syne Tune's searchers; nothing is drawn.
    """

    def __init__(
        self,
        config_space: dict[str, Any],
        points_to_evaluate: list[dict[str, Any]] | None = None,
        random_seed: int | None = None,
    ):
        super().__init__(config_space, points_to_evaluate, random_seed)
        lists = [
            domain.categories if isinstance(domain, Domain) else [domain]
            for domain in config_space.values()
        ]
        self._rest = itertools.product(*lists)
        self._first: list[dict[str, Any]] = []

    def suggest(self, **kwargs: Any) -> dict[str, Any] | None:
        """Suggest the next combination; None once all were."""
        given = self._next_points_to_evaluate()
        if given is not None:
            self._first.append({name: given[name] for name in self.config_space})
            return given
        for values in self._rest:
            configuration = dict(zip(self.config_space, values, strict=True))
            if configuration not in self._first:
                return configuration
        return None
