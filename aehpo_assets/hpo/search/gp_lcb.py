"""Bayesian optimisation as KerasTuner has it; imported where it is used.

A Gaussian process (Matern 5/2, noise 1e-4 of the variance of the losses) and its lower confidence
bound, after three random configurations for each hyperparameter. KerasTuner optimises the bound
from random starts in a box; here it is the lowest of many random candidates, which words and lists
have as well.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern
from syne_tune.optimizer.schedulers.searchers.single_objective_searcher import (
    SingleObjectiveBaseSearcher,
)

from aehpo_assets.hpo.search.candidates import draw_candidates, encoder_of, row

NOISE = 1e-4
INITIAL_OF_EACH = 3


class GaussianProcessLCB(SingleObjectiveBaseSearcher):
    """The lower confidence bound of a Gaussian process (Srinivas et al. 2010).

    Parameters
    ----------
    config_space, points_to_evaluate, random_seed
        As in Syne Tune's searchers.
    beta
        Standard deviations below the mean.
    initial
        Random configurations to begin with; three for each hyperparameter by default.
    candidates
        Random configurations that the bound is compared at.
    """

    def __init__(
        self,
        config_space: dict[str, Any],
        points_to_evaluate: list[dict[str, Any]] | None = None,
        random_seed: int | None = None,
        *,
        beta: float = 2.6,
        initial: int | None = None,
        candidates: int = 2000,
    ):
        super().__init__(config_space, points_to_evaluate, random_seed)
        self._beta, self._candidates = beta, candidates
        self._initial = INITIAL_OF_EACH * len(config_space) if initial is None else initial
        self._encoder = encoder_of(config_space)
        self._random = np.random.RandomState(random_seed)
        self._inputs: list[np.ndarray] = []
        self._losses: list[float] = []

    def suggest(self, **kwargs: Any) -> dict[str, Any] | None:
        """Suggest the candidate of the lowest bound."""
        given: dict[str, Any] | None = self._next_points_to_evaluate()
        if given is not None:
            return given
        if len(self._losses) < max(2, self._initial) or np.ptp(self._losses) == 0:
            return row(draw_candidates(self.config_space, 1, self._random), 0)
        losses = np.array(self._losses)
        process = GaussianProcessRegressor(
            Matern(nu=2.5), alpha=NOISE, normalize_y=True, random_state=self._random.randint(2**31)
        )
        with warnings.catch_warnings():
            # A length that reaches its bound says that a hyperparameter does not matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(np.stack(self._inputs), losses)
        drawn = draw_candidates(self.config_space, self._candidates, self._random)
        mean, deviation = process.predict(self._encoder.matrix(drawn), return_std=True)
        return row(drawn, int(np.argmin(mean - self._beta * deviation)))

    def on_trial_complete(
        self,
        trial_id: int,
        config: dict[str, Any],
        metric: float,
        resource_level: int | None = None,
    ) -> None:
        """Take in the loss of a configuration."""
        self._inputs.append(self._encoder.matrix([config])[0])
        self._losses.append(metric)
