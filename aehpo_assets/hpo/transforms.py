"""The scale on which each objective is modelled, chosen so that predictions stay possible.

The AUC is modelled on the logit, so that no prediction leaves (0, 1); the runtime on the log
scale, where its noise is even; R2 as it is, cut to [-1, 1] afterwards.
"""

from __future__ import annotations

import numpy as np

from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_SCORE

_AUC_MARGIN = 1e-3
_SHORTEST_RUNTIME = 1e-3


def to_model_scale(values: np.ndarray, objective: str) -> np.ndarray:
    """Map values of an objective to the scale on which it is modelled."""
    values = np.asarray(values, dtype="float64")
    if objective in (VALID_SCORE, TEST_SCORE):
        auc = np.clip(values, _AUC_MARGIN, 1 - _AUC_MARGIN)
        return np.log(auc / (1 - auc))
    if objective == RUNTIME:
        return np.log(np.maximum(values, _SHORTEST_RUNTIME))
    return values


def from_model_scale(values: np.ndarray, objective: str) -> np.ndarray:
    """Map modelled values back, inside the bounds of the objective."""
    values = np.asarray(values, dtype="float64")
    if objective in (VALID_SCORE, TEST_SCORE):
        return 1 / (1 + np.exp(-np.clip(values, -30, 30)))
    if objective == RUNTIME:
        return np.exp(np.clip(values, np.log(_SHORTEST_RUNTIME), 30))
    return np.clip(values, -1, 1)
