"""Recommendations that differ by what matters."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.hpo.distinct import DISTINCT, best_distinct


def test_clones_are_passed_over() -> None:
    """The second differs by much of a range, but by nothing that matters."""
    points = np.array([[0.0, 0.0], [0.001, 0.02], [0.1, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert best_distinct(points, 3) == [0, 3, 4]


def test_where_there_are_too_few_apart_nearer_ones_count() -> None:
    points = np.array([[0.0], [0.1], [0.2], [0.2]])
    assert best_distinct(points, 2) == [0, 2]
    assert sorted(best_distinct(points, 4)) == [0, 1, 2]


def test_enough_of_a_kind_are_added_to_what_is_chosen() -> None:
    points = np.arange(6.0)[:, None]
    odd = np.arange(6) % 2 == 1
    assert best_distinct(points, 4, chosen=[0, 1], allowed=odd) == [0, 1, 3, 5]
    assert best_distinct(points, 1, chosen=[0, 1]) == [0, 1]


@given(st.integers(0, 500), st.integers(1, 12))
def test_the_best_is_taken_and_none_twice(seed: int, count: int) -> None:
    points = np.random.default_rng(seed).random((30, 2))
    taken = best_distinct(points, count)
    assert taken[0] == 0
    assert len(taken) == len(set(taken)) == count
    far = best_distinct(3 * points, 2)
    assert np.linalg.norm(3 * (points[far[0]] - points[far[1]])) >= DISTINCT
