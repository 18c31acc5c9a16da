"""The objectives of a run, with all that is known of each: one entry an objective.

Here belongs what the numbers mean: which way is better, what a failed run counts as, on which scale
they are modelled. How they are tabulated belongs to ``evaluations``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import RUNTIME, TEST_SCORE, VALID_LOSS, VALID_R2, VALID_SCORE

FAILED_SCORE = 0.5
"""AUC of a latent space that tells nothing apart; a validated run without a score counts as it."""

_SHORTEST_RUNTIME = 1e-3


@dataclass(frozen=True)
class Objective:
    """What a search is after.

    Attributes
    ----------
    name
        Column of run results, blackboxes and predictions.
    title
        What pictures and reports call it.
    maximise
        Whether more is better.
    scale
        On which it is modelled: ``log``, where the noise of seconds is even; ``linear``, cut to
        the bounds afterwards. Scores are modelled as they are: the mean of their logits is not that
        of the scores.
    bounds
        Between which every value lies.
    failed_value
        What a run that diverged or failed counts as: ``worst``, the worst that a finished run of
        its task reached, or else the worst bound; ``own``, what it has itself (the seconds that it
        spent), or else the lower bound.
    """

    name: str
    title: str
    maximise: bool
    scale: Literal["log", "linear"]
    bounds: tuple[float, float]
    failed_value: Literal["worst", "own"]

    @property
    def sign(self) -> int:
        """The factor that turns it into a loss."""
        return -1 if self.maximise else 1

    def counted(self, values: pd.Series, tasks: pd.Series) -> pd.Series:
        """Return what runs count as, float64, finite and inside the bounds.

        Parameters
        ----------
        values
            What the runs reached; not finite where there is nothing that counts.
        tasks
            Task of each run.
        """
        values = values.astype("float64")
        values = values.where(np.isfinite(values)).clip(*self.bounds)
        if self.failed_value == "own":
            return values.fillna(self.bounds[0])
        reached = values.groupby(tasks).transform("min" if self.maximise else "max")
        return values.fillna(reached).fillna(self.bounds[0 if self.maximise else 1])

    def to_model_scale(self, values: np.ndarray) -> np.ndarray:
        """Map values to the scale on which they are modelled."""
        values = np.asarray(values, dtype="float64")
        if self.scale == "log":
            return np.log(np.maximum(values, _SHORTEST_RUNTIME))
        return values

    def from_model_scale(self, values: np.ndarray) -> np.ndarray:
        """Map modelled values back, inside the bounds."""
        values = np.asarray(values, dtype="float64")
        if self.scale == "log":
            return np.exp(np.clip(values, np.log(_SHORTEST_RUNTIME), 30))
        return np.clip(values, *self.bounds)


OBJECTIVES = (
    Objective(RUNTIME, "training runtime (s)", False, "log", (0, math.inf), "own"),
    Objective(VALID_R2, "valid R²", True, "linear", (-1, 1), "worst"),
    Objective(VALID_SCORE, "weighted average AUC, valid", True, "linear", (0, 1), "worst"),
)
"""What searches know and surrogates predict, in the order of a blackbox's columns."""

TEST_OBJECTIVE = Objective(
    TEST_SCORE, "weighted average AUC, test", True, "linear", (0, 1), "worst"
)
"""The last column of a blackbox whose test is open; no search is told of it."""

VALID_LOSS_OBJECTIVE = Objective(VALID_LOSS, "valid loss", False, "log", (0, 1e12), "worst")
"""What is minimised, on the valid samples; in no blackbox, and known to a surrogate only where a
study's searches are after it, since losses of other kinds and weights are other numbers."""

OPERATIONS = "training_operations"

OPERATIONS_OBJECTIVE = Objective(
    OPERATIONS, "training operations", False, "log", (0, math.inf), "own"
)
"""What a training costs on every machine: counted for a configuration, and in no blackbox."""

OBJECTIVE = {
    objective.name: objective
    for objective in (*OBJECTIVES, TEST_OBJECTIVE, VALID_LOSS_OBJECTIVE, OPERATIONS_OBJECTIVE)
}
"""Name to objective, those of the test score, the loss and the operations included."""

NAMED = {"score": VALID_SCORE, "valid_r2": VALID_R2, "valid_loss": VALID_LOSS}
"""What a study calls the objective of its searches, to its column."""

OBJECTIVE_NAMES = tuple(objective.name for objective in OBJECTIVES)
