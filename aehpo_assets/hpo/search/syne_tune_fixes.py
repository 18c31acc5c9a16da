"""Workarounds for defects of Syne Tune 0.16.0, each small and in this one place.

Every item names the defect and when it may go; each has a test that shows the stock behaviour.
Further defects are steered clear of by not using the faulty part:

- The simulated clock includes the searcher's compute time: ``simulation`` has its own clock.
- Maximisation ranks NaN best in the transfer's top k; a NaN drops the row for all objectives;
  infinities crash the surrogate: ``evaluations`` are finite, and all searchers minimise losses.
- ``QuantileBasedSurrogateSearcher`` minimises objective 0: its evidence is one loss.
- ``BoundingBox`` prints, and hands NumPy categories on: ``transfer`` computes the box itself.
- ``add_surrogate`` with ``fidelity=`` returns a wrong dictionary: ``surrogate`` is our own.
- ``BlackboxRepositoryBackend`` calls a hub: ``blackbox`` reads from disk.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from aehpo_assets.space import Choice, SearchSpace


class OwnNumpyStream:
    """Gives Syne Tune a private stream of NumPy's global generator.

    RandomSearch, TPE, REA, BORE, CQR and ASHA draw from the global generator whatever
    ``random_seed`` says, so that two searches disturb each other and none repeats. May go when
    they draw from ``random_seed`` only. Not for threads that share the interpreter's generator.

    Parameters
    ----------
    seed
        Seed of the private stream.
    """

    def __init__(self, seed: int):
        self._state = np.random.RandomState(seed).get_state()

    @contextmanager
    def active(self) -> Iterator[None]:
        """Within the block, NumPy's global generator continues the private stream."""
        outer = np.random.get_state()  # noqa: NPY002
        np.random.set_state(self._state)  # noqa: NPY002
        try:
            yield
        finally:
            self._state = np.random.get_state()  # noqa: NPY002
            np.random.set_state(outer)  # noqa: NPY002


def native_configuration(configuration: Mapping[str, Any], space: SearchSpace) -> dict[str, Any]:
    """Return a configuration with Python's own types and the very values of the space.

    NumPy scalars, which tables and boxes bring along, crash BORE and CQR, and cannot be written as
    JSON. May go when Syne Tune accepts NumPy categories.
    """
    native: dict[str, Any] = {}
    for name, distribution in space.hyperparameters.items():
        value = configuration[name]
        if isinstance(distribution, Choice):
            native[name] = next(known for known in distribution.values if known == value)
        else:
            native[name] = min(max(float(value), distribution.lower), distribution.upper)
    return native
