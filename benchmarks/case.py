"""What a case of the bench comes back with, and how it is measured side by side."""

from __future__ import annotations

import contextlib
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch


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
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, case: str, against: str, reach: float, ratios: list[float], **details: Any) -> Case:
        """Make a row of the ratios of some repetitions."""
        return cls(
            case,
            against,
            reach,
            statistics.median(ratios),
            min(ratios),
            max(ratios),
            details={"repetitions": len(ratios)} | details,
        )

    def row(self) -> dict[str, Any]:
        """The entry of the JSON file."""
        keys = ("case", "ratio", "low", "high", "reach", "against", "skipped")
        return {key: getattr(self, key) for key in keys}


def seconds(work: Callable[[], Any]) -> float:
    """Wall clock of a piece of work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def side_by_side(
    ours: Callable[[], float], theirs: Callable[[], float], repetitions: int
) -> tuple[list[float], float, float]:
    """Measure two ways of the same work in turn, so that both meet the same machine.

    Parameters
    ----------
    ours, theirs
        Each does its work and returns the seconds that count.
    repetitions
        How often.

    Returns
    -------
    tuple
        Ratios theirs / ours of the repetitions, and the median seconds of ours and of theirs.
    """
    pairs = [(ours(), theirs()) for _ in range(repetitions)]
    ratios = [slow / fast for fast, slow in pairs]
    return (
        ratios,
        statistics.median(fast for fast, _ in pairs),
        statistics.median(slow for _, slow in pairs),
    )


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch use so many threads inside the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
