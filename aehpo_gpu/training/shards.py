"""Several shards in one go: dealt to the GPUs that there are, or to the cores.

On one GPU they come one after another. On the CPU, the fleets of a shard fill the cores, unless
its shards would fill more of them: those of replicates are often a fleet or two, and a core would
wait for the last fleet of every one. A shard alone belongs to ``shard``, which of them there are
to ``plan``, a process a GPU to ``device_workers``.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from aehpo_assets.errors import AehpoError
from aehpo_gpu.training.device_workers import MOST_TRIES, Listener, on_devices
from aehpo_gpu.training.plan import Shard
from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.workers import CancelledError, in_lanes

logger = logging.getLogger(__name__)


def train_shards(
    shards: Sequence[Shard],
    train: Callable[[Shard, Listener], None],
    devices: Sequence[torch.device],
    on_progress: Listener,
) -> None:
    """Train shards of which none depends on another.

    Parameters
    ----------
    shards
        Which.
    train
        Trains a shard, and tells how far it is. Within a lane its fleets have one thread; where
        there are several devices it is pickled.
    devices
        What they are trained on: several GPUs, or one device.
    on_progress
        Told of all shards together, from the calling thread; may raise to cancel.

    Raises
    ------
    AehpoError
        As soon as a shard raises one.
    Exception
        Of the first shard that failed of anything else, twice, once the others are trained.
    """
    jobs = [partial(train, shard) for shard in shards]
    together = _Together(shards, devices[0], on_progress)
    if len(devices) > 1 and len(shards) > 1:
        failures = on_devices(jobs, devices, together.tell)
    else:
        failures = _in_this_process(jobs, shards, devices[0], together)
    for error in failures.values():
        raise error


def _in_this_process(
    jobs: Sequence[Callable[[Listener], None]],
    shards: Sequence[Shard],
    device: torch.device,
    together: _Together,
) -> dict[int, Exception]:
    failures: dict[int, Exception] = {}

    def attempt(number: int, listen: Callable[[int, Progress], None]) -> None:
        for tries_left in reversed(range(MOST_TRIES)):
            try:
                jobs[number](partial(listen, number))
            except (AehpoError, CancelledError):
                raise
            except Exception as error:
                if together.refused:
                    raise
                then = "it is tried once more" if tries_left else "the others go on"
                logger.exception("shard %d failed; %s", shards[number].shard_id, then)
                if not tries_left:
                    failures[number] = error
            else:
                return

    lanes = min(1 if device.type == "cuda" else torch.get_num_threads(), len(jobs))
    if lanes * len(jobs) <= sum(len(shard.fleets) for shard in shards):
        for number in range(len(jobs)):
            attempt(number, together.tell)
        return failures
    cancelled = threading.Event()

    def listen(number: int, progress: Progress) -> None:
        together.hear(number, progress)
        if cancelled.is_set():
            raise CancelledError

    attempts = [partial(attempt, number, listen) for number in range(len(jobs))]
    in_lanes(attempts, lanes, device, cancelled, together.tell_what_is_known)
    return failures


class _Together:
    """How far all shards are together."""

    def __init__(self, shards: Sequence[Shard], device: torch.device, on_progress: Listener):
        self._total = sum(len(shard.rows) for shard in shards)
        self._reached: dict[int, Progress] = {}
        self._device, self._on_progress = device, on_progress
        self._started = time.monotonic()
        self.refused = False

    def hear(self, number: int, progress: Progress) -> None:
        """Take note of how far a shard is."""
        self._reached[number] = progress

    def tell(self, number: int, progress: Progress) -> None:
        """Take note, and tell."""
        self.hear(number, progress)
        self.tell_what_is_known()

    def tell_what_is_known(self) -> None:
        """Tell, unless nothing has begun."""
        known = list(self._reached.values())
        if not known:
            return
        seconds = time.monotonic() - self._started
        done = sum(progress.runs_done for progress in known)
        try:
            self._on_progress(Progress(done, self._total, seconds, device_bytes(self._device)))
        except BaseException:
            self.refused = True
            raise
