"""Which studies are simulated, and by how many processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed
from benchmarks.claims.emulator import FLAT, KINDS, Emulator, Trained
from benchmarks.claims.study import row

RELIABILITIES = (0.35, 0.9)
"""Of one run: that of colorectal tumours, and one that makes replicates hardly necessary."""

Job = tuple[str, float, int]
"""Kind, reliability and seed of a study."""


def jobs(count: int, seed: int) -> list[Job]:
    """Return so many studies of each reliability, the kinds in turn, and half as many flat ones."""
    found: list[Job] = []
    for reliability in RELIABILITIES:
        seeds = [named_seed(seed, "study", reliability, number) for number in range(count)]
        found += [
            (KINDS[number % len(KINDS)], reliability, own) for number, own in enumerate(seeds)
        ]
    flat = [named_seed(seed, "study", FLAT, number) for number in range(count // 2)]
    return found + [(FLAT, RELIABILITIES[0], own) for own in flat]


def simulate(
    source: Trained, space: SearchSpace, work: list[Job], processes: int
) -> Iterator[dict[str, object]]:
    """Make studies in some processes; one row each, in the order of the work."""
    if processes == 1:
        yield from (_made((source, space, job)) for job in work)
        return
    os.environ["OMP_NUM_THREADS"] = "1"
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_made, [(source, space, job) for job in work])


def _made(given: tuple[Trained, SearchSpace, Job]) -> dict[str, object]:
    source, space, (kind, reliability, seed) = given
    emulator = Emulator.of(source, space, kind, reliability, seed)
    return {"reliability": reliability} | row(emulator)
