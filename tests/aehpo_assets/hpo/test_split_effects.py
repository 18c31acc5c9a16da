"""Split effects: found where configurations have other splits, and no reward for being chosen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.split_effects import without_split_effects
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import search_space


def runs_of(source: np.random.Generator, noise: float, extra: int = 6) -> pd.DataFrame:
    """60 configurations on 3 splits; the best 6 by these on 3 further ones, all of them harder."""
    truth = source.normal(0.7, 0.05, 60)
    splits = np.array([0.02, 0.0, -0.02, -0.1, -0.1, -0.1])
    table = pd.DataFrame(
        [
            (c, s, truth[c] + splits[s] + source.normal(0, noise), truth[c])
            for c in range(60)
            for s in range(6)
        ],
        columns=["config", "split", "score", "truth"],
    )
    first = table[table["split"] < 3]
    best = first.groupby("config")["score"].mean().nlargest(extra).index
    return pd.concat([first, table[(table["split"] >= 3) & table["config"].isin(best)]])


def test_equal_replicates_stay_as_they_are() -> None:
    table = runs_of(np.random.default_rng(0), 0.05, extra=0)
    adjusted = without_split_effects(table["score"], table["config"], table["split"])
    assert adjusted.equals(table["score"])


def test_without_noise_the_effect_is_found_exactly() -> None:
    table = runs_of(np.random.default_rng(1), 0.0)
    adjusted = without_split_effects(table["score"], table["config"], table["split"])
    spread = adjusted.groupby(table["config"]).agg(lambda own: own.max() - own.min())
    assert (
        table["score"].groupby(table["config"]).agg(lambda own: own.max() - own.min()).max() > 0.1
    )
    # The components take the splits for noise, so that a little is left.
    assert spread.max() < 0.01


@pytest.mark.slow
def test_being_chosen_for_luck_does_not_make_new_splits_look_hard() -> None:
    bias, naive = [], []
    for seed in range(40):
        table = runs_of(np.random.default_rng(seed), 0.08)
        adjusted = without_split_effects(table["score"], table["config"], table["split"])
        effect = (table["score"] - adjusted).groupby(table["split"]).first()
        bias.append(effect[[3, 4, 5]].mean() - effect[[0, 1, 2]].mean() + 0.1)
        chosen = table[table["config"].isin(table.loc[table["split"] >= 3, "config"])]
        by_split = chosen.groupby("split")["score"].mean()
        naive.append(by_split[[3, 4, 5]].mean() - by_split[[0, 1, 2]].mean() + 0.1)
    assert np.mean(naive) < -0.03
    assert abs(np.mean(bias)) < 0.01


def test_evaluations_are_of_the_same_splits() -> None:
    space = search_space("vanillix")
    (results,) = synthetic_results(space, tasks=("t",), count=20, seeds=(0, 1)).values()
    several = results.assign(replicate=results["seed"], split_seed=results["seed"])
    harder = several["split_seed"] == 1
    several.loc[harder, VALID_SCORE] = several.loc[harder, VALID_SCORE] - 0.2
    assert evaluation_table({"t": several}, space)[VALID_SCORE].equals(
        several[VALID_SCORE].where(several["status"] == "ok", 0.5).reset_index(drop=True)
    )
    only_easy = several[~(harder & several["config_id"].isin(several["config_id"].unique()[:10]))]
    evaluations = evaluation_table({"t": only_easy}, space)
    ok = evaluations[~evaluations["failed"]]
    easy, hard = (ok.loc[ok["seed"] == seed, VALID_SCORE].mean() for seed in (0, 1))
    assert abs(easy - hard) < 0.05
    columns = list(evaluation_table({"t": results}, space))
    assert [name for name in evaluations if name != "split_seed"] == columns
