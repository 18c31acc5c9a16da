"""Trees, and what they say of the true mean of a configuration.

Trees predict; how far they are off, and what a configuration's own runs say beside them, is added
here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class XGBoostRegressor:
    """Trees of xgboost (Chen & Guestrin 2016), one thread, one seed: the same bits always.

    Parameters
    ----------
    seed
        Seed of the row and column subsampling.
    rounds
        Number of boosting rounds.
    settings
        Settings of xgboost that differ from the defaults here.
    """

    suffix = ".json"

    def __init__(self, seed: int = 0, rounds: int = 300, **settings: Any):
        self.rounds = rounds
        self.parameters: dict[str, Any] = {
            "objective": "reg:squarederror",
            "tree_method": "hist",
            "max_depth": 5,
            "eta": 0.06,
            "subsample": 0.8,
            "colsample_bynode": 0.8,
            "min_child_weight": 2,
            "max_bin": 128,
        } | settings
        self.parameters |= {"seed": seed, "nthread": 1}
        self.booster: Any = None

    def fit(self, X: np.ndarray, y: np.ndarray) -> XGBoostRegressor:
        """Fit on (rows, columns) and (rows,)."""
        import xgboost

        data = xgboost.DMatrix(X.astype("float32"), label=y, nthread=1)
        self.booster = xgboost.train(self.parameters, data, self.rounds)
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (rows,), float64."""
        return np.asarray(self.booster.inplace_predict(X.astype("float32")), dtype="float64")

    def importance(self, columns: int) -> np.ndarray:
        """Return (columns,) shares of the total gain; equal ones where no tree has a split."""
        gains = self.booster.get_score(importance_type="total_gain")
        shares = np.array([gains.get(f"f{column}", 0.0) for column in range(columns)])
        total = shares.sum()
        return shares / total if total > 0 else np.full(columns, 1 / columns)

    def save(self, path: Path) -> None:
        """Write the model as xgboost's JSON."""
        self.booster.save_model(path)

    def restore(self, path: Path) -> XGBoostRegressor:
        """Read what :meth:`save` wrote."""
        import xgboost

        self.booster = xgboost.Booster(params={"nthread": 1}, model_file=path)
        return self


def random_forest(seed: int = 0) -> XGBoostRegressor:
    """Grow a random forest (Breiman 2001) with xgboost: deep trees, one round, no shrinkage."""
    return XGBoostRegressor(
        seed,
        rounds=1,
        num_parallel_tree=300,
        eta=1,
        max_depth=12,
        reg_lambda=1e-3,
        subsample=0.63,
        colsample_bynode=0.5,
        min_child_weight=2,
    )


def shallow_xgboost(seed: int = 0) -> XGBoostRegressor:
    """Boost shallow trees slowly, for small tables."""
    return XGBoostRegressor(seed, rounds=400, max_depth=2, eta=0.05, min_child_weight=3)


def failure_classifier(seed: int) -> XGBoostRegressor:
    """Return the unfitted classifier of runs that diverge, fail or collapse."""
    return XGBoostRegressor(
        seed, rounds=120, objective="binary:logistic", max_depth=3, eta=0.1, min_child_weight=0.5
    )


TREES = {
    "xgboost": XGBoostRegressor,
    "shallow_xgboost": shallow_xgboost,
    "random_forest": random_forest,
}
"""Name of a model to its constructor, which takes the seed."""


class TreePosterior:
    """Trees with the variance of their misfit, and the own means of what was trained.

    Of a configuration that was trained, the trees know its own noise. It has the prediction out of
    fold instead, and its own mean beside it, each by what it is worth: the posterior of a true mean
    that lies about the prediction with the variance of the misfit.

    Parameters
    ----------
    trees
        Fitted to all that was trained.
    X
        (rows, columns) what was trained.
    posterior
        (rows, 2) its posterior mean and variance, of :func:`shrunken`.
    misfit
        Variance of the misfit; NaN where it was not measured.
    """

    suffix = ".npz"

    def __init__(
        self, trees: XGBoostRegressor, X: np.ndarray, posterior: np.ndarray, misfit: float
    ):
        self.trees, self.X, self.posterior, self.misfit = trees, X, posterior, misfit
        self.rows = {point.tobytes(): row for row, point in reversed(list(enumerate(X)))}

    @property
    def length_scales(self) -> np.ndarray:
        """(columns,) what counts as one unit of distance in each.

        Trees have no length scale. A column that has the mean share of the gain has 1, the range of
        all of them, one of four times that share a half, and one that decides nothing 50.
        """
        columns = self.X.shape[1]
        return 1 / np.sqrt(np.maximum(self.trees.importance(columns) * columns, 1 / 50**2))

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Posterior mean, (rows,)."""
        predicted = self.trees.predict(X)
        for row, known in self._trained(X):
            predicted[row] = self.posterior[known, 0]
        return predicted

    def variance(self, X: np.ndarray) -> np.ndarray:
        """Posterior variance, (rows,)."""
        variance = np.full(len(X), self.misfit)
        for row, known in self._trained(X):
            variance[row] = self.posterior[known, 1]
        return variance

    def covariance(self, X: np.ndarray) -> np.ndarray:
        """Posterior covariance, (rows, rows): diagonal, since trees know of no more."""
        return np.diag(self.variance(X))

    def _trained(self, X: np.ndarray) -> list[tuple[int, int]]:
        found = ((row, self.rows.get(point.tobytes())) for row, point in enumerate(X))
        return [(row, known) for row, known in found if known is not None]

    def save(self, path: Path) -> None:
        """Write the trees, as xgboost's JSON, and what was trained."""
        booster = np.frombuffer(self.trees.booster.save_raw("json"), dtype="uint8")
        np.savez(path, booster=booster, X=self.X, posterior=self.posterior, misfit=self.misfit)

    @classmethod
    def restore(cls, path: Path) -> TreePosterior:
        """Read what :meth:`save` wrote."""
        import xgboost

        trees = XGBoostRegressor()
        with np.load(path, allow_pickle=False) as content:
            trees.booster = xgboost.Booster(params={"nthread": 1})
            trees.booster.load_model(bytearray(content["booster"].tobytes()))
            return cls(trees, content["X"], content["posterior"], float(content["misfit"]))


def shrunken(
    held_out: np.ndarray, means: np.ndarray, noise: np.ndarray, misfit: float
) -> np.ndarray:
    """Combine what a model says of a configuration that it did not see with the own mean.

    Parameters
    ----------
    held_out, means, noise
        (rows,) predictions out of fold, means, and variances of their noise.
    misfit
        Variance of the misfit.

    Returns
    -------
    numpy.ndarray
        (rows, 2) posterior mean and variance. The weight of the own mean is
        ``misfit / (misfit + noise)``.
    """
    total = misfit + noise
    weight = np.divide(misfit, total, out=np.ones_like(total), where=total > 0)
    return np.column_stack([held_out + weight * (means - held_out), weight * noise])
