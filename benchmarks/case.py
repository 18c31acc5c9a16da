"""What a case of the bench comes back with, and how it is measured side by side."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from aehpo_gpu.evaluation.threads import threads_kept
from benchmarks.noise import NOISY, Watch


@dataclass(frozen=True)
class Sides:
    """What two ways of the same work took in turn.

    Attributes
    ----------
    ratios
        Wall clock of theirs over ours, of every repetition.
    ours, theirs
        Median seconds.
    cpu_ratio
        Median of the same ratio in CPU seconds, which others disturb less.
    """

    ratios: list[float]
    ours: float
    theirs: float
    cpu_ratio: float


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Attributes
    ----------
    case
        What is measured.
    against
        What it is compared with.
    reach
        Ratio to reach.
    ratio, low, high
        Median, lowest and highest over the repetitions; None if the case was skipped.
    skipped
        Why it was not measured.
    cpu_ratio
        The ratio in CPU seconds, None where nobody counts them.
    others
        Share of the processor that others took meanwhile.
    details
        Numbers behind the ratio.
    """

    case: str
    against: str
    reach: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    skipped: str | None = None
    cpu_ratio: float | None = None
    others: float = 0.0
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        case: str,
        against: str,
        reach: float,
        ratios: list[float],
        cpu_ratio: float | None = None,
        **details: Any,
    ) -> Case:
        """Make a row of the ratios of some repetitions."""
        return cls(
            case,
            against,
            reach,
            statistics.median(ratios),
            min(ratios),
            max(ratios),
            cpu_ratio=cpu_ratio,
            details={"repetitions": len(ratios)} | details,
        )

    def row(self) -> dict[str, Any]:
        """The entry of the JSON file."""
        keys = ("case", "ratio", "low", "high", "cpu_ratio", "reach", "against", "skipped")
        return {key: getattr(self, key) for key in (*keys, "others", "verdict")}

    @property
    def verdict(self) -> str:
        """``skipped``, ``noisy`` beside busy others, ``reached`` if the lowest ratio is, or not."""
        if self.low is None:
            return "skipped"
        if self.others > NOISY:
            return "noisy"
        return "reached" if self.low >= self.reach else "not reached"


def seconds(work: Callable[[], Any]) -> float:
    """Wall clock of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


Side = Callable[[], float]
"""Does its work, and returns the seconds that count."""


def side_by_side(slices: Sequence[tuple[Side, Side]], repetitions: int) -> Sides:
    """Measure two ways of the same work in turn, so that both meet the same machine.

    Parameters
    ----------
    slices
        Ours and theirs of each piece of the work: ours, theirs, ours, theirs. Pieces of a few
        seconds, so that whoever disturbs one side disturbs the other as well.
    repetitions
        How often all of it; each gives a ratio of all its slices.
    """
    totals = []
    for _ in range(repetitions):
        taken = [(*_timed(ours), *_timed(theirs)) for ours, theirs in slices]
        totals.append([sum(numbers) for numbers in zip(*taken, strict=True)])
    return Sides(
        [slow / fast for fast, _, slow, _ in totals],
        statistics.median(fast for fast, _, _, _ in totals),
        statistics.median(slow for _, _, slow, _ in totals),
        statistics.median(slow / max(fast, 1e-9) for _, fast, _, slow in totals),
    )


def _timed(work: Side) -> tuple[float, float]:
    """Seconds that count of some work, and as many of them in CPU time."""
    watch = Watch()
    counted = work()
    return counted, counted * watch.cpu_seconds / watch.seconds


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads inside the block."""
    with threads_kept():
        torch.set_num_threads(count)
        yield
