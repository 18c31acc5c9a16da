"""Training a batch of runs from rung to rung, where some of them may be stopped.

A rung is an epoch at which all runs of the batch are scored and somebody decides which of them go
on; the others leave their fleets and cost nothing more. Who decides, and by what rule, is not
known here. Runs that all go to their end belong to ``shard``.

Between two rungs all fleets stay in memory: the batches that searchers propose are small.
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

from aehpo_assets.store.measured import PRICES
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.memory import memory_is_short
from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.shard import check_runs, describe_runs, result_rows, score_fleets
from aehpo_gpu.training.task import TrainingSettings, TrainingTask, device_name
from aehpo_gpu.training.workers import CancelledError, in_lanes, side_by_side

logger = logging.getLogger(__name__)

Decide = Callable[[int, pd.DataFrame], Sequence[bool]]
"""An epoch and the rows of the runs that reached it, to whether each of them goes on."""


@dataclass
class _Fleet:
    """A fleet under way: positions of its runs, its training, and what its last piece took."""

    rows: np.ndarray
    training: FleetTraining
    training_seconds: float = 0.0
    evaluation_seconds: float = 0.0

    @property
    def present(self) -> np.ndarray:
        """Positions of the runs that are still trained."""
        return self.rows[self.training.members]


def train_rungs(
    data: TrainingTask,
    architecture: str,
    runs: pd.DataFrame,
    fleets: Sequence[Sequence[int]],
    settings: TrainingSettings,
    cost: CostModel,
    decide: Decide,
    on_progress: Callable[[Progress], None] = lambda progress: None,
) -> pd.DataFrame:
    """Train a batch of runs, and ask at every fidelity which of them go on.

    A run that goes on ends as it would have ended if no other had been stopped.

    Parameters
    ----------
    data, architecture, runs, fleets, settings, cost, on_progress
        As in :func:`aehpo_gpu.training.shard.train_shard`. Every run is scored at every fidelity.
    decide
        Asked at every fidelity but the last epoch, with the rows of the runs that reached it, in
        the order of ``runs``. A run that diverged is stopped whatever the answer.

    Returns
    -------
    pandas.DataFrame
        One row a run and rung that it reached, by rung and then in the order of the runs: the
        columns of run results, and ``epoch``. ``training_runtime`` is what the run would have
        taken alone up to there. The last row of a run is its result.
    """
    check_runs(runs)
    matrix = ResidentMatrix(data, settings)
    described = describe_runs(architecture, runs, data).reset_index(drop=True)
    described["training_runtime"] = cost.training_runtime(
        architecture, runs, data.matrix.shape[1], len(matrix.train), settings.epochs
    )
    batch = _Batch(architecture, runs, fleets, matrix, settings, on_progress)
    seconds = pd.DataFrame(0.0, described.index, ["fleet_runtime", "evaluation_runtime"])
    rungs = []
    for epoch in settings.rungs:
        batch.advance(epoch)
        rows = _rung_rows(batch.fleets, described, seconds, data, settings)
        rows["training_runtime"] *= epoch / settings.epochs
        rows.insert(rows.columns.get_loc("epochs") + 1, "epoch", epoch)
        rungs.append(rows)
        if epoch == settings.epochs:
            break
        going = pd.Series(decide(epoch, rows.reset_index(drop=True)), rows.index, dtype=bool)
        batch.keep(going & (rows["status"] == "ok"))
        if not batch.fleets:
            break
    table = pd.concat(rungs, ignore_index=True)
    table["device"] = device_name(matrix.device)
    table[PRICES] = cost.version
    return table


class _Batch:
    """The fleets of a batch, which are trained side by side from rung to rung."""

    def __init__(
        self,
        architecture: str,
        runs: pd.DataFrame,
        fleets: Sequence[Sequence[int]],
        matrix: ResidentMatrix,
        settings: TrainingSettings,
        on_progress: Callable[[Progress], None],
    ):
        self._architecture, self._runs = architecture, runs
        self._matrix, self._settings = matrix, settings
        self._on_progress = on_progress
        self._started = time.monotonic()
        self._lanes = side_by_side(architecture, runs, fleets, matrix, settings)
        self._done = np.zeros(len(runs))
        self._cancelled = threading.Event()
        self._waiting = [np.array(rows) for rows in fleets]
        self.fleets: list[_Fleet] = []

    def advance(self, epoch: int) -> None:
        """Train every fleet up to an epoch."""
        if self._waiting:
            jobs = [partial(self._begin, rows, epoch) for rows in self._waiting]
            self._waiting = []
            self.fleets = [fleet for parts in self._in_lanes(jobs) for fleet in parts]
        else:
            self._in_lanes([partial(self._advance, fleet, epoch) for fleet in self.fleets])

    def keep(self, going: pd.Series) -> None:
        """Stop runs, by position; fleets that nobody is left of are let go."""
        for fleet in self.fleets:
            staying = going.loc[fleet.present].to_numpy()
            self._done[fleet.present[~staying]] = 1.0
            if staying.any():
                fleet.training.keep(staying)
            else:
                fleet.rows = fleet.rows[:0]
        self.fleets = [fleet for fleet in self.fleets if len(fleet.rows)]

    def _in_lanes(self, jobs: Sequence[Callable[[], list[_Fleet]]]) -> list[list[_Fleet]]:
        return in_lanes(jobs, self._lanes, self._matrix.device, self._cancelled, self._tell)

    def _begin(self, rows: np.ndarray, epoch: int) -> list[_Fleet]:
        """Begin a fleet; one that does not fit into memory begins in parts."""
        try:
            training = FleetTraining(
                self._architecture, self._runs.iloc[rows], self._matrix, self._settings
            )
            return self._advance(_Fleet(rows, training), epoch)
        except (RuntimeError, MemoryError) as error:
            if len(rows) == 1 or not memory_is_short(error):
                raise
        # Outside the except clause, whose traceback would keep the failed network alive.
        logger.warning("a fleet of %d runs does not fit into memory; split", len(rows))
        if self._matrix.device.type == "cuda":
            torch.cuda.empty_cache()
        return [fleet for half in np.array_split(rows, 2) for fleet in self._begin(half, epoch)]

    def _advance(self, fleet: _Fleet, epoch: int) -> list[_Fleet]:
        present = fleet.present

        def on_step(share: float) -> None:
            self._done[present] = share
            if self._cancelled.is_set():
                raise CancelledError

        before = fleet.training.training_seconds, fleet.training.evaluation_seconds
        fleet.training.advance(epoch, on_step)
        fleet.training_seconds = fleet.training.training_seconds - before[0]
        fleet.evaluation_seconds = fleet.training.evaluation_seconds - before[1]
        return [fleet]

    def _tell(self) -> None:
        seconds = time.monotonic() - self._started
        done = float(self._done.sum())
        memory = device_bytes(self._matrix.device)
        self._on_progress(Progress(done, len(self._runs), seconds, memory))


def _rung_rows(
    fleets: Sequence[_Fleet],
    described: pd.DataFrame,
    seconds: pd.DataFrame,
    data: TrainingTask,
    settings: TrainingSettings,
) -> pd.DataFrame:
    """Rows of all runs that reached a rung; what the rung took is added to ``seconds``."""
    latents = [(pd.Index(fleet.present), fleet.training.latents) for fleet in fleets]
    scores, scoring = score_fleets(latents, data)
    seconds.loc[scoring.index, "evaluation_runtime"] += scoring
    parts = []
    for fleet in fleets:
        present, training = fleet.present, fleet.training
        seconds.loc[present, "fleet_runtime"] += fleet.training_seconds / len(present)
        seconds.loc[present, "evaluation_runtime"] += fleet.evaluation_seconds / len(present)
        spent = seconds.loc[present]
        parts.append(
            result_rows(
                described.loc[present],
                training.metrics,
                training.diverged,
                settings,
                spent["fleet_runtime"],
                spent["evaluation_runtime"],
            )
        )
    return pd.concat(parts).join(scores).sort_index(kind="stable")
