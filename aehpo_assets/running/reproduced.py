"""What came of making an artefact again: of each of its chain, and of the whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from aehpo_assets.store.comparison import Comparison, Verdict


@dataclass(frozen=True)
class Reproduced:
    """One artefact of the chain, made again.

    Attributes
    ----------
    name
        Name of the artefact.
    comparison
        How alike the recorded one is.
    notes
        What explains a difference: how it was made otherwise than today, and what is wrong with
        the recorded one.
    holds
        Whether what comes after it can still be what was recorded: its data version is the one that
        was recorded by what was made from it, or it is within tolerance.
    """

    name: str
    comparison: Comparison
    notes: tuple[str, ...]
    holds: bool


def verdict(target: str, found: Sequence[Reproduced]) -> tuple[bool, Reproduced]:
    """Whether a reproduction succeeded, and the artefact that decides: the first that differs."""
    differing = [r for r in found if r.comparison.verdict is Verdict.DIFFERENT]
    if differing:
        return False, differing[0]
    return True, next(r for r in found if r.name == target)
