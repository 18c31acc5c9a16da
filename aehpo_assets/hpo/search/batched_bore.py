"""Syne Tune's BORE with its candidates drawn, encoded and scored in batches.

The stock asks its classifier for one candidate at a time; here one call scores all of them. The
method is unchanged: encoding, number of candidates and classifier.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import xgboost
from syne_tune.optimizer.schedulers.searchers.bore import Bore

from aehpo_assets.hpo.search.candidates import draw_candidates, encoder_of, row


class BatchedBore(Bore):
    """BORE (Tiao et al. 2021) that scores its 500 random candidates in one call.

    Parameters
    ----------
    config_space, points_to_evaluate, random_seed
        As in Syne Tune's searchers.
    settings
        Further settings of ``syne_tune...bore.Bore`` (``gamma``, ``feval_acq``, ``init_random``,
        ``random_prob``); classifier and acquisition optimiser are xgboost and random search.
    """

    def __init__(
        self,
        config_space: dict[str, Any],
        points_to_evaluate: list[dict[str, Any]] | None = None,
        random_seed: int | None = None,
        **settings: Any,
    ):
        super().__init__(config_space, points_to_evaluate, random_seed, **settings)
        self.model = xgboost.XGBClassifier(random_state=self.random_seed, n_jobs=1)
        self.encoder = encoder_of(config_space)

    def suggest(self, **kwargs: Any) -> dict[str, Any] | None:
        """Suggest the candidate that most probably belongs to the best quarter."""
        configuration = self._next_points_to_evaluate()
        if configuration is not None:
            return configuration
        observed = len(self.inputs) >= self.init_random
        explore = self.random_prob > 0 and self.random_state.rand() < self.random_prob
        if not observed or explore or not self._train_model(self.inputs, self.targets):
            return row(draw_candidates(self.config_space, 1, self.random_state), 0)
        candidates = draw_candidates(self.config_space, self.feval_acq, self.random_state)
        losses = self._loss(self.encoder.matrix(candidates))
        return row(candidates, int(np.argmin(losses)))

    def on_trial_complete(
        self,
        trial_id: int,
        config: dict[str, Any],
        metric: float,
        resource_level: int | None = None,
    ) -> None:
        """Take in the loss of a configuration."""
        self.inputs.append(self.encoder.matrix([config])[0])
        self.targets.append(metric)
