"""One training step of a fleet: losses, gradients, update; on a GPU replayed as a graph.

A step is some hundred small kernels. Launched one by one they leave the GPU idle nine tenths of the
time; a CUDA graph launches all of them at once. What changes from step to step (batch, noise,
annealing weight, number of the step) lies in tensors that the graph reads; what changes its shape
(the short last batch of an epoch) has a graph of its own.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import torch

from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.memory import memory_is_short
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.solo_optimiser import SoloOptimiser

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Graph:
    """A captured step, and the tensors that it reads batch and noise from.

    Without a graph the step is launched kernel by kernel.
    """

    graph: torch.cuda.CUDAGraph | None
    inputs: tuple[torch.Tensor, ...] = ()


class TrainingStep:
    """The step of a fleet, as often as it is called.

    Parameters
    ----------
    network, optimiser
        The fleet, or a run alone, whose steps are not replayed; after runs have left it, it needs
        another step.
    """

    def __init__(
        self,
        network: FleetNetwork | SoloNetwork | CrossedNetwork,
        optimiser: StackedOptimiser | SoloOptimiser,
    ):
        self.network, self.optimiser = network, optimiser
        runs = len(network.widths)
        self._weight = torch.zeros(runs, device=network.device, dtype=network.dtype)
        self._graphs: dict[int, _Graph] = {}

    def weigh(self, weight: float | torch.Tensor) -> None:
        """Set the annealing weight of the VAE loss, of all or (runs,), for the steps to come."""
        self._weight.copy_(torch.as_tensor(weight, dtype=self._weight.dtype))

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
        if captured is not None and captured.graph is not None:
            torch._foreach_copy_(captured.inputs, (x, *noise.values()))
            captured.graph.replay()
        elif captured is not None or not x.is_cuda or not isinstance(self.network, FleetNetwork):
            self._step(x, noise)
        else:
            x, noise = x.clone(), {name: values.clone() for name, values in noise.items()}
            # This step compiles and loads all that a capture must not.
            self._step(x, noise)
            self._graphs[len(x)] = self._captured(x, noise)

    def release(self) -> None:
        """Give back the memory of the graphs; the next call captures again."""
        self._graphs.clear()

    def _step(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> None:
        self.network.training_losses(x, noise, self._weight).total.sum().backward()
        self.network.cut_gradients()
        self.optimiser.step()
        self.network.project()

    def _captured(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> _Graph:
        """Record a step without taking it."""
        graphs = [captured.graph for captured in self._graphs.values() if captured.graph]
        graph = torch.cuda.CUDAGraph()
        try:
            # Other threads may use the device meanwhile: autograd's own does.
            with torch.cuda.graph(
                graph,
                pool=graphs[0].pool() if graphs else None,
                capture_error_mode="thread_local",
            ):
                self._step(x, noise)
        except RuntimeError as error:
            if memory_is_short(error):
                raise
            reason = str(error).splitlines()[0]
            logger.warning("a step cannot be captured as a CUDA graph, so it is slower: %s", reason)
            return _Graph(None)
        return _Graph(graph, (x, *noise.values()))
