"""How far a training is, in runs, and when it will end."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Progress:
    """State of a shard.

    Attributes
    ----------
    runs_done, runs_total
        Runs finished; those of the present fleet count by their share.
    seconds
        Wall clock so far.
    device_bytes
        Memory in use on the GPU; 0 on the CPU.
    """

    runs_done: float
    runs_total: int
    seconds: float
    device_bytes: int = 0

    @property
    def fraction(self) -> float:
        """Share of the work that is done."""
        return self.runs_done / self.runs_total

    @property
    def runs_per_hour(self) -> float:
        """Throughput so far."""
        return 3600 * self.runs_done / max(self.seconds, 1e-9)

    @property
    def remaining_seconds(self) -> float:
        """Time to the end at the present pace; infinite before anything is done."""
        if self.runs_done == 0:
            return float("inf")
        return self.seconds * (self.runs_total - self.runs_done) / self.runs_done

    def __str__(self) -> str:
        """Return one line for a log or a terminal."""
        line = (
            f"{self.runs_done:.1f} of {self.runs_total} runs, {self.runs_per_hour:,.0f} runs/h, "
            f"{self.remaining_seconds:.0f} s left"
        )
        return f"{line}, {self.device_bytes / 2**30:.1f} GiB" if self.device_bytes else line


class ProgressMeter:
    """Turns the steps of fleets into progress, a few times a second at most.

    Parameters
    ----------
    runs_total
        Runs of the shard.
    device
        Device they are trained on.
    listen
        Called with the progress; may raise to cancel.
    """

    def __init__(self, runs_total: int, device: torch.device, listen: Callable[[Progress], None]):
        self._total, self._device, self._listen = runs_total, device, listen
        self._started = self._last = time.monotonic()
        self._done = 0

    def fleet(self, runs: int) -> Callable[[float], None]:
        """Return the step callback of a fleet of so many runs."""

        def on_step(share: float) -> None:
            if time.monotonic() - self._last >= 0.3:
                self._tell(self._done + runs * share)

        return on_step

    def finish(self, runs: int) -> None:
        """Count the runs of a finished fleet."""
        self._done += runs
        self._tell(self._done)

    def _tell(self, done: float) -> None:
        self._last = time.monotonic()
        memory = torch.cuda.memory_allocated(self._device) if self._device.type == "cuda" else 0
        self._listen(Progress(done, self._total, self._last - self._started, memory))
