"""How the weight of the VAE loss grows over the epochs.

The schedules of Autoencodix (``src/models/tuning``), as the reference study lists them.
"""

from __future__ import annotations

import math

_MIDDLES = {"logistic-early": 1 / 4, "logistic-mid": 1 / 2, "logistic-late": 3 / 4}
_PHASES = (0.0, 0.001, 0.01, 0.1, 1.0)


def annealing_weight(schedule: str, epoch: int, epochs: int, kappa: float = 1.0) -> float:
    """Weight of the VAE loss in an epoch.

    Parameters
    ----------
    schedule
        ``logistic-early``, ``-mid``, ``-late``: ``1 / (1 + exp(-(20/T)(t - mT)))`` with m = 1/4,
        1/2, 3/4; ``3phase-linear``: 0, a ramp, 1 in thirds; ``3phase-log``: the ramp is the
        logistic-mid curve inside the middle third; ``5phase-constant``: 0, 0.001, 0.01, 0.1 and 1
        in fifths; ``linear-warmup``: ``min(1, kappa t)``, as Tybalt means it (Way & Greene 2018);
        ``no-annealing``: 1.
    epoch
        t, counted from 0.
    epochs
        T.
    kappa
        What ``linear-warmup`` adds each epoch.

    Returns
    -------
    float
        Between 0 and 1.

    Raises
    ------
    ValueError
        If the schedule is unknown.
    """
    if schedule == "no-annealing":
        return 1.0
    if schedule in _MIDDLES:
        return _logistic(epoch, epochs, _MIDDLES[schedule])
    if schedule == "linear-warmup":
        return min(1.0, kappa * epoch)
    if schedule == "5phase-constant":
        return _PHASES[min(5 * epoch // epochs, 4)]
    third = epochs / 3
    if schedule not in ("3phase-linear", "3phase-log"):
        raise ValueError(f"unknown annealing schedule {schedule!r}")
    if epoch < third:
        return 0.0
    if epoch >= 2 * third:
        return 1.0
    if schedule == "3phase-linear":
        return (epoch - third) / third
    return _logistic(epoch - third, third, 1 / 2)


def _logistic(epoch: float, epochs: float, middle: float) -> float:
    return 1 / (1 + math.exp(-(20 / epochs) * (epoch - middle * epochs)))
