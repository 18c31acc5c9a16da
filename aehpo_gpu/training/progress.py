"""How far a training is, in runs, and when it will end."""

from __future__ import annotations

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


def device_bytes(device: torch.device) -> int:
    """Memory in use on a GPU; 0 on the CPU."""
    return torch.cuda.memory_allocated(device) if device.type == "cuda" else 0
