"""Searchers as Syne Tune has them, with candidates drawn, encoded and scored in batches.

Stock BORE asks its classifier for one candidate at a time and stock CQR fits five gradient
boosting models of scikit-learn at every suggestion; here one call scores all candidates, and one
xgboost model predicts all quantiles. The methods are unchanged: encoding, number of candidates,
classifier, quantiles, trees, depth, learning rate and conformal correction.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import xgboost
from syne_tune.config_space import Domain, is_log_space
from syne_tune.optimizer.schedulers.searchers.bore import Bore
from syne_tune.optimizer.schedulers.searchers.conformal.conformal_quantile_regression_searcher import (  # noqa: E501
    ConformalQuantileRegression,
)
from syne_tune.optimizer.schedulers.transfer_learning.quantile_based.quantile_based_searcher import (  # noqa: E501
    QuantileBasedSurrogateSearcher,
)

from aehpo_assets.hpo.encoding import Encoder
from aehpo_assets.space import Choice, Distribution, LogUniform, SearchSpace, Uniform

Columns = dict[str, list[Any]]


def draw_candidates(
    config_space: dict[str, Any], count: int, generator: np.random.RandomState
) -> Columns:
    """Draw ``count`` configurations, hyperparameter by hyperparameter."""
    columns: Columns = {}
    for name, domain in config_space.items():
        if isinstance(domain, Domain):
            drawn = domain.sample(size=count, random_state=generator)
            columns[name] = drawn if count > 1 else [drawn]
        else:
            columns[name] = [domain] * count
    return columns


def encoder_of(config_space: dict[str, Any]) -> Encoder:
    """Return the encoder of a Syne Tune space; constants are left out."""
    distributions: dict[str, Distribution] = {}
    for name, domain in config_space.items():
        if not isinstance(domain, Domain):
            continue
        if hasattr(domain, "categories"):
            distributions[name] = Choice(tuple(domain.categories))
        else:
            kind = LogUniform if is_log_space(domain) else Uniform
            distributions[name] = kind(domain.lower, domain.upper)
    return Encoder(SearchSpace("", distributions), one_hot=True)


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
            return _row(draw_candidates(self.config_space, 1, self.random_state), 0)
        candidates = draw_candidates(self.config_space, self.feval_acq, self.random_state)
        losses = self._loss(self.encoder.matrix(candidates))
        return _row(candidates, int(np.argmin(losses)))

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
        return _row(self.candidates, int(np.argmin(self.predictions[np.arange(self.count), drawn])))


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


def _row(columns: Columns, position: int) -> dict[str, Any]:
    return {name: values[position] for name, values in columns.items()}
