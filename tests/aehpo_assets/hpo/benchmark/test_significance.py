"""Whether searchers can be told apart: on searches whose truth is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.benchmark.significance import critical_difference, what_to_run_first


def searches(
    seed: int,
    gains: dict[str, float],
    tasks: int = 8,
    repetitions: int = 10,
    suits: float = 0.02,
) -> pd.DataFrame:
    """Scores of searchers that gain so much on average over tasks.

    What a task happens to make of a searcher (``suits``) is the same in all its repetitions.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for task in range(tasks):
        level = generator.normal(0.7, 0.1)
        for searcher, gain in gains.items():
            value = level + gain + generator.normal(0, suits)
            scores = value + generator.normal(0, 0.02, repetitions)
            rows += [
                (str(task), searcher, number, 1.0, score) for number, score in enumerate(scores)
            ]
    return pd.DataFrame(rows, columns=["task", "searcher", "repetition", "budget", "best"])


def test_critical_difference_is_demsars() -> None:
    """Table 5 of Demšar 2006: q for 4 classifiers is 2.569; on 14 blocks the difference is 1.25."""
    result = critical_difference(searches(0, dict.fromkeys("abcd", 0.0), tasks=14))
    assert result.difference == pytest.approx(1.25, abs=0.005)
    assert result.tasks == 14
    assert result.p_value > 0.05
    assert result.groups == (tuple(result.mean_ranks.index),)
    clear = critical_difference(searches(0, {"a": 0.9, "b": 0.6, "c": 0.3, "d": 0.0}, tasks=14))
    assert clear.p_value < 1e-6
    assert clear.groups == (("a", "b"), ("b", "c"), ("c", "d"))


@pytest.mark.slow
@pytest.mark.parametrize("tasks", [3, 8])
@pytest.mark.parametrize("searchers", ["ab", "abcd"])
def test_equal_searchers_are_rarely_called_different(tasks: int, searchers: str) -> None:
    equal = dict.fromkeys(searchers, 0.0)
    found = [critical_difference(searches(seed, equal, tasks)) for seed in range(100)]
    assert np.mean([result.p_value < 0.05 for result in found]) <= 0.08
    named = [what_to_run_first(searches(seed, equal, tasks)) for seed in range(20)]
    assert np.mean([(table["searcher"] != "").any() for table in named]) <= 0.1


@pytest.mark.slow
def test_a_better_searcher_is_found() -> None:
    gains = {"better": 0.06, "b": 0.0, "c": 0.0}
    found = [what_to_run_first(searches(seed, gains, tasks=10)) for seed in range(50)]
    named = [table["searcher"].iloc[-1] for table in found]
    assert set(named) <= {"better", ""}
    assert named.count("better") >= 0.8 * 50


def test_where_no_test_decides_all_that_cannot_be_told_apart_are_named() -> None:
    table = what_to_run_first(searches(0, {"a": 0.3, "b": 0.0, "c": 0.0}, tasks=1))
    assert table["searcher"].tolist() == ["", ""]
    assert table["ties"].str.split(", ").map(set).tolist() == [{"a", "b", "c"}] * 2
    assert table["p_value"].isna().all()
    alone = what_to_run_first(searches(0, {"a": 0.3}))
    assert (alone["searcher"].tolist(), alone["ties"].tolist()) == (["", ""], ["a", "a"])


def test_a_search_without_a_result_counts_as_the_lowest() -> None:
    table = searches(0, {"a": 0.0, "b": 0.3})
    assert critical_difference(table).mean_ranks.index[0] == "b"
    table.loc[table["searcher"] == "b", "best"] = np.nan
    assert critical_difference(table).mean_ranks.index[0] == "a"
