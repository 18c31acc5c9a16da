"""How many fleets train side by side: on a GPU one after another, on the CPU one on each core.

A fleet takes a single thread on the CPU. Its matrix products are small; several threads would wait
for each other after each of them, and on a machine with other work to do, most of the time. One
thread also makes every result independent of the number of cores.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from typing import TypeVar

import numpy as np
import pandas as pd
import torch

from aehpo_assets.limits import free_memory
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.threads import threads_kept
from aehpo_gpu.training.decoders import between_of
from aehpo_gpu.training.memory import freed_memory_kept
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import fleet_bytes, pair_tensors, run_work, step_work

T = TypeVar("T")

SECONDS_BETWEEN_REPORTS = 0.3

MEMORY_SHARE = 0.5
"""Share of a computer's free memory that the fleets side by side may take."""


class CancelledError(Exception):
    """Ends the training of a fleet because all of them end."""


def in_lanes(
    jobs: Sequence[Callable[[], T]],
    lanes: int,
    device: torch.device,
    cancelled: threading.Event,
    on_wait: Callable[[], None],
) -> list[T]:
    """Do jobs that train fleets, some of them side by side.

    Parameters
    ----------
    jobs
        What to do; each raises :class:`CancelledError` soon after ``cancelled`` is set.
    lanes
        How many at a time.
    device
        What they train on.
    cancelled
        Set if one of them fails, or ``on_wait`` raises.
    on_wait
        Called a few times a second, from the calling thread.

    Returns
    -------
    list
        What the jobs returned, in their order.
    """
    workers = ThreadPoolExecutor(lanes, initializer=_begin_worker, initargs=(device,))
    with alone(device), workers as pool:
        futures = [pool.submit(job) for job in jobs]
        pending = set(futures)
        try:
            while pending:
                finished, pending = wait(pending, SECONDS_BETWEEN_REPORTS, FIRST_EXCEPTION)
                for future in finished:
                    future.result()
                on_wait()
        except BaseException:
            cancelled.set()
            pool.shutdown(cancel_futures=True)
            raise
    return [future.result() for future in futures]


def side_by_side(
    architecture: str,
    runs: pd.DataFrame,
    fleets: Sequence[Sequence[int]],
    matrix: ResidentMatrix,
    settings: TrainingSettings,
) -> int:
    """Number of fleets that may train at the same time: torch's threads, if memory allows."""
    if matrix.device.type == "cuda":
        return 1
    zoo = ARCHITECTURES[architecture]
    pairs = pair_tensors(architecture, settings.vae_loss)
    largest = 1.0
    every, of_run = runs.to_dict("records"), run_widths(runs, matrix.values.shape[1])
    for rows in fleets:
        widths, first = np.array([of_run[row] for row in rows]).max(0), every[rows[0]]
        batch_size, decoded = int(first["batch_size"]), zoo.draws_of(first)
        if zoo.module is None:
            shape = len(rows), len(zoo.heads), batch_size, decoded, between_of(zoo, first)
            work = step_work(widths[None], *shape)
        else:
            members = runs.iloc[list(rows)]
            work = run_work(architecture, members, matrix.values.shape[1], [batch_size])
        sizes = settings.dtype.itemsize, pairs, len(matrix.values), decoded
        held = fleet_bytes(work, widths[None], *sizes)
        largest = max(largest, float(held[0]))
    fitting = int(MEMORY_SHARE * free_memory() / largest)
    return max(1, min(torch.get_num_threads(), len(fleets), fitting))


@contextlib.contextmanager
def alone(device: torch.device) -> Iterator[None]:
    """Let everything inside the block run as a fleet does: on one thread, keeping freed memory."""
    with threads_kept(), freed_memory_kept():
        if device.type == "cpu":
            torch.set_num_threads(1)
        yield


def _begin_worker(device: torch.device) -> None:
    """Prepare a worker thread; torch counts threads for each of them."""
    if device.type == "cpu":
        torch.set_num_threads(1)
