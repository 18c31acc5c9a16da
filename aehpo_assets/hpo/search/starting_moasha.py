"""Syne Tune's MOASHA, which knows no configurations to begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from syne_tune.optimizer.scheduler import TrialSuggestion
from syne_tune.optimizer.schedulers.multiobjective.moasha import MOASHA


class StartingMOASHA(MOASHA):
    """MOASHA that proposes given configurations first.

    Parameters
    ----------
    config_space
        The space.
    points_to_evaluate
        Configurations of it, in order.
    **settings
        As MOASHA takes them.
    """

    def __init__(
        self,
        config_space: dict[str, Any],
        points_to_evaluate: Sequence[Mapping[str, Any]],
        **settings: Any,
    ):
        super().__init__(config_space, **settings)
        self._first = [dict(point) for point in points_to_evaluate]

    def suggest(self) -> TrialSuggestion | None:
        """Propose the next of the given configurations, then random ones."""
        if self._first:
            return TrialSuggestion.start_suggestion(self._first.pop(0))
        return super().suggest()
