"""What configurations truly score, as far as their own runs and those of others tell.

The best of many noisy means is lucky. Here each mean is drawn towards what a forest makes of the
other configurations, by as much as the noise of its runs allows. The surrogate of a study does the
same with more care; this is for analyses that have to do it many times over.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.analysis.configurations import as_numbers, configuration_scores
from aehpo_assets.hpo.objectives import VALID_SCORE

TREES = 100
SMALLEST_LEAF = 3


def replicate_scores(results: pd.DataFrame) -> pd.DataFrame:
    """Return the valid scores of one task, (configurations, replicates).

    Parameters
    ----------
    results
        Run results of one architecture and task; a run that is not ``ok`` counts as an AUC of 0.5.
    """
    table = results.drop(columns="task", errors="ignore")
    parts = {
        replicate: configuration_scores(own, [])[VALID_SCORE]
        for replicate, own in table.groupby("seed", sort=True)
    }
    return pd.DataFrame(parts).sort_index()


def noise_variance(scores: pd.DataFrame) -> float:
    """Variance of a single run about its configuration, less what replicates move all alike.

    Parameters
    ----------
    scores
        (configurations, replicates), as :func:`replicate_scores` returns them.

    Returns
    -------
    float
        NaN with fewer than two replicates or configurations.
    """
    whole = scores.dropna()
    freedom = (whole.shape[0] - 1) * (whole.shape[1] - 1)
    if freedom < 1:
        return float("nan")
    left = whole.sub(whole.mean(axis=1), axis=0)
    left = left - left.mean()
    return float((left**2).to_numpy().sum() / freedom)


def posterior_scores(
    results: pd.DataFrame, hyperparameters: Sequence[str], seed: int = 0
) -> pd.Series:
    """Return the posterior mean of the true valid score of each configuration.

    A forest predicts each configuration from trees that did not see it; its own mean is drawn
    towards that by the share of noise in what is left (Fay and Herriot, JASA 74, 1979). Where no
    configuration was trained twice, the noise is not known, and the prediction is all that counts.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    hyperparameters
        Columns to predict from: numbers or words.
    seed
        Of the forest.

    Returns
    -------
    pandas.Series
        By ``config_id``, in its order.
    """
    from sklearn.ensemble import RandomForestRegressor

    own = results.drop(columns="task", errors="ignore")
    table = configuration_scores(own, hyperparameters).sort_index()
    X = table[list(hyperparameters)].apply(as_numbers).to_numpy("float64")
    mean = table[VALID_SCORE]
    forest = RandomForestRegressor(
        TREES, min_samples_leaf=SMALLEST_LEAF, oob_score=True, random_state=seed
    )
    predicted = pd.Series(forest.fit(X, mean).oob_prediction_, mean.index)
    scores = replicate_scores(results)
    noise = noise_variance(scores)
    if np.isnan(noise):
        return predicted
    of_mean = noise / scores.notna().sum(axis=1)
    left = max(0.0, float(((mean - predicted) ** 2).mean() - of_mean.mean()))
    weight = left / (left + of_mean) if left > 0 else 0.0
    return predicted + weight * (mean - predicted)
