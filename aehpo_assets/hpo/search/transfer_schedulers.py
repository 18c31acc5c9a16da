"""Syne Tune's transfer between tasks, where the stock is wrong or slow."""

from __future__ import annotations

from typing import Any

from syne_tune.optimizer.scheduler import TrialSuggestion
from syne_tune.optimizer.schedulers.transfer_learning.quantile_based.quantile_based_searcher import (  # noqa: E501
    QuantileBasedSurrogateSearcher,
)
from syne_tune.optimizer.schedulers.transfer_learning.zero_shot import ZeroShotTransfer

from aehpo_assets.hpo.search.candidates import draw_candidates


class SuggestingZeroShotTransfer(ZeroShotTransfer):
    """ZeroShotTransfer that suggests the configurations it has chosen.

    The stock class computes its configurations in ``get_config``, which nothing calls: ``suggest``
    is inherited and draws at random. May go when ``suggest`` calls ``get_config``.
    """

    def suggest(self) -> TrialSuggestion | None:
        """Suggest the next configuration of the portfolio, or None when it is used up."""
        configuration = self.get_config()
        return None if configuration is None else TrialSuggestion.start_suggestion(configuration)


class BatchedQuantileTransfer(QuantileBasedSurrogateSearcher):
    """Copula Thompson sampling (Salinas, Shen & Perrone, ICML 2020), its candidates drawn at once.

    The stock searcher draws its 100,000 candidates one value at a time.
    """

    def _sample_random_config(self) -> dict[str, Any]:
        if not getattr(self, "_drawn", None):
            columns = draw_candidates(self.config_space, 100_000, self.random_state)
            rows = zip(*columns.values(), strict=True)
            self._drawn = [dict(zip(columns, row, strict=True)) for row in rows]
        return self._drawn.pop()
