"""How much of the processor others take while something is measured.

Beside another busy process a ratio says little: who waits more is chance. What was measured then is
no verdict, however good it looks.
"""

from __future__ import annotations

import os
import time

import psutil

NOISY = 0.1
"""Share of all cores, taken by others, from which on a ratio is no verdict."""


class Watch:
    """Counts CPU time from its making on."""

    def __init__(self) -> None:
        self._started = time.perf_counter()
        self._own, self._all = own_seconds(), _busy_seconds()

    @property
    def seconds(self) -> float:
        """Wall clock so far."""
        return time.perf_counter() - self._started

    @property
    def cpu_seconds(self) -> float:
        """CPU time of this process and its children so far."""
        return own_seconds() - self._own

    @property
    def others(self) -> float:
        """Share of the cores that others took so far, from 0 to 1."""
        busy = _busy_seconds() - self._all - self.cpu_seconds
        return min(1.0, max(0.0, busy / (max(self.seconds, 1e-9) * (os.cpu_count() or 1))))


def own_seconds() -> float:
    """CPU time of this process and of its children, those that have ended included."""
    here = psutil.Process()
    total = 0.0
    for process in (here, *here.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.Error:
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return total


def _busy_seconds() -> float:
    """CPU time of everything on this machine, and what a host of it took away."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0)
