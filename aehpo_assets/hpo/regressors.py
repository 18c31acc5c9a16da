"""The regression models a surrogate can be made of: small, deterministic, saved without pickle.

Each takes an encoded matrix and a target on the model scale. Which one is used for what belongs
to ``surrogate``.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class XGBoostRegressor:
    """Gradient-boosted trees (Chen & Guestrin 2016), one thread, one seed: the same bits always.

    Parameters
    ----------
    seed
        Seed of the row and column subsampling.
    settings
        Settings of xgboost that differ from the defaults here; ``rounds`` is the number of trees.
    """

    name = "xgboost"
    suffix = ".json"

    def __init__(self, seed: int = 0, **settings: Any):
        self.rounds = int(settings.pop("rounds", 300))
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

    @classmethod
    def load(cls, path: Path) -> XGBoostRegressor:
        """Read what :meth:`save` wrote."""
        import xgboost

        model = cls()
        model.booster = xgboost.Booster(params={"nthread": 1}, model_file=path)
        return model
