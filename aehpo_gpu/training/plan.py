"""The plan: which runs train together as a fleet, and which fleets make a shard.

Runs of equal depth, batch size and seed can be stacked. Ordered by their widths, a fleet is a
stretch of neighbours, and the cheapest cut of the order into fleets is found exactly, by dynamic
programming over the prices of a cost model: a longer fleet shares its launches among more runs,
but pads more and may leave the cache.

Which runs share a fleet decides the rounding of their numbers, so fleets never depend on a
stopwatch: they are cut by the shipped prices of the kind of device and the precision. What was
measured on the device only says how long they take.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.decoders import between_of
from aehpo_gpu.training.memory import fleet_memory
from aehpo_gpu.training.prices import shipped_prices
from aehpo_gpu.training.stretch import OPERATIONS, Stretch
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import (
    fleet_bytes,
    pair_tensors,
    run_work,
)

MOST_SHARDS = 200
"""About how many shards at most; longer studies have longer ones, for each is a file to be read."""

SAMPLES_PER_TRAIN = 1.5
"""Samples of a task for each of its train samples, rounded up."""

KINDS = ("activation", "batch_norm", "reconstruction")
"""Hyperparameters by which runs of a fleet are dealt with in stretches, see ``blocks``."""


@dataclass(frozen=True)
class Fleet:
    """Some runs that train as one stack.

    Attributes
    ----------
    rows
        Positions of the runs.
    estimated_seconds, estimated_bytes
        Training, without evaluation; memory at its peak.
    operations, padded_operations
        Floating-point operations of a step that the runs need, and that the stack does.
    """

    rows: tuple[int, ...]
    estimated_seconds: float
    estimated_bytes: int
    operations: float
    padded_operations: float


@dataclass(frozen=True)
class Shard:
    """Some fleets that are trained in one go.

    Attributes
    ----------
    shard_id
        Number of the shard within its plan.
    fleets
        Positions of the runs of each fleet, within the table that was planned.
    estimated_seconds
        Training; on the CPU with as many fleets side by side as torch has threads.
    estimated_bytes
        Memory of the largest fleets side by side.
    padded_share
        Share of the arithmetic that is padding.
    """

    shard_id: int
    fleets: tuple[tuple[int, ...], ...]
    estimated_seconds: float
    estimated_bytes: int
    padded_share: float

    @property
    def rows(self) -> list[int]:
        """Positions of all its runs, ascending."""
        return sorted(itertools.chain.from_iterable(self.fleets))


def plan_shards(
    architecture: str,
    runs: pd.DataFrame,
    n_features: int,
    n_train: int,
    settings: TrainingSettings,
    *,
    shard_seconds: float = 60.0,
    cost: CostModel | None = None,
    missing: set[int] | None = None,
) -> list[Shard]:
    """Group runs into fleets, and fleets into shards of even length.

    Parameters
    ----------
    architecture
        Name of the architecture.
    runs
        One row a run: ``config_id``, ``seed`` and the hyperparameters.
    n_features
        Features of the task; a run that asks for more uses all.
    n_train
        Train samples of the task.
    settings
        Epochs, device, precision.
    shard_seconds
        Length of a shard to aim at; more if there would be over :data:`MOST_SHARDS`. On the CPU a
        fleet is not made longer, unless a single run is.
    cost
        Cost model of the device, by which seconds are estimated; the shipped prices by default.
    missing
        Positions of the runs that are not finished; all of them by default. Fleets of which
        nothing is finished are those of the plan of all runs, so that what was under way is found
        again; what is left of the others is planned anew.

    Returns
    -------
    list of Shard
        Longest first; every run, or every one that is missing, is in one fleet of one shard.
    """
    task = (architecture, runs, n_features, n_train, settings)
    how: dict[str, Any] = {"shard_seconds": shard_seconds, "cost": cost}
    fleets, shard_seconds = plan_study_fleets(*task, **how)
    if missing is not None:
        fleets = [fleet for fleet in fleets if missing.issuperset(fleet.rows)]
        left = sorted(missing.difference(*(fleet.rows for fleet in fleets)))
        if left:
            again, _ = plan_study_fleets(architecture, runs.iloc[left], *task[2:], **how)
            fleets += [replace(one, rows=tuple(left[row] for row in one.rows)) for one in again]
    lanes = 1 if settings.torch_device().type == "cuda" else torch.get_num_threads()
    return [
        Shard(
            shard_id=number,
            fleets=tuple(fleet.rows for fleet in members),
            estimated_seconds=side_by_side_seconds(members, lanes),
            estimated_bytes=sum(sorted(f.estimated_bytes for f in members)[-lanes:]),
            padded_share=padded_share(members),
        )
        for number, members in enumerate(_pack(fleets, shard_seconds, lanes))
    ]


def plan_study_fleets(
    architecture: str,
    runs: pd.DataFrame,
    n_features: int,
    n_train: int,
    settings: TrainingSettings,
    *,
    shard_seconds: float = 60.0,
    cost: CostModel | None = None,
) -> tuple[list[Fleet], float]:
    """The fleets that :func:`plan_shards` makes shards of, and how long a shard is to be.

    On the CPU no fleet is longer than a shard, since others would wait for it on the other cores;
    a GPU has them as long as they are cheapest.
    """
    task = (architecture, runs, n_features, n_train, settings)
    uncut = sum(fleet.estimated_seconds for fleet in plan_fleets(*task))
    shard_seconds = max(shard_seconds, uncut / MOST_SHARDS)
    if settings.torch_device().type == "cuda":
        return plan_fleets(*task, cost=cost), shard_seconds
    return plan_fleets(*task, fleet_seconds=shard_seconds, cost=cost), shard_seconds


def _pack(fleets: list[Fleet], shard_seconds: float, lanes: int) -> list[list[Fleet]]:
    """Put fleets into shards of even length, the longest fleets first.

    A fleet that is longer than a shard shares its shard with fleets of its own length, so that no
    lane stands idle beside it.
    """
    total = sum(fleet.estimated_seconds for fleet in fleets) / lanes
    even = total / min(MOST_SHARDS, max(1, math.ceil(total / shard_seconds)))
    shards: list[list[Fleet]] = []
    room: list[float] = []
    for fleet in sorted(fleets, key=lambda f: (-f.estimated_seconds, f.rows)):
        seconds = fleet.estimated_seconds
        for number, members in enumerate(shards):
            if len(members) < lanes or seconds <= room[number]:
                break
        else:
            number = len(shards)
            shards.append([])
            room.append(lanes * max(even, seconds))
        shards[number].append(fleet)
        room[number] -= seconds
    return shards


def side_by_side_seconds(pieces: Sequence[Fleet] | Sequence[Shard], lanes: int) -> float:
    """Seconds that pieces of work take in some lanes, each in the lane that is free first.

    Parameters
    ----------
    pieces
        In the order in which they begin: fleets of a shard, whose lanes are cores, or shards of a
        plan, whose lanes are GPUs.
    lanes
        How many there are.
    """
    busy = [0.0] * lanes
    for piece in pieces:
        first = min(range(lanes), key=busy.__getitem__)
        busy[first] += piece.estimated_seconds
    return max(busy)


def padded_share(fleets: list[Fleet]) -> float:
    """Share of the arithmetic of some fleets that is padding."""
    needed = sum(fleet.operations for fleet in fleets)
    return 1 - needed / sum(fleet.padded_operations for fleet in fleets)


def plan_fleets(
    architecture: str,
    runs: pd.DataFrame,
    n_features: int,
    n_train: int,
    settings: TrainingSettings,
    *,
    fleet_seconds: float = math.inf,
    cost: CostModel | None = None,
) -> list[Fleet]:
    """Group runs into fleets; parameters as in :func:`plan_shards`."""
    device = settings.torch_device()
    cutting = shipped_prices(device.type, settings.precision)
    estimating = cost if cost is not None else cutting
    if not ARCHITECTURES[architecture].stacks:
        return _alone(architecture, runs, n_features, n_train, settings, estimating)
    heads = len(ARCHITECTURES[architecture].heads)
    memory = fleet_memory(device)
    widths = run_widths(runs, n_features)
    # What a fleet does element by element it does once for each stretch of runs of one kind.
    kinds = _kinds(runs).tolist()
    lengths = settings.lengths(runs)
    fleets = []
    for rows in _stackable(runs, ARCHITECTURES[architecture].group_by):
        batch_size = int(runs["batch_size"].iloc[rows[0]])
        in_epoch = steps_per_epoch(n_train, batch_size)
        steps = in_epoch * np.array(
            [settings.epoch_of(int(length), n_train, batch_size) for length in lengths[rows]]
        )
        stretch = Stretch(
            widths=np.array([widths[row] for row in rows]),
            heads=heads,
            batch_size=batch_size,
            itemsize=settings.dtype.itemsize,
            pairs=pair_tensors(architecture, settings.vae_loss),
            samples=math.ceil(n_train * SAMPLES_PER_TRAIN),
            decoded=ARCHITECTURES[architecture].draws_of(runs.iloc[rows[0]]),
            between=between_of(ARCHITECTURES[architecture], runs.iloc[rows[0]]),
        )
        order = stretch.order
        cuts = stretch.cut(cutting, longest_step=fleet_seconds / steps.max(), memory=memory)
        for start, stop in cuts:
            work, needed = stretch.work(start, stop)
            members = [int(rows[position]) for position in order[start:stop]]
            seconds = stretch.seconds(start, stop, steps[order[start:stop]], estimating)
            fleets.append(
                Fleet(
                    rows=tuple(sorted(members, key=kinds.__getitem__)),
                    estimated_seconds=seconds,
                    estimated_bytes=stretch.held(start, stop),
                    operations=needed,
                    padded_operations=float(work[OPERATIONS]),
                )
            )
    return fleets


def _alone(
    architecture: str,
    runs: pd.DataFrame,
    n_features: int,
    n_train: int,
    settings: TrainingSettings,
    cost: CostModel,
) -> list[Fleet]:
    """Return a fleet for each run of an architecture that does not stack."""
    epochs = [
        settings.epoch_of(int(length), n_train, int(size))
        for length, size in zip(settings.lengths(runs), runs["batch_size"], strict=True)
    ]
    seconds = cost.training_runtime(architecture, runs, n_features, n_train, epochs)
    work = run_work(architecture, runs, n_features, runs["batch_size"].astype(float).tolist())
    ends = np.array([[widths[0], widths[-1]] for widths in run_widths(runs, n_features)])
    samples = math.ceil(n_train * SAMPLES_PER_TRAIN)
    held = fleet_bytes(work, ends, settings.dtype.itemsize, samples=samples)
    return [
        Fleet((row,), float(seconds[row]), int(held[row]), float(needed), float(needed))
        for row, needed in enumerate(work[:, OPERATIONS])
    ]


def _kinds(runs: pd.DataFrame) -> np.ndarray:
    """Number the kinds of runs, (runs,): equal where all of :data:`KINDS` are."""
    named = [name for name in KINDS if name in runs]
    if not named:
        return np.zeros(len(runs), dtype=int)
    return runs.groupby(named, sort=True).ngroup().to_numpy()


def _stackable(runs: pd.DataFrame, further: Sequence[str]) -> Iterator[np.ndarray]:
    """Yield the positions of runs of equal depth, batch size and seed, and what else must be."""
    # What no row names is the default of all.
    keys = ["n_layers", "batch_size", "seed", *(name for name in further if name in runs)]
    for rows in runs.groupby(keys, sort=True).indices.values():
        yield np.sort(np.asarray(rows))
