"""Several shards in one go: on the CPU side by side, on a GPU one after another.

The shards of replicates are small, often a fleet or two: a core would wait for the last fleet of
every one of them. A shard alone belongs to ``shard``, which of them there are to ``plan``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

import torch

from aehpo_gpu.training.progress import Progress, device_bytes
from aehpo_gpu.training.workers import CancelledError, in_lanes

Listener = Callable[[Progress], None]


def train_shards(
    shards: Sequence[Callable[[Listener], None]], device: torch.device, on_progress: Listener
) -> None:
    """Train shards of which none depends on another.

    Parameters
    ----------
    shards
        Each trains a shard, and tells how far it is. Within a lane its fleets have one thread.
    device
        What they train on.
    on_progress
        Told of all shards together, from the calling thread; may raise to cancel.
    """
    if device.type == "cuda" or len(shards) < 2:
        for train in shards:
            train(on_progress)
        return
    cancelled = threading.Event()
    reached: dict[int, Progress] = {}
    started = time.monotonic()

    def listen(number: int, progress: Progress) -> None:
        reached[number] = progress
        if cancelled.is_set():
            raise CancelledError

    def tell() -> None:
        known = list(reached.values())
        if known:
            done, total = sum(p.runs_done for p in known), sum(p.runs_total for p in known)
            seconds = time.monotonic() - started
            on_progress(Progress(done, total, seconds, device_bytes(device)))

    jobs = [partial(train, partial(listen, number)) for number, train in enumerate(shards)]
    lanes = min(torch.get_num_threads(), len(shards))
    in_lanes(jobs, lanes, device, cancelled, tell)
