"""Jobs dealt to several devices: one process for each, which lives until all of them are done.

A process takes seconds to start, and a GPU compiles its kernels anew in each. So a device has a
single one, which takes job after job, whichever is next when it is free. It lives as long as the
call that it works for, which is what makes an artefact: another partition has another matrix, and
whoever holds a device between two of them keeps it from everybody else.

A process that dies (killed, out of memory) is replaced. What failed is tried once more, and goes on
from its checkpoints; nothing else is lost.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection, wait

import torch

from aehpo_assets.errors import AehpoError
from aehpo_gpu.training.progress import Progress
from aehpo_gpu.training.workers import SECONDS_BETWEEN_REPORTS

logger = logging.getLogger(__name__)

Listener = Callable[[Progress], None]

MOST_TRIES = 2
"""How often a job is begun that fails, or whose process dies.

This is not left to a retry of Dagster's, which takes a signal for a reason to try again as well.
"""

_SECONDS_TO_END = 10.0


def on_devices(
    jobs: Sequence[Callable[[Listener], None]],
    devices: Sequence[torch.device],
    on_progress: Callable[[int, Progress], None],
) -> dict[int, Exception]:
    """Do jobs on several devices.

    Parameters
    ----------
    jobs
        Each does its work on the only device that it sees, and tells how far it is. They are
        pickled, all at once.
    devices
        One process each.
    on_progress
        Told of a job by its number, from the calling thread; may raise to end all.

    Returns
    -------
    dict
        Number of a job to what it failed of; the others are done.

    Raises
    ------
    AehpoError
        If a job raises one: it is no fault of this job alone.
    """
    threads = max(1, torch.get_num_threads() // len(devices))
    waiting, begun = deque(range(len(jobs))), Counter[int]()
    failures: dict[int, Exception] = {}
    workers = [_Worker(device, threads, jobs) for device in devices[: len(jobs)]]
    try:
        while True:
            for worker in workers:
                if worker.job is None and waiting:
                    begun[waiting[0]] += 1
                    worker.begin(waiting.popleft())
            busy = {worker.connection: worker for worker in workers if worker.job is not None}
            if not busy:
                break
            for ready in wait(list(busy), SECONDS_BETWEEN_REPORTS):
                assert isinstance(ready, Connection)
                worker = busy[ready]
                number = worker.job
                assert number is not None
                try:
                    told = ready.recv()
                except (EOFError, ConnectionError):
                    end = worker.replace()
                    told = RuntimeError(
                        f"the process that trained on {worker.device} ended with {end}"
                    )
                if isinstance(told, Progress):
                    on_progress(number, told)
                    continue
                worker.job = None
                if isinstance(told, AehpoError):
                    raise told
                if told is not None and begun[number] < MOST_TRIES:
                    logger.warning("job %d failed, and is tried once more: %s", number, told)
                    waiting.append(number)
                elif told is not None:
                    failures[number] = told
    finally:
        for worker in workers:
            worker.end()
    return failures


class _Worker:
    """The process of a device, and the number of the job that it is at."""

    def __init__(
        self, device: torch.device, threads: int, jobs: Sequence[Callable[[Listener], None]]
    ):
        self.device, self._given = device, (threads, jobs)
        self.job: int | None = None
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self._process = context.Process(
            target=_work, args=(theirs, self.device, *self._given), daemon=True
        )
        self._process.start()
        # Only the process holds the other end, so that its end is seen here.
        theirs.close()

    def begin(self, job: int) -> None:
        self.job = job
        # One that has died idle is seen where its answer is waited for.
        with contextlib.suppress(ConnectionError):
            self.connection.send(job)

    def replace(self) -> int | None:
        """Start another process; return how this one ended."""
        self._process.join()
        ended = self._process.exitcode
        self.connection.close()
        self.job = None
        self._start()
        return ended

    def end(self) -> None:
        """End the process: at once if it is at work."""
        if self.job is None:
            self.connection.close()
            self._process.join(_SECONDS_TO_END)
        self._process.kill()
        self._process.join()


def _work(
    connection: Connection,
    device: torch.device,
    threads: int,
    jobs: Sequence[Callable[[Listener], None]],
) -> None:
    """Do the jobs whose numbers come, one after another, until nobody sends any."""
    # Whoever started this ends it; a Ctrl-C in the terminal reaches both.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _see_only(device)
    torch.set_num_threads(threads)
    while True:
        try:
            job = connection.recv()
        except (EOFError, ConnectionError):
            return
        try:
            jobs[job](connection.send)
        except Exception as error:
            connection.send(_sendable(error))
        else:
            connection.send(None)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)


def _see_only(device: torch.device) -> None:
    """Make a GPU the only one of this process; nothing has used any so far.

    A thread begins with the first GPU that it sees, whichever another thread has chosen.
    """
    if device.type != "cuda":
        return
    seen = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = seen.split(",") if seen else [str(number) for number in range(device.index + 1)]
    os.environ["CUDA_VISIBLE_DEVICES"] = names[device.index].strip()


def _sendable(error: Exception) -> Exception:
    """Return an error that can be pickled, with where it came from as a note."""
    where = traceback.format_exc()
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        error = RuntimeError(f"{type(error).__name__}: {error}")
    error.add_note(where)
    return error
