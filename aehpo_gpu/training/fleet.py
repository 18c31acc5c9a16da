"""Training one fleet: the loop over epochs, and what is measured on the way.

There is no data loader and, on a GPU, no host synchronisation inside the loop. All runs of a fleet
have one seed, hence one batch order: a batch is gathered once and shared by the stack.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.ontology import Ontology
from aehpo_gpu.architectures import ARCHITECTURES, Architecture
from aehpo_gpu.training.annealing import annealing_weight
from aehpo_gpu.training.crossed import (
    CLASSES,
    CrossedNetwork,
    CrossedOptimiser,
    check_crossed,
)
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.epoch import batch_bounds, train_epoch
from aehpo_gpu.training.measure import Measured, Metrics, evaluate_fleet, valid_losses
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedOptimiser
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.rules import update_rules
from aehpo_gpu.training.schedule import rate_schedules
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.solo_optimiser import SoloOptimiser
from aehpo_gpu.training.state import restore, state_of
from aehpo_gpu.training.step import TrainingStep
from aehpo_gpu.training.stopping import EarlyStopping, stopping_rules
from aehpo_gpu.training.task import TrainingSettings


class FleetTraining:
    """The training of runs of equal depth, batch size and seed as one stack.

    It goes in pieces, between which runs can leave. Each run has its own length, or stops once its
    valid loss no longer falls.

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
    solo
        Whether to train a single run in plain PyTorch, as architectures that do not stack are.

    Attributes
    ----------
    network, optimiser
        The runs that are still trained.
    members
        Their positions within the runs given.
    lengths, ends
        (members,) how far each goes, in the unit of the study and in epochs.
    stopped
        (members,) which of them stop at the present epoch although they could go on.
    epoch, epochs
        How far they are, and how far the longest goes.
    metrics, latents
        What they reached at the end of :meth:`advance`: losses and R2, each (members,), and the
        (members, samples, latents) latent means.
    training_seconds, evaluation_seconds
        Wall clock so far.
    """

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        matrix: ResidentMatrix,
        settings: TrainingSettings,
        *,
        solo: bool = False,
    ):
        self._matrix, self._settings = matrix, settings
        zoo = ARCHITECTURES[architecture]
        runs = with_defaults(runs, training_defaults(zoo, settings.annealing))
        self.network, self.optimiser = begin(
            zoo,
            runs,
            features=matrix.features,
            train_samples=len(matrix.train),
            settings=settings,
            modalities=matrix.modalities,
            ontology=matrix.ontology,
            classes=matrix.n_classes,
            solo=solo,
        )
        self._schedules = rate_schedules(runs)
        self._annealing = list(zip(runs["annealing"], runs["kappa"].astype(float), strict=True))
        self._stopping = EarlyStopping(stopping_rules(runs))
        self._step = TrainingStep(self.network, self.optimiser)
        self._batch_size = int(runs["batch_size"].iloc[0])
        self._batches = list(batch_bounds(len(matrix.train), self._batch_size))
        self.lengths = settings.lengths(runs)
        self.ends = np.array([self.epoch_of(length) for length in self.lengths.tolist()])
        self.epochs = int(self.ends.max())
        self._beside: dict[str, torch.Tensor] = {}
        if isinstance(self.network, CrossedNetwork):
            check_crossed(self.network, self.epochs)
            if self.network.needs_classes and matrix.classes is not None:
                self._beside[CLASSES] = matrix.classes[matrix.rows["train"]]
        self.stopped = np.zeros(len(runs), dtype=bool)
        self._spread = matrix.spread(self.network.features)
        self.members = np.arange(len(runs))
        self.epoch = 0
        self.metrics: Metrics = {}
        self.latents = torch.empty(len(runs), 0, device=matrix.device)
        self.training_seconds = self.evaluation_seconds = 0.0

    def epoch_of(self, rung: int) -> int:
        """Return the epoch at whose end a rung is reached."""
        return self._settings.epoch_of(rung, len(self._matrix.train), self._batch_size)

    def rung_of(self, rungs: Sequence[int]) -> int:
        """Return the first of some rungs that the present epoch reached, or else its own number.

        That is the number of epochs, or of steps, whichever the study counts in.
        """
        per_epoch = 1 if self._settings.steps is None else len(self._batches)
        here = (rung for rung in rungs if self.epoch_of(rung) == self.epoch)
        return next(here, self.epoch * per_epoch)

    def advance(
        self,
        until: int,
        on_step: Callable[[float], None] = lambda share: None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Train up to an epoch, and evaluate all runs there.

        Parameters
        ----------
        until
            The epoch; the present one is not trained, but evaluated again.
        on_step, on_epoch
            As in :meth:`train`.
        """
        self.train(until, on_step, on_epoch)
        measured = self.measure()
        self.metrics, self.latents = measured.metrics, measured.latents

    def train(
        self,
        until: int,
        on_step: Callable[[float], None] = lambda share: None,
        on_epoch: Callable[[], None] = lambda: None,
    ) -> None:
        """Train up to an epoch, or to the first at which a run stops early.

        Parameters
        ----------
        until
            The epoch.
        on_step
            Called after every step with the share of a whole training that is done; may raise to
            cancel.
        on_epoch
            Called after every epoch at which no run stops.
        """
        device = self._matrix.device
        train = self._matrix.train[..., : self.network.width]
        while self.epoch < until and not self.stopped.any():
            epoch = self.epoch
            started = time.perf_counter()
            weight = self._weight(epoch)
            if not all(schedule.is_constant for schedule in self._schedules):
                self.optimiser.scale_rates([one.multiplier(epoch) for one in self._schedules])

            def on_batch(share: float, epoch: int = epoch) -> None:
                on_step((epoch + share) / self.epochs)

            train_epoch(self._step, train, self._batches, epoch, weight, on_batch, self._beside)
            _synchronise(device)
            self.training_seconds += time.perf_counter() - started
            if epoch == 0 and device.type == "cuda":
                # Where the memory is too small to evaluate, it is told before the epochs are spent.
                evaluate_fleet(self.network, self._matrix, self._spread, weight)
            self.epoch += 1
            if self._stopping.is_on:
                started = time.perf_counter()
                losses = valid_losses(self.network, self._matrix)
                weights = weight.cpu().numpy()
                if self.network.architecture.loss is None:
                    weights = np.ones_like(weights)
                stops = self._stopping.stops(self.epoch, losses, weights)
                self.stopped = stops & (self.ends > self.epoch)
                self.evaluation_seconds += time.perf_counter() - started
            if not self.stopped.any():
                on_epoch()

    def measure(self, rows: np.ndarray | None = None) -> Measured:
        """Evaluate all members, or those at some positions, at the present epoch."""
        self._step.release()
        started = time.perf_counter()
        network, matrix = self.network, self._matrix
        spread, alive = self._spread, self.optimiser.alive
        weight = self._weight(self.epoch - 1)
        if rows is not None and len(rows) < len(self.members):
            taken = torch.as_tensor(rows, device=self._matrix.device)
            network = copy.copy(network)
            assert isinstance(network, FleetNetwork)
            network.take(taken)
            matrix = matrix.of_runs(taken)
            spread, alive, weight = spread[taken], alive[taken], weight[taken]
        metrics, latents = evaluate_fleet(network, matrix, spread, weight)
        latents = latents[:, :, : max(widths[-1] for widths in network.widths)]
        finite = torch.stack([torch.isfinite(values) for values in metrics.values()]).all(0)
        _synchronise(self._matrix.device)
        self.evaluation_seconds += time.perf_counter() - started
        return Measured(metrics, latents, ~(alive & finite))

    def _weight(self, epoch: int) -> torch.Tensor:
        weights = [
            annealing_weight(schedule, epoch, int(end), kappa)
            for (schedule, kappa), end in zip(self._annealing, self.ends, strict=True)
        ]
        return torch.tensor(weights, device=self._matrix.device, dtype=self._matrix.dtype)

    @property
    def diverged(self) -> torch.Tensor:
        """(members,) whether a run became non-finite."""
        finite = torch.stack([torch.isfinite(values) for values in self.metrics.values()]).all(0)
        return ~(self.optimiser.alive & finite)

    def state(self) -> dict[str, Any]:
        """Return all that :meth:`restore` goes on with, as long as no step is taken."""
        return {
            "epoch": self.epoch,
            "members": self.members.tolist(),
            "seconds": [self.training_seconds, self.evaluation_seconds],
            "stopping": self._stopping.state(),
            "network": state_of(self.network, self.optimiser),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from the state of a training of the same runs; this one has not begun."""
        self.keep(np.isin(self.members, state["members"]))
        self.epoch = int(state["epoch"])
        self.training_seconds, self.evaluation_seconds = state["seconds"]
        self._stopping.restore(state["stopping"])
        restore(self.network, self.optimiser, state["network"])

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
        assert isinstance(self.network, FleetNetwork)
        assert isinstance(self.optimiser, StackedOptimiser)
        self.network.take(rows)
        self.optimiser.take(rows, self.network.stack)
        self._matrix = self._matrix.of_runs(rows)
        self._step = TrainingStep(self.network, self.optimiser)
        staying = np.flatnonzero(going).tolist()
        self._schedules = [self._schedules[position] for position in staying]
        self._annealing = [self._annealing[position] for position in staying]
        self._stopping.take(staying)
        self.members, self.stopped = self.members[going], self.stopped[going]
        self.lengths, self.ends = self.lengths[going], self.ends[going]
        self._spread = self._spread[rows]
        self.metrics = {name: values[rows] for name, values in self.metrics.items()}
        self.latents = self.latents[rows]


def begin(
    architecture: Architecture,
    runs: pd.DataFrame,
    *,
    features: int,
    train_samples: int,
    settings: TrainingSettings,
    modalities: np.ndarray | None = None,
    ontology: Ontology | None = None,
    classes: int = 0,
    solo: bool = False,
) -> tuple[FleetNetwork | SoloNetwork | CrossedNetwork, StackedOptimiser | SoloOptimiser]:
    """Return the network of some runs before its first step, and what steps it.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run, with all hyperparameters of training.
    features, train_samples
        Of the task.
    settings
        What all runs share.
    modalities
        (features,) modality of each feature of a joint task.
    ontology
        That of the task.
    classes
        How many a class loss knows.
    solo
        As of :class:`FleetTraining`.
    """
    device, dtype = settings.torch_device(), settings.dtype
    common: dict[str, Any] = {
        "features": features,
        "train_samples": train_samples,
        "vae_loss": settings.vae_loss,
        "device": device,
        "dtype": dtype,
    }
    if architecture.crossed:
        crossed = CrossedNetwork(
            architecture, runs, modalities=modalities, classes=classes, **common
        )
        (rule,) = update_rules(runs)
        return crossed, CrossedOptimiser(crossed, float(runs["lr_fixed"].iloc[0]), rule)
    if solo or architecture.module is not None:
        network = SoloNetwork(architecture, runs, ontology=ontology, **common)
        (rule,) = update_rules(runs)
        return network, SoloOptimiser(network, float(runs["lr_fixed"].iloc[0]), rule)
    stacked = FleetNetwork(
        architecture,
        runs,
        precision=settings.precision,
        modalities=modalities,
        ontology=ontology,
        **common,
    )
    rates = torch.tensor(runs["lr_fixed"].tolist(), device=device, dtype=dtype)
    return stacked, StackedOptimiser(stacked.stack, rates, update_rules(runs))


def _synchronise(device: torch.device) -> None:
    """Wait for the device, so that the clock measures work rather than its submission."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
