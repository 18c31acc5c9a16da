"""How long work tells whoever watches how far it is: terminal, log, or nobody.

Long work calls :func:`report`; a terminal or a log registers with :func:`listening`. Neither knows
the other.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Step:
    """How far a piece of work is: ``done`` of ``total`` in units of its own, and a remark."""

    done: float
    total: float
    remark: str = ""


_listeners: list[Callable[[Step], None]] = []


def report(step: Step) -> None:
    """Tell every listener how far the present work is."""
    for listener in _listeners:
        listener(step)


@contextlib.contextmanager
def listening(listener: Callable[[Step], None]) -> Iterator[None]:
    """Have ``listener`` called at every :func:`report` inside the block."""
    _listeners.append(listener)
    try:
        yield
    finally:
        _listeners.remove(listener)
