"""Training one fleet: the loop over epochs and batches, and what is measured on the way.

There is no data loader and, on a GPU, no host synchronisation inside the loop. All runs of a fleet
have one seed, hence one batch order: a batch is gathered once and shared by the stack.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.labels import SPLITS
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.reconstruction import r2_of_samples
from aehpo_gpu.training import draws
from aehpo_gpu.training.annealing import annealing_weight
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rules import update_rules
from aehpo_gpu.training.schedule import rate_schedules
from aehpo_gpu.training.step import TrainingStep
from aehpo_gpu.training.task import EVALUATION_CHUNK, TrainingSettings

NOISE_AT_ONCE = {"cpu": 1 << 16, "cuda": 1 << 24}
"""Numbers that a layer draws in one go: few launches, and on the CPU all within the cache."""

MEASURES = ("recon_loss", "vae_loss", "total_loss", "r2")

Metrics = dict[str, torch.Tensor]
"""``{split}_{measure}`` to (runs,), per sample."""


class FleetTraining:
    """The training of runs of equal depth, batch size and seed as one stack.

    It goes in pieces, between which runs can leave.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run: hyperparameters and ``seed``.
    matrix
        The task on the device.
    settings
        What all runs share.

    Attributes
    ----------
    network, optimiser
        The runs that are still trained.
    members
        Their positions within the runs given.
    epoch, epochs
        How far they are, and how far they go.
    metrics, latents
        What they reached there: losses and R2, each (members,), and the (members, samples,
        latents) latent means.
    training_seconds, evaluation_seconds
        Wall clock so far.
    """

    metrics: Metrics
    latents: torch.Tensor

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        matrix: ResidentMatrix,
        settings: TrainingSettings,
    ):
        self._matrix, self._settings = matrix, settings
        runs = with_defaults(
            runs, training_defaults(ARCHITECTURES[architecture], settings.annealing)
        )
        self.network = FleetNetwork(
            ARCHITECTURES[architecture],
            runs,
            features=matrix.features,
            train_samples=len(matrix.train),
            vae_loss=settings.vae_loss,
            precision=settings.precision,
            device=matrix.device,
            dtype=matrix.dtype,
            modalities=matrix.modalities,
        )
        rates = torch.tensor(runs["lr_fixed"].tolist(), device=matrix.device, dtype=matrix.dtype)
        self.optimiser = StackedOptimiser(self.network.stack, rates, update_rules(runs))
        self._schedules = rate_schedules(runs)
        self._annealing = list(zip(runs["annealing"], runs["kappa"].astype(float), strict=True))
        self._step = TrainingStep(self.network, self.optimiser)
        self._batch_size = int(runs["batch_size"].iloc[0])
        self._batches = list(batch_bounds(len(matrix.train), self._batch_size))
        self.epochs = self.epoch_of(settings.length)
        self._spread = matrix.spread(self.network.features)
        self.members = np.arange(len(runs))
        self.epoch = 0
        self.training_seconds = self.evaluation_seconds = 0.0

    def epoch_of(self, rung: int) -> int:
        """Return the epoch at whose end a rung is reached."""
        return self._settings.epoch_of(rung, len(self._matrix.train), self._batch_size)

    def advance(self, until: int, on_step: Callable[[float], None] = lambda share: None) -> None:
        """Train up to an epoch, and evaluate there.

        Parameters
        ----------
        until
            The epoch; the present one is not trained, but evaluated again.
        on_step
            Called after every step with the share of a whole training that is done; may raise to
            cancel.
        """
        device = self._matrix.device
        train = self._matrix.train[..., : self.network.width]
        for epoch in range(self.epoch, until):
            started = time.perf_counter()
            weight = self._weight(epoch)
            if not all(schedule.is_constant for schedule in self._schedules):
                self.optimiser.scale_rates([one.multiplier(epoch) for one in self._schedules])

            def on_batch(share: float, epoch: int = epoch) -> None:
                on_step((epoch + share) / self.epochs)

            train_epoch(self._step, train, self._batches, epoch, weight, on_batch)
            _synchronise(device)
            self.training_seconds += time.perf_counter() - started
            if epoch == 0 and device.type == "cuda":
                # Where the memory is too small to evaluate, it is told before the epochs are spent.
                evaluate_fleet(self.network, self._matrix, self._spread, weight)
        self._step.release()
        self.epoch = until
        started = time.perf_counter()
        weight = self._weight(until - 1)
        self.metrics, latents = evaluate_fleet(self.network, self._matrix, self._spread, weight)
        self.latents = latents[:, :, : max(widths[-1] for widths in self.network.widths)]
        _synchronise(device)
        self.evaluation_seconds += time.perf_counter() - started

    def _weight(self, epoch: int) -> torch.Tensor:
        weights = [annealing_weight(s, epoch, self.epochs, kappa) for s, kappa in self._annealing]
        return torch.tensor(weights, device=self._matrix.device, dtype=self._matrix.dtype)

    @property
    def diverged(self) -> torch.Tensor:
        """(members,) whether a run became non-finite."""
        finite = torch.stack([torch.isfinite(values) for values in self.metrics.values()]).all(0)
        return ~(self.optimiser.alive & finite)

    def keep(self, going: np.ndarray) -> None:
        """Let the other runs leave; the stack shrinks to those that go on.

        Parameters
        ----------
        going
            (members,) whether a run goes on; at least one does.
        """
        if going.all():
            return
        rows = torch.as_tensor(np.flatnonzero(going), device=self._matrix.device)
        self.network.take(rows)
        self.optimiser.take(rows, self.network.stack)
        self._matrix = self._matrix.of_runs(rows)
        self._step = TrainingStep(self.network, self.optimiser)
        staying = np.flatnonzero(going).tolist()
        self._schedules = [self._schedules[position] for position in staying]
        self._annealing = [self._annealing[position] for position in staying]
        self.members = self.members[going]
        self._spread = self._spread[rows]
        self.metrics = {name: values[rows] for name, values in self.metrics.items()}
        self.latents = self.latents[rows]


def train_epoch(
    take_step: TrainingStep,
    train: torch.Tensor,
    batches: Sequence[tuple[int, int]],
    epoch: int,
    weight: float | torch.Tensor,
    on_batch: Callable[[float], None] = lambda share: None,
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
    """
    network = take_step.network
    take_step.weigh(weight)
    source = draws.generator(network.seed, "batch order", epoch)
    order = torch.randperm(len(train), generator=source)
    shuffled = train[order.to(train.device)]
    samples = batches[0][1] - batches[0][0]
    together = samples * max(1, NOISE_AT_ONCE[train.device.type] // (samples * network.noise_width))
    noise: Mapping[str, torch.Tensor] = {}
    drawn = range(0)
    for step, (start, stop) in enumerate(batches):
        if stop > drawn.stop:
            drawn = range(start, max(stop, min(start + together, len(train))))
            noise = network.draw_noise(epoch, drawn)
        here = {name: v[start - drawn.start : stop - drawn.start] for name, v in noise.items()}
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


def evaluate_fleet(
    network: FleetNetwork,
    matrix: ResidentMatrix,
    spread: torch.Tensor,
    weight: float | torch.Tensor,
) -> tuple[Metrics, torch.Tensor]:
    """Evaluate every run on every split.

    R2 is that of the study, :func:`~aehpo_gpu.evaluation.reconstruction.r2_of_samples`, averaged
    over the samples.

    Parameters
    ----------
    network
        The fleet.
    matrix
        The task.
    spread
        (runs, samples) denominator of R2.
    weight
        Annealing weight of the VAE loss, of all or (runs,).

    Returns
    -------
    metrics : dict
        Losses and R2 per sample for each split.
    latents : torch.Tensor
        (runs, samples, latents).
    """
    values = matrix.values[..., : network.width]
    runs = len(network.widths)
    latents = values.new_zeros(runs, len(values), network.latent_dim)
    metrics: Metrics = {}
    for part in SPLITS:
        rows = matrix.rows[part]
        sums = values.new_zeros(4, runs)
        for chunk in rows.split(EVALUATION_CHUNK):
            found, losses, squared = network.evaluate(values[chunk], weight)
            latents[:, chunk] = found
            r2 = r2_of_samples(squared, spread[:, chunk])
            sums += torch.stack([losses.reconstruction, losses.vae, losses.total, r2.sum(1)])
        of_part = zip(MEASURES, sums / len(rows), strict=True)
        metrics |= {f"{part}_{name}": values for name, values in of_part}
    return metrics, latents


def _synchronise(device: torch.device) -> None:
    """Wait for the device, so that the clock measures work rather than its submission."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
