"""Runs that can be stacked, in an order in which neighbours are alike, and their cheapest cut."""

from __future__ import annotations

import numpy as np

from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.work import TERMS, fleet_bytes, step_work

LARGEST_FLEET = 512
"""Runs of a fleet at most; beyond it nothing is left to share."""

OPERATIONS = TERMS.index("operations")
"""Column of the work of a step."""


class Stretch:
    """Runs that can be stacked, ordered so that neighbours are alike.

    Parameters
    ----------
    widths
        (runs, n_layers + 1).
    heads, batch_size, itemsize, pairs, samples, decoded, between
        As in :mod:`aehpo_gpu.training.work`.
    """

    def __init__(
        self,
        widths: np.ndarray,
        heads: int,
        batch_size: int,
        itemsize: int,
        pairs: tuple[int, int],
        samples: int,
        decoded: int,
        between: int | None = None,
    ):
        # np.lexsort takes the last key first: by features, then from the outermost layer inwards.
        self.order = np.lexsort(widths.T[::-1])
        self.widths = widths[self.order]
        self.heads, self.batch_size = heads, batch_size
        self._memory = (itemsize, pairs, samples, decoded)
        self.decoded, self._between = decoded, between
        needed = self._work(self.widths, 1)[:, OPERATIONS]
        self._needed = np.concatenate([[0.0], np.cumsum(needed)])

    def _work(self, widths: np.ndarray, runs: np.ndarray | int) -> np.ndarray:
        return step_work(widths, runs, self.heads, self.batch_size, self.decoded, self._between)

    def work(self, start: int, stop: int) -> tuple[np.ndarray, float]:
        """Work of the fleet ``start:stop``, and the operations that its runs need."""
        stacked = self.widths[start:stop].max(0)
        work = self._work(stacked[None], stop - start)[0]
        return work, float(self._needed[stop] - self._needed[start])

    def seconds(self, start: int, stop: int, steps: np.ndarray, cost: CostModel) -> float:
        """Seconds of the fleet ``start:stop``, whose runs leave after so many steps each.

        A run that may stop early is priced as if it did not.
        """
        total, before = 0.0, 0
        for end in np.unique(steps):
            going = self.widths[start:stop][steps >= end]
            work = self._work(going.max(0)[None], len(going))
            total += float(cost.step_seconds(work)[0]) * int(end - before)
            before = end
        return total

    def held(self, start: int, stop: int) -> int:
        """Bytes of the fleet ``start:stop`` at its peak."""
        work, _ = self.work(start, stop)
        stacked = self.widths[start:stop].max(0)
        return int(fleet_bytes(work[None], stacked[None], *self._memory)[0])

    def cut(self, cost: CostModel, longest_step: float, memory: int) -> list[tuple[int, int]]:
        """Find the cheapest cut into fleets.

        Parameters
        ----------
        cost
            Prices.
        longest_step
            Seconds that a step of a fleet may take; a single run may take longer.
        memory
            Bytes that a fleet may take; likewise.

        Returns
        -------
        list of tuple
            Start and stop of each fleet.
        """
        count = len(self.widths)
        cheapest = np.full(count + 1, np.inf)
        cheapest[count] = 0.0
        stops = np.empty(count, dtype=int)
        for start in range(count - 1, -1, -1):
            reach = min(count, start + LARGEST_FLEET)
            stacked = np.maximum.accumulate(self.widths[start:reach], axis=0)
            sizes = np.arange(1, reach - start + 1)
            work = self._work(stacked, sizes)
            seconds = cost.step_seconds(work)
            held = fleet_bytes(work, stacked, *self._memory)
            refused = (seconds > longest_step) | (held > memory)
            refused[0] = False
            total = np.where(refused, np.inf, seconds + cheapest[start + 1 : reach + 1])
            best = int(total.argmin())
            cheapest[start], stops[start] = total[best], start + 1 + best
        cuts, start = [], 0
        while start < count:
            cuts.append((start, int(stops[start])))
            start = int(stops[start])
        return cuts
