"""Live tuning: batches, budgets, and going on after an interruption."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.live import LiveBudget, live_search
from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.problem import Problem
from aehpo_assets.space import SearchSpace


class Trainer:
    """Trains in no time: the less dropout the better; it can be made to fail."""

    def __init__(self, fails_after: int = 10_000):
        self.batches: list[list[str]] = []
        self.fails_after = fails_after

    def __call__(self, configurations: pd.DataFrame) -> pd.DataFrame:
        if len(self.batches) == self.fails_after:
            raise KeyboardInterrupt
        self.batches.append(configurations["config_id"].tolist())
        results = configurations.assign(seed=0, status="ok")
        results[RUNTIME] = 10.0
        results[VALID_R2] = 0.5
        results[VALID_SCORE] = 0.95 - results["drop_p"] / 3
        results[TEST_SCORE] = 0.5
        diverged = results["drop_p"] > 0.85
        results.loc[diverged, "status"] = "diverged"
        results.loc[diverged, VALID_SCORE] = np.nan
        return results.sample(frac=1, random_state=0)  # a fleet has its own order


def test_budget_of_runs_and_batches(space: SearchSpace, tmp_path: Path) -> None:
    trainer = Trainer()
    found = live_search(
        "random_search", Problem(space, 0, 20), trainer, LiveBudget(20, batch=8), tmp_path / "r"
    )
    assert [len(batch) for batch in trainer.batches] == [8, 8, 4]
    assert found["batch"].value_counts().sort_index().tolist() == [8, 8, 4]
    assert found["config_id"].tolist() == [i for batch in trainer.batches for i in batch]


def test_budget_of_seconds(space: SearchSpace, tmp_path: Path) -> None:
    budget = LiveBudget(100, seconds=75, batch=4)
    found = live_search("random_search", Problem(space, 0, 100), Trainer(), budget, tmp_path / "r")
    assert len(found) == 8


@pytest.mark.parametrize("searcher", ["cqr", "regularized_evolution"])
def test_interrupted_searches_go_on_as_if_nothing_had_been(
    searcher: str, space: SearchSpace, tmp_path: Path
) -> None:
    problem, budget = Problem(space, 3, 24), LiveBudget(24, batch=6)
    whole = live_search(searcher, problem, Trainer(), budget, tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        live_search(searcher, problem, Trainer(fails_after=2), budget, tmp_path / "parts")
    second = Trainer()
    resumed = live_search(searcher, problem, second, budget, tmp_path / "parts")
    assert len(second.batches) == 2
    pd.testing.assert_frame_equal(resumed, whole, check_exact=True)
    untouched = Trainer(fails_after=0)
    again = live_search(searcher, problem, untouched, budget, tmp_path / "parts")
    pd.testing.assert_frame_equal(again, whole, check_exact=True)


def test_results_guide_the_search(space: SearchSpace, tmp_path: Path) -> None:
    found = live_search(
        "cqr", Problem(space, 0, 48), Trainer(), LiveBudget(48, batch=6), tmp_path / "r"
    )
    assert found["drop_p"].iloc[-12:].mean() < 0.2 < found["drop_p"].iloc[:12].mean()


def test_a_record_of_another_search_is_refused(space: SearchSpace, tmp_path: Path) -> None:
    budget = LiveBudget(4, batch=4)
    live_search("random_search", Problem(space, 0, 4), Trainer(), budget, tmp_path / "r")
    with pytest.raises(StaleInputError, match="another search"):
        live_search("random_search", Problem(space, 1, 4), Trainer(), budget, tmp_path / "r")


def test_an_exhausted_searcher_ends_the_search(
    space: SearchSpace, evaluations: pd.DataFrame, tmp_path: Path
) -> None:
    few = evaluations[evaluations["config_id"].isin(["1", "2", "3"])]
    problem = Problem(space, 0, 10, evidence=few)
    found = live_search("zero_shot", problem, Trainer(), LiveBudget(10, batch=2), tmp_path / "r")
    assert len(found) == 3
