"""The regression models a surrogate can be made of: small, deterministic, saved without pickle.

Each takes an encoded matrix in [0, 1] and a target on the model scale. Here the model of one
objective on one task is chosen too, out of fold; fitting all of them belongs to ``surrogate``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from aehpo_assets.hpo.surrogate.diagnostics import conformal_margins


class Regressor(Protocol):
    """What every model can do."""

    suffix: str

    def fit(self, X: np.ndarray, y: np.ndarray) -> Any:
        """Fit on (rows, columns) and (rows,)."""

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (rows,), float64."""

    def save(self, path: Path) -> None:
        """Write the fitted model."""

    def restore(self, path: Path) -> Any:
        """Read what :meth:`save` wrote into this model."""


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

    def save(self, path: Path) -> None:
        """Write the model as xgboost's JSON."""
        self.booster.save_model(path)

    def restore(self, path: Path) -> XGBoostRegressor:
        """Read what :meth:`save` wrote."""
        import xgboost

        self.booster = xgboost.Booster(params={"nthread": 1}, model_file=path)
        return self


class NearestNeighboursRegressor:
    """Mean of the nearest configurations, weighted by the inverse distance.

    Parameters
    ----------
    neighbours
        How many are averaged.
    """

    suffix = ".npz"

    def __init__(self, seed: int = 0, neighbours: int = 8):
        self.neighbours = neighbours
        self.X, self.y = np.empty((0, 0)), np.empty(0)

    def fit(self, X: np.ndarray, y: np.ndarray) -> NearestNeighboursRegressor:
        """Keep the training rows."""
        self.X, self.y = X, y
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (rows,), float64."""
        predicted = np.empty(len(X))
        for row, point in enumerate(X):
            distances = np.sqrt(((self.X - point) ** 2).sum(axis=1))
            nearest = np.argsort(distances, kind="stable")[: self.neighbours]
            weights = 1 / (distances[nearest] + 1e-6)
            predicted[row] = weights @ self.y[nearest] / weights.sum()
        return predicted

    def save(self, path: Path) -> None:
        """Write the training rows."""
        np.savez(path, X=self.X, y=self.y, neighbours=self.neighbours)

    def restore(self, path: Path) -> NearestNeighboursRegressor:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as content:
            self.X, self.y = content["X"], content["y"]
            self.neighbours = int(content["neighbours"])
        return self


class GaussianProcessRegressor:
    """Gaussian process with a Matérn 5/2 kernel, one length scale a column, and noise.

    Hyperparameters are those of the largest marginal likelihood (scikit-learn); the fit takes at
    most ``max_rows`` rows, drawn with the seed, because its cost grows with their cube.

    Parameters
    ----------
    seed
        Seed of the draw of rows.
    max_rows
        Most rows to fit on.
    """

    suffix = ".npz"

    def __init__(self, seed: int = 0, max_rows: int = 300):
        self.seed, self.max_rows = seed, max_rows
        self.content: dict[str, np.ndarray] = {}

    def fit(self, X: np.ndarray, y: np.ndarray) -> GaussianProcessRegressor:
        """Fit on (rows, columns) and (rows,)."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.gaussian_process import GaussianProcessRegressor as ExactProcess
        from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
        from threadpoolctl import threadpool_limits

        if len(y) > self.max_rows:
            rows = np.random.default_rng(self.seed).permutation(len(y))[: self.max_rows]
            X, y = X[rows], y[rows]
        mean, scale = float(y.mean()), float(y.std()) or 1.0
        kernel = ConstantKernel() * Matern(np.ones(X.shape[1]), (0.05, 50), nu=2.5)
        process = ExactProcess(kernel + WhiteKernel(0.1, (1e-4, 2)))
        # Sums in another order, as with other numbers of threads, would end in other optima.
        with threadpool_limits(1), warnings.catch_warnings():
            # A length scale at its bound says that the hyperparameter does not matter.
            warnings.simplefilter("ignore", ConvergenceWarning)
            process.fit(X, (y - mean) / scale)
        signal = process.kernel_.k1
        self.content = {
            "X": X,
            "alpha": np.ravel(process.alpha_),
            "length_scale": np.broadcast_to(signal.k2.length_scale, X.shape[1]).copy(),
            "constants": np.array([signal.k1.constant_value, mean, scale]),
        }
        return self

    def predict(self, X: np.ndarray) -> np.ndarray:
        """Predict (rows,), float64."""
        amplitude, mean, scale = self.content["constants"]
        length_scale = self.content["length_scale"]
        gaps = X[:, None, :] / length_scale - self.content["X"][None] / length_scale
        distance = np.sqrt(5) * np.sqrt((gaps**2).sum(axis=2))
        kernel = amplitude * (1 + distance + distance**2 / 3) * np.exp(-distance)
        return mean + scale * (kernel * self.content["alpha"]).sum(axis=1)

    def save(self, path: Path) -> None:
        """Write the kernel and the weights."""
        np.savez(path, **self.content)  # type: ignore[arg-type]

    def restore(self, path: Path) -> GaussianProcessRegressor:
        """Read what :meth:`save` wrote."""
        with np.load(path, allow_pickle=False) as content:
            self.content = {name: content[name] for name in content.files}
        return self


