"""One training step of a fleet: losses, gradients, update; on a GPU replayed as a graph.

A step is some hundred small kernels. Launched one by one they leave the GPU idle nine tenths of the
time; a CUDA graph launches all of them at once. What changes from step to step (batch, noise,
annealing weight, number of the step) lies in tensors that the graph reads; what changes its shape
(the short last batch of an epoch) has a graph of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedAdamW


@dataclass(frozen=True)
class _Graph:
    """A captured step, and the tensors that it reads batch and noise from."""

    graph: torch.cuda.CUDAGraph
    inputs: Sequence[torch.Tensor]


class TrainingStep:
    """The step of a fleet, as often as it is called.

    Parameters
    ----------
    network, optimiser
        The fleet; after runs have left it, it needs another step.
    """

    def __init__(self, network: FleetNetwork, optimiser: StackedAdamW):
        self.network, self.optimiser = network, optimiser
        self._weight = torch.zeros((), device=network.device, dtype=network.dtype)
        self._graphs: dict[int, _Graph] = {}

    def weigh(self, weight: float) -> None:
        """Set the annealing weight of the VAE loss for the steps to come."""
        self._weight.fill_(weight)

    def __call__(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> None:
        """Update all runs by a batch.

        Parameters
        ----------
        x
            (samples, features) shared by all runs.
        noise
            What :meth:`FleetNetwork.draw_noise` drew for it.
        """
        captured = self._graphs.get(len(x))
        if captured is not None:
            torch._foreach_copy_(captured.inputs, [x, *noise.values()])
            captured.graph.replay()
            return
        self._step(x, noise)
        if x.is_cuda:
            # The step just done has compiled and loaded all that a capture must not.
            self._graphs[len(x)] = self._captured(x, noise)

    def _step(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> None:
        self.network.training_losses(x, noise, self._weight).total.sum().backward()
        self.optimiser.step()

    def _captured(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> _Graph:
        """Record a step without taking it."""
        batch, drawn = x.clone(), {name: values.clone() for name, values in noise.items()}
        pool = next((g.graph.pool() for g in self._graphs.values()), None)
        graph = torch.cuda.CUDAGraph()
        # Other threads may use the device meanwhile: autograd's own does.
        with torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            self._step(batch, drawn)
        return _Graph(graph, [batch, *drawn.values()])
