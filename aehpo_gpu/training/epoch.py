"""One epoch of a fleet: its order, its batches, and what is drawn for them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

import torch

from aehpo_gpu.training import draws
from aehpo_gpu.training.step import TrainingStep

NOISE_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 24}
"""Numbers that a layer draws in one go: few launches, and on the CPU all within the cache."""


def train_epoch(
    take_step: TrainingStep,
    train: torch.Tensor,
    batches: Sequence[tuple[int, int]],
    epoch: int,
    weight: float | torch.Tensor,
    on_batch: Callable[[float], None] = lambda share: None,
    beside: Mapping[str, torch.Tensor] = MappingProxyType({}),
) -> None:
    """Train every run of a fleet for one epoch.

    Parameters
    ----------
    take_step
        The step of the fleet.
    train
        (train samples, features of the widest run).
    batches
        Start and stop of each batch, see :func:`batch_bounds`.
    epoch
        Number of the epoch, from 0: batch order and noise depend on it.
    weight
        Annealing weight of the VAE loss, of all or (runs,).
    on_batch
        Called after every batch with the share of the epoch that is done.
    beside
        Name to (train samples, …) of what samples have beside their features; a batch finds it
        among what is drawn for it.
    """
    network = take_step.network
    take_step.weigh(weight)
    network.begin_epoch(epoch)
    source = draws.generator(network.seed, "batch order", epoch)
    order = torch.randperm(len(train), generator=source)
    order = order.to(train.device)
    shuffled = train[order]
    beside = {name: values[order] for name, values in beside.items()}
    samples = batches[0][1] - batches[0][0]
    together = samples * max(1, NOISE_AT_ONCE[train.device.type] // (samples * network.noise_width))
    noise: Mapping[str, torch.Tensor] = {}
    drawn = range(0)
    for step, (start, stop) in enumerate(batches):
        if stop > drawn.stop:
            drawn = range(start, max(stop, min(start + together, len(train))))
            noise = network.draw_noise(epoch, drawn)
        here = {name: v[start - drawn.start : stop - drawn.start] for name, v in noise.items()}
        here |= {name: values[start:stop] for name, values in beside.items()}
        take_step(shuffled[start:stop], here)
        on_batch((step + 1) / len(batches))


def batch_bounds(samples: int, batch_size: int) -> Iterator[tuple[int, int]]:
    """Yield start and stop of each batch; a last batch of a single sample joins the one before.

    BatchNorm needs two samples. The last short batch is kept.
    """
    starts = list(range(0, samples, batch_size))
    if len(starts) > 1 and samples - starts[-1] == 1:
        starts.pop()
    yield from zip(starts, [*starts[1:], samples], strict=True)
