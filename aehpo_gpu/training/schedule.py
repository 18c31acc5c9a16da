"""How the learning rate of a run changes over its epochs.

The schedules are those of ``torch.optim.lr_scheduler``: ``step`` (``StepLR``), ``exponential``
(``ExponentialLR``) and ``cosine`` with warm restarts (``CosineAnnealingWarmRestarts``; Loshchilov &
Hutter 2017), each after a linear warm-up of as many epochs as a run has.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd


@dataclass(frozen=True)
class RateSchedule:
    """The schedule of one run.

    Attributes
    ----------
    kind
        ``constant``, ``step``, ``exponential`` or ``cosine``.
    gamma
        What the rate is multiplied by, each epoch (``exponential``) or period (``step``).
    period
        Epochs of a step, or between two restarts.
    floor
        Share of the rate that a cosine ends at.
    warmup
        Epochs in which the rate rises to its full height, in equal steps.
    """

    kind: str
    gamma: float
    period: int
    floor: float
    warmup: int

    @property
    def is_constant(self) -> bool:
        """Whether the rate never changes."""
        return self.kind == "constant" and self.warmup == 0

    def multiplier(self, epoch: int) -> float:
        """What the rate of an epoch, counted from 0, is of the learning rate."""
        if epoch < self.warmup:
            return (epoch + 1) / self.warmup
        since = epoch - self.warmup
        if self.kind == "step":
            return float(self.gamma ** (since // self.period))
        if self.kind == "exponential":
            return float(self.gamma**since)
        if self.kind == "cosine":
            wave = (1 + math.cos(math.pi * (since % self.period) / self.period)) / 2
            return self.floor + (1 - self.floor) * wave
        return 1.0


def rate_schedules(runs: pd.DataFrame) -> Sequence[RateSchedule]:
    """Return the schedule of each run."""
    columns = ("lr_schedule", "lr_gamma", "lr_period", "lr_floor", "warmup_epochs")
    rows = zip(*(runs[name].tolist() for name in columns), strict=True)
    return [
        RateSchedule(kind, float(gamma), int(period), float(floor), int(warmup))
        for kind, gamma, period, floor, warmup in rows
    ]
