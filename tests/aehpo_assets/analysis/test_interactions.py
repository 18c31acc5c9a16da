"""Pairs of hyperparameters that matter together: those put in are found, and chance is not."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.interactions import (
    FEWEST_CONFIGURATIONS,
    _levels,
    _terms,
    interactions_text,
    pairwise_interactions,
)
from aehpo_assets.analysis.plots import interactions
from aehpo_assets.hpo.columns import VALID_SCORE

NAMES = ["n_layers", "lr_fixed", "drop_p", "optimiser"]


def runs(count: int, seed: int, together: float, noise: float = 0.02) -> pd.DataFrame:
    """Scores that grow by learning rate, and by layers only where there is little dropout."""
    source = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "config_id": [str(number) for number in range(count)],
            "n_layers": source.choice([2, 3, 4], count),
            "lr_fixed": source.uniform(size=count),
            "drop_p": source.uniform(size=count),
            "optimiser": source.choice(["adam", "sgd"], count),
        }
    )
    both = (table["n_layers"] - 3) * np.where(table["drop_p"] < 0.5, 1, -1)
    score = 0.6 + 0.1 * table["lr_fixed"] + together * both + source.normal(0, noise, count)
    return table.assign(**{VALID_SCORE: score}, status="ok")


def test_a_forest_is_taken_apart_exactly() -> None:
    """Held against the definition: means of its predictions over every combination of levels."""
    from sklearn.ensemble import RandomForestRegressor

    table = runs(120, 0, 0.05)
    levels = _levels(table[NAMES])
    forest = RandomForestRegressor(7, min_samples_leaf=3, random_state=0)
    forest.fit(levels.numbers, table[VALID_SCORE])
    first, second = _terms(
        [one.tree_ for one in forest.estimators_], levels, list(itertools.combinations(range(4), 2))
    )
    grid = np.array(list(itertools.product(*(range(len(s)) for s in levels.shares))))
    weight = np.prod([s[grid[:, at]] for at, s in enumerate(levels.shares)], axis=0)
    predicted = forest.predict(grid)
    mean = np.average(predicted, weights=weight)

    def at(where: dict[int, int]) -> float:
        rows = np.all([grid[:, one] == level for one, level in where.items()], axis=0)
        return float(np.average(predicted[rows], weights=weight[rows]))

    assert first[1][4] == pytest.approx(at({1: 4}) - mean, abs=1e-12)
    expected = at({0: 2, 3: 1}) - at({0: 2}) - at({3: 1}) + mean
    assert second[0, 3][2, 1] == pytest.approx(expected, abs=1e-12)


def test_the_pair_that_was_put_in_is_found_with_what_it_does() -> None:
    pairs, surface = pairwise_interactions(runs(200, 1, 0.05), NAMES)
    told = pairs[pairs["told"]]
    assert told[["first", "second"]].to_numpy().tolist() == [["n_layers", "drop_p"]]
    truth = np.var(0.05 * np.array([-1, 0, 1])) / runs(200, 1, 0.05)[VALID_SCORE].var()
    assert 0.5 * truth < pairs["explained"].iloc[0] < 1.1 * truth
    beyond = surface.set_index(["first_level", "second_level"])["beyond"]
    first, last = surface["second_level"].iloc[[0, 5]]
    assert beyond["4", first] > 0.02 > -0.02 > beyond["4", last]
    said = interactions_text(pairs)
    assert said.startswith("Told from chance, with the share of the variance: n_layers x drop_p (")
    assert "Undecided are 5 of 6 pairs" in said
    assert interactions(pairs, surface, NAMES).startswith(b"\x89PNG")


@pytest.mark.slow
def test_chance_is_not_told_and_the_text_says_what_is_left() -> None:
    found = [pairwise_interactions(runs(60, seed, 0, 0.1), NAMES, seed)[0] for seed in range(8)]
    assert sum(table["told"].any() for table in found) <= 1
    assert (found[0]["decidable"] > 0.2).all()
    assert "No pair is told from chance. Undecided are 6 of 6 pairs" in interactions_text(found[0])


def test_the_same_seed_gives_the_same_numbers_in_any_order() -> None:
    table = runs(60, 2, 0.05)
    one, two = (
        pairwise_interactions(each, NAMES)[0]
        for each in (table, table.sample(frac=1, random_state=1))
    )
    pd.testing.assert_frame_equal(one, two)


def test_few_and_what_does_not_vary_are_not_judged() -> None:
    few = runs(FEWEST_CONFIGURATIONS - 1, 0, 0.1)
    pairs, surface = pairwise_interactions(few, NAMES)
    assert pairs["explained"].isna().all()
    assert not pairs["told"].any()
    assert surface.empty
    assert interactions_text(pairs).startswith("Interactions are not told: 39 configurations")
    assert interactions(pairs, surface, NAMES).startswith(b"\x89PNG")
    constant, _ = pairwise_interactions(few.assign(n_layers=2), NAMES[:2])
    assert constant.empty
    assert interactions_text(constant).startswith("There are no interactions")
