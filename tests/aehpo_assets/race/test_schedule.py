"""Who is trained next."""

from __future__ import annotations

import math

import numpy as np

from aehpo_assets.race.schedule import halvings, most_likely, most_trainings, top_two


def test_twelve_go_through_six_and_three() -> None:
    assert halvings(12, 40) == [(12, 2), (6, 4), (3, 8)]


def test_three_are_finalists_from_the_start() -> None:
    assert halvings(3, 40) == [(3, 2)]
    assert halvings(7, 40) == [(7, 2), (4, 4), (3, 8)]


def test_nobody_gets_more_replicates_than_allowed() -> None:
    assert halvings(12, 5) == [(12, 2), (6, 3)]
    assert halvings(12, 2) == [(12, 2)]


def test_those_most_likely_to_be_best_are_kept_and_ties_go_to_the_mean() -> None:
    probabilities, mean = np.array([0.0, 0.6, 0.0, 0.4]), np.array([0.9, 0.5, 0.8, 0.5])
    assert most_likely(probabilities, mean, [0, 1, 2, 3], 3) == {0, 1, 3}
    assert most_likely(probabilities, mean, [1, 2, 3], 3) == {1, 2, 3}


def test_every_replicate_goes_to_two_that_could_be_best() -> None:
    draws = np.array([[0.9, 0.1], [0.8, 0.2], [0.1, 0.9]])
    draws = np.column_stack([draws, np.full(3, -math.inf)])
    assert top_two(draws, [7, 8]) == [(0, 7), (1, 7), (0, 8), (1, 8)]


def test_where_every_draw_has_the_same_best_it_alone_is_trained() -> None:
    assert top_two(np.array([[0.9, 0.1], [0.8, 0.2]]), [0, 1]) == [(0, 0), (0, 1)]


def test_the_most_that_a_race_trains_gives_every_finalist_all_its_replicates() -> None:
    assert most_trainings(12, 40) == [(12, 2), (6, 4), (3, 8), (2, 39)]
    assert most_trainings(6, 8) == [(6, 2), (3, 4), (2, 3)]
    assert most_trainings(12, 2) == [(12, 2)]
    assert most_trainings(3, 3) == [(3, 2), (2, 2)]
