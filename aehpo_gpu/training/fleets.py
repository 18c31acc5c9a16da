"""The one loop of every training: fleets side by side, from rung to rung.

A rung is where the runs are evaluated: after so many epochs or steps. Between two stages, of one
rung or more, runs may leave their fleets. What is made of what the runs reach belongs to the
caller, how many fleets go side by side to ``workers``, a fleet alone to ``fleet``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import torch

from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.fleet import FleetTraining, Metrics
from aehpo_gpu.training.memory import memory_is_short
from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.stacked import StackedTraining
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.workers import CancelledError, in_lanes, side_by_side

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reached:
    """What the runs of a fleet reached at a rung.

    Attributes
    ----------
    rung, epoch
        The rung, and the epoch that reached it.
    rows
        Positions of the runs.
    metrics, diverged
        Losses and R2, and whether a run became non-finite, each (rows,).
    latents
        (rows, samples, latents) latent means of all samples; at the last rung of a stage, and
        where ``score_fidelities`` needs them.
    training_seconds, evaluation_seconds
        Wall clock of the fleet since the rung before.
    """

    rung: int
    epoch: int
    rows: np.ndarray
    metrics: Metrics
    diverged: torch.Tensor
    latents: torch.Tensor | None
    training_seconds: float
    evaluation_seconds: float


@dataclass
class _Fleet:
    """Positions of the runs that a fleet began with, and its training once it has begun."""

    rows: np.ndarray
    training: FleetTraining | StackedTraining | None = None


class Fleets:
    """Fleets that are trained side by side.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run.
    fleets
        Positions within ``runs`` of each fleet.
    matrix
        The task on the device.
    settings
        What all runs share.
    on_progress
        Called a few times a second, from the calling thread; may raise to cancel. Runs under way
        count by their share.
    """

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        fleets: Sequence[Sequence[int]],
        matrix: ResidentMatrix,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None] = lambda progress: None,
    ):
        self._architecture, self._runs = architecture, runs
        self._matrix, self._settings = matrix, settings
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._lanes = side_by_side(architecture, runs, fleets, matrix, settings)
        self._total = sum(map(len, fleets))
        self._done = np.zeros(len(runs))
        self._cancelled = threading.Event()
        self._fleets = [_Fleet(np.array(rows)) for rows in fleets]

    def advance(self, rungs: Sequence[int]) -> list[Reached]:
        """Train every fleet up to the last of some rungs.

        A fleet that does not fit into memory begins again in parts, unless an earlier stage has
        trained it. At the end, its network is let go; before, all stay in memory.

        Returns
        -------
        list of Reached
            One a fleet and rung, in the order of the fleets.
        """
        jobs = [partial(self._train, fleet, rungs) for fleet in self._fleets]
        device = self._matrix.device
        trained = in_lanes(jobs, self._lanes, device, self._cancelled, self._tell)
        parts = [part for parts in trained for part in parts]
        self._fleets = [fleet for fleet, _ in parts if fleet.training is not None]
        return [reached for _, found in parts for reached in found]

    def keep(self, going: pd.Series) -> bool:
        """Let the other runs leave; fleets that nobody is left of are let go.

        Parameters
        ----------
        going
            Whether a run goes on, by position.

        Returns
        -------
        bool
            Whether any does.
        """
        remaining = []
        for fleet in self._fleets:
            assert fleet.training is not None
            present = fleet.rows[fleet.training.members]
            staying = going.loc[present].to_numpy()
            self._done[present[~staying]] = 1.0
            if staying.any():
                fleet.training.keep(staying)
                remaining.append(fleet)
        self._fleets = remaining
        return bool(remaining)

    def _train(self, fleet: _Fleet, rungs: Sequence[int]) -> list[tuple[_Fleet, list[Reached]]]:
        rows = fleet.rows
        try:
            return [self._advance(fleet, rungs)]
        except (RuntimeError, MemoryError) as error:
            if fleet.training is not None or len(rows) == 1 or not memory_is_short(error):
                raise
        # Outside the except clause, whose traceback would keep the failed network alive.
        logger.warning("a fleet of %d runs does not fit into memory; split", len(rows))
        if self._matrix.device.type == "cuda":
            torch.cuda.empty_cache()
        half = len(rows) // 2
        halves = (_Fleet(rows[:half]), _Fleet(rows[half:]))
        return [part for small in halves for part in self._train(small, rungs)]

    def _advance(self, fleet: _Fleet, rungs: Sequence[int]) -> tuple[_Fleet, list[Reached]]:
        begins = StackedTraining if ARCHITECTURES[self._architecture].stacked else FleetTraining
        training = fleet.training or begins(
            self._architecture, self._runs.iloc[fleet.rows], self._matrix, self._settings
        )
        present = fleet.rows[training.members]

        def on_step(share: float) -> None:
            self._done[present] = share
            if self._cancelled.is_set():
                raise CancelledError

        found = []
        for rung in rungs:
            trained, evaluated = training.training_seconds, training.evaluation_seconds
            training.advance(training.epoch_of(rung), on_step)
            needed = rung == rungs[-1] or self._settings.score_fidelities
            reached = Reached(
                rung,
                training.epoch,
                present,
                training.metrics,
                training.diverged,
                training.latents if needed else None,
                training.training_seconds - trained,
                training.evaluation_seconds - evaluated,
            )
            found.append(reached)
        ended = rungs[-1] == self._settings.length
        return _Fleet(fleet.rows, None if ended else training), found

    def _tell(self) -> None:
        seconds = time.monotonic() - self._started
        memory = device_bytes(self._matrix.device)
        self._on_progress(Progress(float(self._done.sum()), self._total, seconds, memory))
