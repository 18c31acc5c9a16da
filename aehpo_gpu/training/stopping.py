"""When a run ends before its length: once its valid loss has not fallen for so many epochs.

The loss is the total one of the valid samples, per sample, with the latent loss at its full weight,
so that it is one loss in all epochs; while the annealing has not come that far, none counts. A run
keeps the parameters of the epoch that it stops at, not of the best one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

FULL_WEIGHT = 0.99
"""Share of the latent loss from which on the annealing counts as over."""


@dataclass(frozen=True)
class StoppingRule:
    """The rule of one run.

    Attributes
    ----------
    patience
        Epochs without a fall after which it stops; 0 for never.
    min_delta
        By how much, and more, the loss has to fall.
    min_epochs
        Epochs that it is trained at least.
    """

    patience: int
    min_delta: float
    min_epochs: int


def stopping_rules(runs: pd.DataFrame) -> list[StoppingRule]:
    """Return the rule of each run."""
    columns = ("patience", "min_delta", "min_epochs")
    rows = zip(*(runs[name].tolist() for name in columns), strict=True)
    return [StoppingRule(int(p), float(delta), int(least)) for p, delta, least in rows]


class EarlyStopping:
    """The runs of a fleet, and how long each has waited for a lower loss.

    Parameters
    ----------
    rules
        One a run.
    """

    def __init__(self, rules: Sequence[StoppingRule]):
        self._rules = list(rules)
        self._best = np.full(len(self._rules), np.inf)
        self._waited = np.zeros(len(self._rules), dtype=int)

    @property
    def is_on(self) -> bool:
        """Whether any run may stop."""
        return any(rule.patience for rule in self._rules)

    def stops(self, epochs: int, losses: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return which runs stop, (runs,).

        Parameters
        ----------
        epochs
            Epochs that they have been trained.
        losses
            (runs,) on the valid samples; one that is not finite is no fall.
        weights
            (runs,) share of the latent loss that the last epoch had.
        """
        counts = weights >= FULL_WEIGHT
        delta = np.array([rule.min_delta for rule in self._rules])
        fell = counts & (losses < self._best - delta)
        self._best = np.where(fell, losses, self._best)
        self._waited = np.where(fell, 0, self._waited + counts)
        return np.array(
            [
                0 < rule.patience <= waited and epochs >= rule.min_epochs
                for rule, waited in zip(self._rules, self._waited.tolist(), strict=True)
            ]
        )

    def state(self) -> dict[str, list[float]]:
        """Return how far each run has waited, and for what."""
        return {"best": self._best.tolist(), "waited": self._waited.tolist()}

    def restore(self, state: Mapping[str, Sequence[float]]) -> None:
        """Go on from what :meth:`state` returned of the same runs."""
        self._best = np.array(state["best"], dtype=float)
        self._waited = np.array(state["waited"], dtype=int)

    def take(self, rows: Sequence[int]) -> None:
        """Go on with some of the runs alone."""
        self._rules = [self._rules[row] for row in rows]
        self._best, self._waited = self._best[list(rows)], self._waited[list(rows)]
