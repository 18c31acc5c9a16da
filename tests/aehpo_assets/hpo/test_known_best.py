"""Configurations with different numbers of runs are compared by what their means are worth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.known_best import best_known, between_and_within
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE


def runs(scores: dict[str, list[float]]) -> pd.DataFrame:
    rows = [
        {"task": "a", "config_id": name, "seed": seed, "lr_fixed": 0.1, "failed": False}
        | dict.fromkeys(OBJECTIVE_NAMES, 1.0)
        | {VALID_SCORE: score}
        for name, values in scores.items()
        for seed, score in enumerate(values)
    ]
    return pd.DataFrame(rows)


def test_one_lucky_run_does_not_beat_four() -> None:
    table = runs(
        {
            "lucky": [0.88],
            "sound": [0.80, 0.92, 0.82, 0.90],
            "low": [0.60, 0.75, 0.55, 0.70],
            "other": [0.70],
        }
    )
    best = best_known(table, "a")
    assert best["config_id"].iloc[0] == "sound"
    assert best.set_index("config_id")["known_runs"].to_dict() == {
        "lucky": 1,
        "sound": 4,
        "low": 4,
        "other": 1,
    }
    assert best["known_valid"].between(0.65, 0.88).all()


def test_what_is_known_of_the_best_is_averaged(evaluations: pd.DataFrame) -> None:
    best = best_known(evaluations, "a")
    of_a = evaluations[evaluations["task"] == "a"].groupby("config_id")
    assert len(best) == of_a.ngroups
    means = of_a[list(OBJECTIVE_NAMES)].mean().loc[best["config_id"]]
    for name in OBJECTIVE_NAMES:
        assert best[name].tolist() == pytest.approx(means[name].tolist())
    assert best["known_valid"].is_monotonic_decreasing
    assert best["known_valid"].iloc[0] < best[VALID_SCORE].iloc[0]


def test_with_one_run_each_the_means_stand(rng_scores: list[float]) -> None:
    table = runs({str(number): [score] for number, score in enumerate(rng_scores)})
    best = best_known(table, "a")
    assert best["known_valid"].tolist() == pytest.approx(sorted(rng_scores, reverse=True))


def test_with_as_many_runs_each_the_order_is_that_of_the_means(rng_scores: list[float]) -> None:
    table = runs({str(n): [s - 0.1, s + 0.1] for n, s in enumerate(rng_scores)})
    order = np.argsort(rng_scores)[::-1].astype(str).tolist()
    assert best_known(table, "a")["config_id"].tolist() == order


def test_components_are_those_of_the_simulation() -> None:
    source = np.random.default_rng(0)
    counts = source.integers(1, 6, 4000)
    groups = np.repeat(np.arange(4000), counts)
    values = source.normal(0, 0.07, 4000)[groups] + source.normal(0, 0.09, len(groups))
    between, within = between_and_within(pd.Series(values), pd.Series(groups))
    assert between == pytest.approx(0.07**2, rel=0.1)
    assert within == pytest.approx(0.09**2, rel=0.05)


@pytest.fixture
def rng_scores() -> list[float]:
    return np.random.default_rng(3).uniform(0.5, 0.9, 20).tolist()
