"""What is promised of the chosen configuration comes true, in studies whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.hpo.surrogate.fit import fit_surrogate
from aehpo_assets.hpo.surrogate.trees import XGBoostRegressor
from aehpo_assets.space import SearchSpace, sample_configurations

STUDIES = 14
CONFIGURATIONS, PROPOSALS, REPLICATES = 96, 200, 2
BETWEEN, RELIABILITY = 0.07, 0.35


def truth(space: SearchSpace, seed: int) -> tuple[pd.DataFrame, np.ndarray]:
    """What a study samples, then what searchers propose, with true scores of no known family."""
    generator = np.random.default_rng(seed)
    pool = sample_configurations(space, CONFIGURATIONS + PROPOSALS, seed)
    X = Encoder(space).matrix(pool)
    hidden = np.tanh((X - 0.5) @ generator.normal(0, 2.2, (X.shape[1], 12)))
    quality = hidden @ generator.normal(0, 1, 12)
    quality += sum(generator.normal() * (X[:, column] > 0.6) for column in range(X.shape[1]))
    return pool, 0.75 + BETWEEN * (quality - quality.mean()) / quality.std()


@pytest.mark.slow
def test_the_chosen_one_reaches_what_was_promised(space: SearchSpace) -> None:
    promised, before, inside = [], [], []
    for study in range(STUDIES):
        pool, true = truth(space, study)
        generator = np.random.default_rng(1000 + study)
        noise = BETWEEN * np.sqrt((1 - RELIABILITY) / RELIABILITY)
        sampled = pool.head(CONFIGURATIONS)
        runs = [
            sampled.assign(task="a", seed=seed, failed=False).assign(
                **{VALID_SCORE: true[:CONFIGURATIONS] + generator.normal(0, noise, CONFIGURATIONS)}
            )
            for seed in range(REPLICATES)
        ]
        evaluations = pd.concat(runs, ignore_index=True)
        surrogate, _, _ = fit_surrogate(evaluations, space, candidates=("gaussian_process",))
        predicted = surrogate.predict(pool, "a")[VALID_SCORE].to_numpy()
        best = int(predicted.argmax())
        promised.append(predicted[best] - true[best])
        lower, upper = surrogate.predict_interval(pool.iloc[[best]], "a")
        inside.append(lower[VALID_SCORE][0] <= true[best] <= upper[VALID_SCORE][0])
        # As before: every run is a row, and what trees have seen they repeat.
        X = Encoder(space).matrix(pool)
        trees = XGBoostRegressor().fit(
            np.tile(X[:CONFIGURATIONS], (REPLICATES, 1)), evaluations[VALID_SCORE].to_numpy()
        )
        first = trees.predict(X)
        before.append(first.max() - true[first.argmax()])
    error = np.std(promised, ddof=1) / np.sqrt(STUDIES)
    assert abs(np.mean(promised)) < 2.2 * error  # 95 % of Student's with 13 degrees of freedom
    assert error < 0.02
    assert np.mean(before) > 0.05
    assert np.mean(inside) >= 0.7
