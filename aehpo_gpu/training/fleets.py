"""The one loop of every training: fleets side by side, from rung to rung.

A rung is where the runs are evaluated: after so many epochs or steps. Between two stages, of one
rung or more, runs may leave their fleets. What is made of what the runs reach belongs to the
caller, how many fleets go side by side to ``workers``, a fleet alone to ``fleet``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.checkpoint import Checkpoint, Checkpoints
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.measure import Metrics
from aehpo_gpu.training.memory import memory_is_short
from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.stacked import StackedTraining
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.workers import CancelledError, in_lanes, side_by_side

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reached:
    """What runs of a fleet reached at a rung, or where they ended.

    Attributes
    ----------
    rung, epoch
        The rung, and the epoch that reached it. A run that stopped early did so between rungs,
        after so many epochs or steps.
    rows
        Positions of the runs.
    ended, early
        Whether the training of these runs is over, and whether it stopped early.
    metrics, diverged
        Losses and R2, and whether a run became non-finite, each (rows,).
    latents
        (rows, samples, latents) latent means of all samples; where runs ended, at the last rung of
        a stage, and where ``score_fidelities`` needs them.
    seconds
        Wall clock of training and evaluation since the fleet was looked at before, as the share of
        each run that it still had.
    sharing
        Positions of these; empty where another entry of the same look has them.
    """

    rung: int
    epoch: int
    rows: np.ndarray
    ended: bool
    early: bool
    metrics: Metrics
    diverged: torch.Tensor
    latents: torch.Tensor | None
    seconds: tuple[float, float] = (0.0, 0.0)
    sharing: np.ndarray = field(default_factory=lambda: np.empty(0, dtype=int))


@dataclass
class _Fleet:
    """Positions of the runs that a fleet began with, its training, and the rung that it reached."""

    rows: np.ndarray
    training: FleetTraining | StackedTraining | None = None
    rung: int = 0


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
    checkpoints
        Where fleets under way are kept, for trainings in a single stage; None for nowhere.
    """

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        fleets: Sequence[Sequence[int]],
        matrix: ResidentMatrix,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None] = lambda progress: None,
        checkpoints: Checkpoints | None = None,
    ):
        zoo = ARCHITECTURES[architecture]
        # Once for all fleets, which each would do it for themselves.
        runs = with_defaults(runs, training_defaults(zoo, settings.annealing))
        runs = with_decoder(zoo, runs, matrix.ontology)
        self._architecture, self._runs = architecture, runs
        self._matrix, self._settings = matrix, settings
        self._on_progress, self._checkpoints = on_progress, checkpoints
        self._started = time.monotonic()
        self._lanes = side_by_side(architecture, runs, fleets, matrix, settings)
        self._total = sum(map(len, fleets))
        self._done = np.zeros(len(runs))
        self._cancelled = threading.Event()
        self._fleets = [_Fleet(np.array(rows)) for rows in fleets]

    def advance(self, rungs: Sequence[int]) -> list[Reached]:
        """Train every fleet up to the last of some rungs.

        A fleet that does not fit into memory begins again in parts, unless an earlier stage has
        trained it. Runs that end leave, and with the last of them the network is let go; before,
        all stay in memory.

        Returns
        -------
        list of Reached
            One a fleet and rung, in the order of the fleets; several where runs end there.
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
        checkpoint = self._checkpoint_of(fleet)
        kept = checkpoint.read(self._matrix.device) if checkpoint else None
        found = [_reached(one) for one in kept["found"]] if kept else []
        if kept and kept["training"] is None:
            return _Fleet(fleet.rows), found
        begins = StackedTraining if ARCHITECTURES[self._architecture].stacked else FleetTraining
        training = fleet.training or begins(
            self._architecture, self._runs.iloc[fleet.rows], self._matrix, self._settings
        )
        if kept:
            training.restore(kept["training"])
            logger.info("a fleet of %d runs goes on at epoch %d", len(fleet.rows), training.epoch)
        present = fleet.rows[training.members]

        def on_step(share: float) -> None:
            self._done[present] = share
            if self._cancelled.is_set():
                raise CancelledError

        own = {
            rung
            for length in set(training.lengths.tolist())
            for rung in self._settings.rungs_of(length)
        }
        for rung in sorted({*rungs, *(one for one in own if fleet.rung < one < rungs[-1])}):
            if kept and rung < kept["rung"]:
                continue
            there = False
            while not there:
                began = training.training_seconds, training.evaluation_seconds
                if kept:
                    began, kept = tuple(kept["began"]), None
                keep = partial(_keep, checkpoint, training, found, rung, began)
                training.train(training.epoch_of(rung), on_step, keep)
                there = training.epoch == training.epoch_of(rung)
                ended = training.stopped | (there & (training.lengths == rung))
                looked = list(self._look(training, present, rung, there, ended, rung == rungs[-1]))
                took = (
                    (training.training_seconds - began[0]) / len(present),
                    (training.evaluation_seconds - began[1]) / len(present),
                )
                found += [replace(one, sharing=present, seconds=took) for one in looked[:1]]
                found += looked[1:]
                self._done[present[ended]] = 1.0
                if ended.all():
                    if checkpoint is not None and checkpoint.is_worth_it():
                        # The fleets beside it may be under way for long.
                        checkpoint.write(_under_way(None, found, rung, began))
                    return _Fleet(fleet.rows), found
                training.keep(~ended)
                present = present[~ended]
        return _Fleet(fleet.rows, training, rungs[-1]), found

    def _checkpoint_of(self, fleet: _Fleet) -> Checkpoint | None:
        """Where a fleet is kept that has not begun in this process."""
        return None if self._checkpoints is None else self._checkpoints.of(fleet.rows.tolist())

    def _look(
        self,
        training: FleetTraining | StackedTraining,
        present: np.ndarray,
        rung: int,
        there: bool,
        ended: np.ndarray,
        last: bool,
    ) -> Iterator[Reached]:
        """Yield what runs reached at a rung, or on the way to it if they stopped early."""
        rungs = [self._settings.rungs_of(length) for length in training.lengths.tolist()]
        passing = np.array([there and rung in own for own in rungs]) & ~ended
        early = training.stopped
        # The rung of the epoch at which a run stopped is its own, whoever it shares the fleet with.
        at = np.array([training.rung_of(own) for own in rungs])
        looks = [(passing, rung, False), (ended & ~early, rung, False)]
        looks += [(early & (at == one), one, True) for one in np.unique(at[early]).tolist()]
        for chosen, where, stopped in looks:
            if not chosen.any():
                continue
            measured = training.measure(np.flatnonzero(chosen))
            over = bool(ended[chosen].all())
            needed = over or last or self._settings.score_fidelities
            yield Reached(
                rung=where,
                epoch=training.epoch,
                rows=present[chosen],
                ended=over,
                early=stopped,
                metrics=measured.metrics,
                diverged=measured.diverged,
                latents=measured.latents if needed else None,
            )

    def _tell(self) -> None:
        seconds = time.monotonic() - self._started
        memory = device_bytes(self._matrix.device)
        self._on_progress(Progress(float(self._done.sum()), self._total, seconds, memory))


def _keep(
    checkpoint: Checkpoint | None,
    training: FleetTraining | StackedTraining,
    found: Sequence[Reached],
    rung: int,
    began: tuple[float, float],
) -> None:
    """Keep a fleet under way if it is time to."""
    if checkpoint is not None and checkpoint.is_due():
        checkpoint.write(_under_way(training, found, rung, began))


def _under_way(
    training: FleetTraining | StackedTraining | None,
    found: Sequence[Reached],
    rung: int,
    began: tuple[float, float],
) -> dict[str, Any]:
    """What is kept of a fleet: its state, what its runs reached, and where to look next."""
    reached = [
        vars(one) | {"rows": one.rows.tolist(), "sharing": one.sharing.tolist()} for one in found
    ]
    return {
        "training": None if training is None else training.state(),
        "found": reached,
        "rung": rung,
        "began": list(began),
    }


def _reached(kept: Mapping[str, Any]) -> Reached:
    positions = {name: np.array(kept[name], dtype=int) for name in ("rows", "sharing")}
    return Reached(**{**kept, **positions})
