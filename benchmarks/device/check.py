"""What a part of the device check is made of, and the clock that all of them use."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

import torch

Check = tuple[str, Callable[[], dict[str, Any]]]
"""A name, and the work whose findings become one line. ``ok`` among them is the verdict, if one is
given; ``skipped`` says why there is nothing else."""

NO_GPU = {"skipped": "needs a GPU"}


def device() -> torch.device:
    """The device that is checked."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def synchronise() -> None:
    """Wait for the device, so that the clock measures work rather than its submission."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def median_seconds(work: Callable[[], Any], repetitions: int = 5, before: int = 2) -> float:
    """Median time of some work on the device, after it was done a few times unmeasured."""
    for _ in range(before):
        work()
    found = []
    for _ in range(repetitions):
        synchronise()
        started = time.perf_counter()
        work()
        synchronise()
        found.append(time.perf_counter() - started)
    return statistics.median(found)