def _random_forest(seed: int = 0) -> XGBoostRegressor:
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


def _shallow_xgboost(seed: int = 0) -> XGBoostRegressor:
    """Boost shallow trees slowly, for small tables."""
    return XGBoostRegressor(seed, rounds=400, max_depth=2, eta=0.05, min_child_weight=3)


REGRESSORS: dict[str, Callable[[int], Regressor]] = {
    "xgboost": XGBoostRegressor,
    "shallow_xgboost": _shallow_xgboost,
    "random_forest": _random_forest,
    "nearest_neighbours": NearestNeighboursRegressor,
    "gaussian_process": GaussianProcessRegressor,
}
"""Name of a model to its constructor, which takes the seed."""

RESIDUAL_LEVELS = 101
"""Number of quantiles, from 0 to 1, by which the out-of-fold residuals are kept."""


@dataclass(frozen=True)
class ObjectiveModel:
    """A fitted model and what it leaves unexplained.

    Attributes
    ----------
    name
        Key of :data:`REGRESSORS`.
    regressor
        The fitted model, on the model scale.
    margins
        Lower and upper margin of the 90 % prediction interval of a run, on the model scale.
    residuals
        Quantiles of the out-of-fold residuals, ascending, on the model scale.
    """

    name: str
    regressor: Regressor
    margins: tuple[float, float]
    residuals: tuple[float, ...]


def fit_objective(
    X: np.ndarray, y: np.ndarray, folds: np.ndarray, seed: int, candidates: Sequence[str]
) -> tuple[ObjectiveModel, np.ndarray, dict[str, float]]:
    """Fit the candidate that predicts unseen configurations best.

    Parameters
    ----------
    X, y
        Encoded configurations and values on the model scale.
    folds
        Fold of every row; rows of one configuration share theirs.
    seed
        Seed of the models.
    candidates
        Keys of :data:`REGRESSORS`; the first wins a tie.

    Returns
    -------
    model : ObjectiveModel
    held_out : numpy.ndarray
        Out-of-fold predictions of the chosen model.
    errors : dict
        Candidate to its out-of-fold root mean squared error, on the model scale.
    """
    held_out = {name: out_of_fold_predictions(name, X, y, folds, seed) for name in candidates}
    errors = {name: float(np.sqrt(((y - p) ** 2).mean())) for name, p in held_out.items()}
    # NaN (a single fold) compares as false, so that the first candidate stays.
    best = candidates[0]
    for name in candidates[1:]:
        if errors[name] < errors[best]:
            best = name
    residuals = y - held_out[best]
    known = residuals[np.isfinite(residuals)]
    levels = np.linspace(0, 1, RESIDUAL_LEVELS)
    model = ObjectiveModel(
        name=best,
        regressor=REGRESSORS[best](seed).fit(X, y),
        margins=conformal_margins(residuals),
        residuals=tuple(np.quantile(known, levels).tolist()) if len(known) else (0.0, 0.0),
    )
    return model, held_out[best], errors


def out_of_fold_predictions(
    name: str, X: np.ndarray, y: np.ndarray, folds: np.ndarray, seed: int
) -> np.ndarray:
    """Predict every run by a model that saw no run of its configuration; NaN with one fold."""
    predicted = np.full(len(y), np.nan)
    if folds.max(initial=0) == 0:
        return predicted
    for fold in np.unique(folds):
        held = folds == fold
        predicted[held] = REGRESSORS[name](seed).fit(X[~held], y[~held]).predict(X[held])
    return predicted
