"""How many CPU threads a piece of work deserves.

Small products wait for each other on several threads, and on a machine that others use as well
they wait long. Threads never change a number: each product is whole in one of them, or cut along
its rows and columns, never along its sums.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch

WORTH_SHARING = 1e8
"""Floating-point operations of a step from which on all threads take part: some milliseconds."""


@contextlib.contextmanager
def threads_kept() -> Iterator[None]:
    """Give torch back the threads that it had before the block.

    Where numba starts threads, as below UMAP, it sets how many OpenMP has to as many as there are
    cores: torch's own number is gone then, and with it that of ``OMP_NUM_THREADS``.
    """
    before = torch.get_num_threads()
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def threads_for(operations: float) -> Iterator[None]:
    """Run a block on one thread if its steps are small, on all threads otherwise."""
    with threads_kept():
        if operations < WORTH_SHARING:
            torch.set_num_threads(1)
        yield
