"""The update of a run that is trained alone, by ``torch.optim``."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

from aehpo_gpu.training.rules import UpdateRule


class Alone(Protocol):
    """A run that is trained alone: its parameters, and where they lie."""

    device: torch.device

    @property
    def module(self) -> nn.Module:
        """All that is trained."""


class SoloOptimiser:
    """The update of one run by ``torch.optim``, with the interface of a stacked optimiser.

    Parameters
    ----------
    network
        The run.
    rate
        Its learning rate.
    rule
        Its rule.
    """

    def __init__(self, network: Alone, rate: float, rule: UpdateRule):
        self._parameters = list(network.module.parameters())
        self._rate, self._clip = rate, rule.clip_norm
        options: dict[str, Any] = {"lr": rate, "weight_decay": rule.weight_decay}
        if rule.optimizer in ("sgd", "rmsprop"):
            options["momentum"] = rule.momentum
        kinds: dict[str, Any] = {
            "adamw": torch.optim.AdamW,
            "adam": torch.optim.Adam,
            "sgd": torch.optim.SGD,
            "rmsprop": torch.optim.RMSprop,
        }
        self._optimiser = kinds[rule.optimizer](self._parameters, **options)
        self.alive = torch.ones(1, device=network.device, dtype=torch.bool)

    def scale_rates(self, multipliers: Sequence[float]) -> None:
        """Set what the learning rate is multiplied by from now on."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * multipliers[0]

    def state_dict(self) -> dict[str, Any]:
        """Return all that the steps to come depend on, beside the parameters."""
        return {"optimiser": self._optimiser.state_dict(), "alive": self.alive}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` returned."""
        self._optimiser.load_state_dict(state["optimiser"])
        self.alive.copy_(state["alive"])

    def step(self) -> None:
        """Update the run, unless a gradient was ever not finite."""
        norm = nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        self.alive &= torch.isfinite(norm)
        if bool(self.alive):
            if math.isfinite(self._clip):
                nn.utils.clip_grads_with_norm_(self._parameters, self._clip, norm)
            self._optimiser.step()
        self._optimiser.zero_grad()
