"""All that the training of a fleet goes on with, bit for bit: parameters, statistics, moments."""

from __future__ import annotations

from typing import Any

import torch

from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.solo_optimiser import SoloOptimiser

Network = FleetNetwork | SoloNetwork | CrossedNetwork
Optimiser = StackedOptimiser | SoloOptimiser


def state_of(network: Network, optimiser: Optimiser) -> dict[str, Any]:
    """Return the state of a network and of what steps it.

    Everything random is drawn from streams of the seed and the epoch, so that no generator has a
    state of its own.

    Returns
    -------
    dict
        Tensors, which share the memory of the network, numbers, and lists and dictionaries of them.
    """
    if isinstance(network, FleetNetwork) and isinstance(optimiser, StackedOptimiser):
        return {"tensors": _tensors(network, optimiser)}
    assert not isinstance(network, FleetNetwork)
    assert isinstance(optimiser, SoloOptimiser)
    return {"module": network.module.state_dict(), "optimiser": optimiser.state_dict()}


@torch.no_grad()
def restore(network: Network, optimiser: Optimiser, state: dict[str, Any]) -> None:
    """Bring a network of the same runs, and what steps it, into a state."""
    if isinstance(network, FleetNetwork) and isinstance(optimiser, StackedOptimiser):
        for own, kept in zip(_tensors(network, optimiser), state["tensors"], strict=True):
            own.copy_(kept)
        return
    assert not isinstance(network, FleetNetwork)
    assert isinstance(optimiser, SoloOptimiser)
    network.module.load_state_dict(state["module"])
    optimiser.load_state_dict(state["optimiser"])


def _tensors(network: FleetNetwork, optimiser: StackedOptimiser) -> list[torch.Tensor]:
    statistics = [(one.running_mean, one.running_variance) for one in network.stack.layers]
    return [
        network.stack.values,
        *(values for pair in statistics for values in pair if values is not None),
        *(optimiser.first, optimiser.second, optimiser.steps, optimiser.alive),
    ]
