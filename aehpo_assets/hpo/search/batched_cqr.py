"""Syne Tune's CQR with one model for all quantiles.

The stock fits five gradient boosting models of scikit-learn at every suggestion; here one xgboost
model predicts all quantiles, of all candidates at once. The method is unchanged: encoding, number
of candidates, quantiles, trees, depth, learning rate and conformal correction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xgboost
from syne_tune.optimizer.schedulers.searchers.conformal.conformal_quantile_regression_searcher import (  # noqa: E501
    ConformalQuantileRegression,
)

from aehpo_assets.hpo.search.candidates import draw_candidates, encoder_of, row


class BatchedConformalQuantileRegression(ConformalQuantileRegression):
    """CQR (Salinas et al. 2023) on one multi-quantile xgboost model.

    Parameters
    ----------
    config_space, points_to_evaluate, random_seed, num_init_random_draws, update_frequency
        As in Syne Tune's searcher.
    candidates
        How many configurations are drawn and compared at every suggestion.
    """

    def __init__(
        self,
        config_space: dict[str, Any],
        points_to_evaluate: list[dict[str, Any]] | None = None,
        random_seed: int | None = None,
        num_init_random_draws: int = 5,
        update_frequency: int = 1,
        candidates: int = 2000,
    ):
        super().__init__(
            config_space,
            random_seed=random_seed,
            points_to_evaluate=points_to_evaluate,
            num_init_random_draws=num_init_random_draws,
            update_frequency=update_frequency,
            surrogate_cls=QuantileTrees,
            candidates=candidates,
        )


class QuantileTrees:
    """Conformalised quantile regression with the interface of Syne Tune's ``SurrogateModel``."""

    quantiles = (0.17, 0.33, 0.5, 0.67, 0.83)

    def __init__(
        self,
        config_space: dict[str, Any],
        random_state: np.random.RandomState,
        candidates: int = 2000,
        valid_fraction: float = 0.1,
        min_samples_to_conformalize: int = 32,
        **_: Any,
    ):
        self.config_space = config_space
        self.encoder = encoder_of(config_space)
        self.random_state = random_state
        self.count = candidates
        self.valid_fraction = valid_fraction
        self.min_samples_to_conformalize = min_samples_to_conformalize

    def fit(self, df_features: pd.DataFrame, y: np.ndarray) -> None:
        """Fit on configurations and losses, then draw and predict the candidates once."""
        X = self.encoder.matrix(df_features)
        order = np.arange(len(y))
        held = 0
        if len(y) > self.min_samples_to_conformalize:
            order = self.random_state.permutation(len(y))
            held = int(np.ceil(self.valid_fraction * len(y)))
        valid, train = order[:held], order[held:]
        self.booster = xgboost.train(
            {
                "objective": "reg:quantileerror",
                "quantile_alpha": list(self.quantiles),
                "max_depth": 3,
                "eta": 0.1,
                "tree_method": "hist",
                "max_bin": 64,
                "nthread": 1,
                "seed": 0,
            },
            xgboost.DMatrix(X[train].astype("float32"), label=y[train], nthread=1),
            num_boost_round=100,
        )
        self.corrections = self._conformal_corrections(X[valid], y[valid])
        self.candidates = draw_candidates(self.config_space, self.count, self.random_state)
        self.predictions = self.predict(self.encoder.matrix(self.candidates))

    def _conformal_corrections(self, X: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Symmetric correction of each quantile pair, as (quantiles,) to be added."""
        corrections = np.zeros(len(self.quantiles))
        if not len(y):
            return corrections
        raw = self._raw(X)
        for low in range(len(self.quantiles) // 2):
            high = len(self.quantiles) - 1 - low
            residuals = np.maximum(raw[:, low] - y, y - raw[:, high])
            coverage = 1 - 2 * self.quantiles[low]
            width = np.quantile(residuals, coverage / (1 + 1 / len(residuals)))
            corrections[[low, high]] = -width, width
        return corrections

    def _raw(self, X: np.ndarray) -> np.ndarray:
        return np.asarray(self.booster.inplace_predict(X.astype("float32")), dtype="float64")

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (rows, quantiles)."""
        return self._raw(X) + self.corrections

    def suggest(self) -> dict[str, Any]:
        """Draw one quantile per candidate and return the candidate with the lowest draw."""
        drawn = self.random_state.randint(0, len(self.quantiles), self.count)
        return row(self.candidates, int(np.argmin(self.predictions[np.arange(self.count), drawn])))
