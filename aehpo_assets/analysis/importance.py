"""How much the valid score depends on each hyperparameter.

The picture of it belongs to ``aehpo_assets.analysis.plots``; models that predict scores for a
search belong to ``aehpo_assets.hpo``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.analysis.configurations import as_numbers, configuration_scores
from aehpo_assets.hpo.objectives import VALID_SCORE

FOLDS = 5
SHUFFLES = 10
FEWEST_CONFIGURATIONS = 20
TREES = 100


def hyperparameter_importance(
    results: pd.DataFrame, hyperparameters: Sequence[str], seed: int = 0
) -> pd.DataFrame:
    """Cross-validated permutation importance of each hyperparameter for the valid score.

    A random forest predicts the score of a configuration, averaged over its seeds (and tasks, each
    less its own mean), from five folds of configurations. Importance is what the R² of the held
    out configurations loses when one hyperparameter is shuffled among all configurations
    (Breiman 2001, "Random Forests", section 10, with cross-validation instead of the out-of-bag
    samples). Words are numbered by the alphabet; a tree can part any of them. A run that is not
    ``ok`` or has no score counts as an AUC of 0.5, as in the blackbox.

    Parameters
    ----------
    results
        Run results of one architecture: ``config_id``, the hyperparameters and the valid score;
        ``status`` and ``task`` where there are any.
    hyperparameters
        Columns to judge.
    seed
        Seeds folds, forest and shuffles.

    Returns
    -------
    pd.DataFrame
        One row a hyperparameter, most important first: ``hyperparameter``, ``importance`` (loss of
        R²; around 0 or below means none), ``standard_deviation`` (over ten shuffles) and
        ``forest_r2`` (of the held out configurations: importances mean little where it is low).
        With fewer than 20 configurations, or where all score the same, the numbers are NaN.

    Raises
    ------
    InputError
        If the results lack a column.
    """
    # By name: which configurations a fold holds out must not depend on the order of the results.
    configurations = configuration_scores(results, hyperparameters).sort_index()
    X = configurations[list(hyperparameters)].apply(as_numbers).to_numpy("float64")
    score = configurations[VALID_SCORE].to_numpy()
    table = pd.DataFrame({"hyperparameter": list(hyperparameters)}).assign(
        importance=np.nan, standard_deviation=np.nan, forest_r2=np.nan
    )
    if len(score) < FEWEST_CONFIGURATIONS or np.ptp(score) == 0 or not hyperparameters:
        return table
    plain, shuffled = _held_out_predictions(X, score, seed)
    total = ((score - score.mean()) ** 2).sum()
    r2 = 1 - ((score - plain) ** 2).sum() / total
    loss = r2 - (1 - ((score - shuffled) ** 2).sum(axis=-1) / total)
    table["importance"] = loss.mean(axis=1)
    table["standard_deviation"] = loss.std(axis=1, ddof=1)
    table["forest_r2"] = r2
    return table.sort_values("importance", ascending=False, kind="stable", ignore_index=True)


def _held_out_predictions(
    X: np.ndarray, score: np.ndarray, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions (configurations,), and (hyperparameters, shuffles, configurations) shuffled."""
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import KFold

    n, features = X.shape
    generator = np.random.default_rng(seed)
    shuffled_X = np.broadcast_to(X, (features, SHUFFLES, n, features)).copy()
    for feature in range(features):
        for shuffle in range(SHUFFLES):
            shuffled_X[feature, shuffle, :, feature] = generator.permutation(X[:, feature])
    plain = np.empty(n)
    shuffled = np.empty((features, SHUFFLES, n))
    for train, held_out in KFold(FOLDS, shuffle=True, random_state=seed).split(X):
        forest = RandomForestRegressor(TREES, min_samples_leaf=2, random_state=seed)
        forest.fit(X[train], score[train])
        plain[held_out] = forest.predict(X[held_out])
        rows = shuffled_X[:, :, held_out, :].reshape(-1, features)
        shuffled[:, :, held_out] = forest.predict(rows).reshape(features, SHUFFLES, -1)
    return plain, shuffled
