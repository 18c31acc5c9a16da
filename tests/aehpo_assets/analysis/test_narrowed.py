"""Narrowed spaces: found where there is something, measured where it was not looked for."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.narrowed import (
    expected_best,
    narrowed_space,
    narrowed_text,
    predicted_worth,
)
from aehpo_assets.analysis.posterior import noise_variance, posterior_scores
from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.space.distributions import Choice, Uniform
from aehpo_assets.space.search_space import SearchSpace

SPACE = SearchSpace(
    "vanillix",
    {
        "lr_fixed": Uniform(0, 1),
        "drop_p": Uniform(0, 1),
        "latent_dim_fixed": Choice((4, 8)),
        "optimizer": Choice(("adam", "sgd")),
    },
)


def runs(count: int, replicates: int, noise: float, seed: int = 0) -> pd.DataFrame:
    """Scores that grow by learning rate, and depend on nothing else."""
    source = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "config_id": [str(number) for number in range(count)],
            "lr_fixed": source.uniform(size=count),
            "drop_p": source.uniform(size=count),
            "latent_dim_fixed": source.choice([4, 8], count),
            "optimizer": source.choice(["adam", "sgd"], count),
            "k_filter_effective": 64,
            "n_layers": 2,
            "enc_factor": 2.0,
            "valid_r2": 0.5,
            "trainable_parameters": 100,
        }
    ).merge(pd.DataFrame({"seed": range(replicates)}), how="cross")
    score = 0.6 + 0.2 * table["lr_fixed"] + source.normal(0, noise, len(table))
    return table.assign(status="ok", task="toy_rna", **{VALID_SCORE: score})


@pytest.mark.parametrize("draws", [1, 3, 7])
def test_the_best_of_some_is_that_of_all_ways_to_draw_them(draws: int) -> None:
    choice, value = np.random.default_rng(draws).random((2, 7))
    every = [list(drawn) for drawn in itertools.combinations(range(7), draws)]
    expected = np.mean([value[drawn][np.argmax(choice[drawn])] for drawn in every])
    assert expected_best(choice, value, draws) == pytest.approx(expected, abs=1e-12)


def test_posterior_means_lie_nearer_to_the_truth_than_plain_ones() -> None:
    table = runs(100, 2, 0.1)
    truth = 0.6 + 0.2 * table.drop_duplicates("config_id").set_index("config_id")["lr_fixed"]
    plain = table.groupby("config_id")[VALID_SCORE].mean()
    errors = [
        float(((one - truth) ** 2).mean())
        for one in (posterior_scores(table, ["lr_fixed", "drop_p", "optimizer"]), plain)
    ]
    assert errors[0] < 0.5 * errors[1]
    wide = table.pivot(index="config_id", columns="seed", values=VALID_SCORE)
    shifted = wide + np.array([0.0, 5.0])
    assert noise_variance(wide) == pytest.approx(0.01, rel=0.3)
    assert noise_variance(shifted) == pytest.approx(noise_variance(wide))
    assert np.isnan(noise_variance(wide[[0]]))


@pytest.mark.slow
def test_a_space_is_narrowed_to_what_is_told_and_measured_on_others() -> None:
    found = narrowed_space(runs(100, 4, 0.05), SPACE)
    assert set(found.space) == {"lr_fixed"}
    lower, upper = found.space["lr_fixed"]["uniform"]
    assert 0.6 < lower < upper <= 1
    assert set(found.support["hyperparameter"]) == {"lr_fixed", "drop_p", "latent_dim_fixed"}
    first = found.worth.set_index("draws").loc[1]
    # Of configurations that had no part in it: half of the range is worth a quarter of the slope.
    truth = 0.2 * ((lower + upper) / 2 - 0.5)
    assert first["lower"] < truth < first["upper"]
    assert first["lower"] > 0.03
    assert first["inside"] < 0.5 * first["configurations"]
    assert "lie inside what the others narrow: a random configuration scores" in narrowed_text(
        found
    )


@pytest.mark.slow
def test_chance_narrows_nothing() -> None:
    found = []
    for seed in range(6):
        table = runs(60, 2, 0.1, seed)
        noise = np.random.default_rng(seed).normal(0.7, 0.05, len(table))
        found.append(narrowed_space(table.assign(**{VALID_SCORE: noise}), SPACE, seed))
    nothing = [one for one in found if not one.space]
    assert len(nothing) >= 5
    assert nothing[0].worth.empty
    assert narrowed_text(nothing[0]).startswith("The space is not narrowed")


def test_few_configurations_narrow_nothing() -> None:
    assert narrowed_space(runs(12, 2, 0.01), SPACE).space == {}


def test_what_a_surrogate_says_is_the_best_of_draws_of_each_space() -> None:
    narrow = SearchSpace("vanillix", {**SPACE.hyperparameters, "lr_fixed": Uniform(0.8, 1)})
    table = predicted_worth(
        lambda drawn: np.array([one["lr_fixed"] for one in drawn]), SPACE, narrow
    ).set_index("draws")
    assert table.loc[1].tolist() == pytest.approx([0.5, 0.9], abs=0.03)
    assert table.loc[5].tolist() == pytest.approx([5 / 6, 0.8 + 0.2 * 5 / 6], abs=0.03)
