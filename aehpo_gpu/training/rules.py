"""By which rule each run of a fleet is updated: optimiser, momentum, weight decay, clipping."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.space.training import OPTIMIZERS, TRAINING

_DEFAULTS = {one.name: one.default for one in TRAINING}


@dataclass(frozen=True)
class UpdateRule:
    """The rule of one run.

    Attributes
    ----------
    optimizer
        ``adamw``, ``adam``, ``sgd`` or ``rmsprop``, each as ``torch.optim`` has it by default.
    momentum
        Of ``sgd`` and ``rmsprop``.
    weight_decay
        Decoupled from the gradient in ``adamw``; in the others it is added to the gradient (L2).
    clip_norm
        Norm that the gradient is scaled down to; infinite for none.
    """

    optimizer: str = str(_DEFAULTS["optimizer"])
    momentum: float = float(_DEFAULTS["momentum"])
    weight_decay: float = float(_DEFAULTS["weight_decay"])
    clip_norm: float = float(_DEFAULTS["clip_norm"])

    @property
    def number(self) -> int:
        """Position of the optimiser within those there are."""
        return OPTIMIZERS.index(self.optimizer)


def update_rules(runs: pd.DataFrame) -> Sequence[UpdateRule]:
    """Return the rule of each run; a ``clip_norm`` of 0 says that nothing is clipped."""
    columns = ("optimizer", "momentum", "weight_decay", "clip_norm")
    rows = zip(*(runs[name].tolist() for name in columns), strict=True)
    return [
        UpdateRule(optimizer, float(momentum), float(decay), float(clip) or math.inf)
        for optimizer, momentum, decay, clip in rows
    ]
