"""Who is trained next: halvings first, then the two that could be the best.

Replicates are numbered from 0 within a race, and all candidates that are trained in one share it.
"""

from __future__ import annotations

import numpy as np

FINALISTS = 3
"""Halving ends with so many candidates."""

FIRST = 2
"""Replicates of every candidate in the first round, the fewest that tell of their noise; each
halving doubles them, so that every round costs about the same."""

BATCH = 4
"""Replicates of a round in which two candidates each are trained."""


def halvings(candidates: int, max_replicates: int) -> list[tuple[int, int]]:
    """Return how many candidates the halving rounds have, and how many new replicates of each.

    Twelve candidates go through 12-6-3 with 2, 4 and 8 replicates.

    Parameters
    ----------
    candidates
        Candidates at the start.
    max_replicates
        No candidate gets more in all.
    """
    rounds: list[tuple[int, int]] = []
    trained = 0
    while True:
        new = min(FIRST * 2 ** len(rounds), max_replicates - trained)
        if new < 1:
            return rounds
        rounds.append((candidates, new))
        trained += new
        if candidates <= FINALISTS:
            return rounds
        candidates = max(FINALISTS, (candidates + 1) // 2)


def most_trainings(candidates: int, max_replicates: int) -> list[tuple[int, int]]:
    """Return the most that a race may train: how many candidates at a time, in how many replicates.

    Parameters
    ----------
    candidates, max_replicates
        As for :func:`halvings`.

    Returns
    -------
    list of tuple of int
        The halving rounds; then two at a time, until all finalists have ``max_replicates``. A race
        that is decided ends before.
    """
    rounds = halvings(candidates, max_replicates)
    left = max_replicates - sum(new for _, new in rounds)
    finalists = rounds[-1][0]
    pairs = (finalists * left + 1) // 2
    return [*rounds, (2, pairs)] if pairs else rounds


def most_likely(
    probabilities: np.ndarray, mean: np.ndarray, among: list[int], keep: int
) -> set[int]:
    """Return the candidates that are most likely to be the best, by the mean where that ties."""
    order = sorted(among, key=lambda one: (-probabilities[one], -mean[one], one))
    return set(order[:keep])


def top_two(draws: np.ndarray, replicates: list[int]) -> list[tuple[int, int]]:
    """Choose the two candidates that each of some replicates is given to.

    Top-two Thompson sampling: a draw's best candidate, and the best one of the next draw whose
    best is another (Russo 2016, Simple Bayesian algorithms for best-arm identification). There,
    one of the two is measured by the toss of a coin; here both are, since they share the effect of
    the split.

    Parameters
    ----------
    draws
        Output of :meth:`aehpo_assets.race.belief.Belief.draws`.
    replicates
        Numbers of the replicates.

    Returns
    -------
    list of tuple of int
        Candidate and replicate; two of each replicate, or one where every draw has the same best.
    """
    best = draws.argmax(axis=1)
    chosen = []
    place = 0
    for replicate in replicates:
        first = best[place % len(best)]
        rivals = np.flatnonzero(np.roll(best, -place) != first)
        chosen.append((int(first), replicate))
        if len(rivals):
            place += int(rivals[0])
            chosen.append((int(best[place % len(best)]), replicate))
        place += 1
    return chosen
