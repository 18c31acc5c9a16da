"""Live tuning: batches, budgets, and going on after an interruption."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError, StaleInputError
from aehpo_assets.hpo.objectives import RUNTIME, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.search import live
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.live import Decide, LiveBudget, check_live_searchers, live_search
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.space import SearchSpace, search_space


class Trainer:
    """Trains in no time: the less dropout the better; it can be made to fail."""

    def __init__(
        self,
        fails_after: int = 10_000,
        fidelities: tuple[int, ...] = (1,),
        luck: tuple[float, ...] = (0.0,),
    ):
        self.batches: list[list[str]] = []
        self.fails_after = fails_after
        self.fidelities = fidelities
        self.luck = luck

    def diverges(self, seeds: pd.Series, epoch: int) -> pd.Series:
        """Dropout above which runs diverge."""
        return pd.Series(0.85, seeds.index)

    def __call__(self, configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        if len(self.batches) == self.fails_after:
            raise KeyboardInterrupt
        self.batches.append(configurations["config_id"].tolist())
        running = configurations.sample(frac=1, random_state=0)  # a fleet has its own order
        rungs = []
        for epoch in self.fidelities:
            rows = self._reached(running, epoch)
            rungs.append(rows)
            running = running[
                running["config_id"].isin(rows.loc[rows["status"] == "ok", "config_id"])
            ]
            if epoch < self.fidelities[-1]:
                going = pd.Series(decide(epoch, rows), rows["config_id"])
                going = going[~going.index.duplicated()]
                running = running[going.loc[running["config_id"]].to_numpy()]
        return pd.concat(rungs, ignore_index=True)

    def _reached(self, configurations: pd.DataFrame, epoch: int) -> pd.DataFrame:
        share = epoch / self.fidelities[-1]
        seeds = pd.DataFrame({"seed": range(len(self.luck))})
        results = configurations.merge(seeds, how="cross").assign(status="ok", epoch=epoch)
        results[RUNTIME] = 10.0 * share
        results[VALID_R2] = 0.5
        results[VALID_SCORE] = 0.5 + share * (0.45 - results["drop_p"] / 3)
        results[VALID_SCORE] += share * results["seed"].map(dict(enumerate(self.luck)))
        diverged = results["drop_p"] > self.diverges(results["seed"], epoch)
        results.loc[diverged, "status"] = "diverged"
        results.loc[diverged, VALID_SCORE] = np.nan
        return results


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["cqr", "asha_cqr"])
def test_a_searcher_is_told_the_mean_of_the_replicates(
    searcher: str, space: SearchSpace, tmp_path: Path
) -> None:
    fidelities = (1, 3, 9) if searcher == "asha_cqr" else (1,)
    problem = Problem(space, 0, 40, fidelities=fidelities)
    single = Trainer(fidelities=fidelities)
    once = live_search(searcher, problem, single, LiveBudget(24, batch=6), tmp_path / "once")
    lucky = Trainer(fidelities=fidelities, luck=(0.03125, -0.0625, 0.03125))
    budget = LiveBudget(74, batch=6, replicates=3)
    found = live_search(searcher, problem, lucky, budget, tmp_path / "thrice")
    assert lucky.batches == single.batches
    # Two runs more would be no whole configuration.
    assert len(found) == 72
    assert found["seed"].tolist() == [0, 1, 2] * 24
    assert found["epoch"].tolist() == once["epoch"].repeat(3).tolist()
    again = live_search(searcher, problem, Trainer(fails_after=0), budget, tmp_path / "thrice")
    pd.testing.assert_frame_equal(again, found)


class OneReplicateDiverges(Trainer):
    """With any dropout, the second replicate of a configuration diverges on its way."""

    def __call__(self, configurations: pd.DataFrame, decide: Decide) -> pd.DataFrame:
        self.batches.append(configurations["config_id"].tolist())
        rungs, alive = [], configurations.merge(pd.DataFrame({"seed": [0, 1]}), how="cross")
        for epoch in self.fidelities:
            ran = alive.drop(columns="seed").drop_duplicates("config_id")
            rows = self._reached(ran, epoch).merge(alive[["config_id", "seed"]])
            rungs.append(rows)
            is_last = epoch == self.fidelities[-1]
            going = np.array([True] * len(rows) if is_last else decide(epoch, rows))
            alive = rows.loc[(rows["status"] == "ok") & going, alive.columns]
        return pd.concat(rungs, ignore_index=True)

    def diverges(self, seeds: pd.Series, epoch: int) -> pd.Series:
        return seeds.map({0: 1.0, 1: 0.1 if epoch >= 3 else 1.0})


def test_a_replicate_that_diverged_counts_as_long_as_its_configuration_goes_on(
    space: SearchSpace, tmp_path: Path
) -> None:
    fidelities = (1, 3, 9, 27)
    problem = Problem(space, 0, 20, fidelities=fidelities)
    told: list[list[float]] = []
    trainer = OneReplicateDiverges(fidelities=fidelities, luck=(0.0, 0.0))

    class Telling(AskTell):
        def tell_together(self, known: Any, epoch: int) -> Any:
            if epoch == 9:
                told.append([one[VALID_SCORE] for one in known.values()])
            return super().tell_together(known, epoch)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(live, "AskTell", Telling)
        budget = LiveBudget(48, batch=8, replicates=2)
        found = live_search("asha", problem, trainer, budget, tmp_path / "r")
    counted = 0
    for (_, own), means in zip(found.groupby("batch"), told, strict=True):
        # What failed counts as the worst of those that finished.
        there = own.assign(score=0.5 + 9 / 27 * (0.45 - own["drop_p"] / 3))
        there = there[there["config_id"].isin(own.loc[own["epoch"] >= 9, "config_id"])]
        worst = there.loc[there["status"] == "ok", "score"].min()
        scores = there["score"].where(there["status"] == "ok", worst)
        expected = scores.groupby(there["config_id"]).mean()
        assert sorted(means) == pytest.approx(sorted(expected))
        counted += int((there["status"] != "ok").sum())
    assert counted > 3
    again = live_search("asha", problem, Trainer(fails_after=0), budget, tmp_path / "r")
    pd.testing.assert_frame_equal(again, found)


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


@pytest.mark.slow
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


RUNGS = (10, 30, 90)


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["asha", "asha_cqr", "median_stopping"])
def test_searchers_that_stop_runs_pay_for_what_they_took(
    searcher: str, space: SearchSpace, tmp_path: Path
) -> None:
    problem = Problem(space, 0, 40, fidelities=RUNGS)
    found = live_search(
        searcher, problem, Trainer(fidelities=RUNGS), LiveBudget(40, batch=8), tmp_path
    )
    ok = found[found["status"] == "ok"]
    assert set(ok["epoch"]) <= set(RUNGS)
    assert ok["epoch"].nunique() > 1
    np.testing.assert_allclose(found[RUNTIME], found["epoch"] / 9)
    finished = ok["epoch"] == 90
    assert ok.loc[finished, "drop_p"].mean() < ok.loc[~finished, "drop_p"].mean()
    assert (found.loc[found["status"] == "diverged", "epoch"] == 10).all()


@pytest.mark.parametrize("fidelities", [(10, 25, 50), (2, 3, 4, 40)])
def test_halving_stops_at_every_fidelity(
    fidelities: tuple[int, ...], space: SearchSpace, tmp_path: Path
) -> None:
    problem, budget = Problem(space, 0, 60, fidelities=fidelities), LiveBudget(60, batch=20)
    found = live_search("asha", problem, Trainer(fidelities=fidelities), budget, tmp_path)
    counts = found["epoch"].value_counts().reindex(fidelities)
    assert (counts > 0).all()
    assert counts.iloc[0] > len(found) / 2


@pytest.mark.slow
@pytest.mark.parametrize("searcher", ["asha_cqr", "bohb", "median_stopping"])
def test_stopped_runs_are_remembered_by_a_search_that_goes_on(
    searcher: str, space: SearchSpace, tmp_path: Path
) -> None:
    problem, budget = Problem(space, 3, 30, fidelities=RUNGS), LiveBudget(30, batch=6)
    whole = live_search(searcher, problem, Trainer(fidelities=RUNGS), budget, tmp_path / "whole")
    stopping = Trainer(fails_after=3, fidelities=RUNGS)
    with pytest.raises(KeyboardInterrupt):
        live_search(searcher, problem, stopping, budget, tmp_path / "parts")
    resumed = Trainer(fidelities=RUNGS)
    second = live_search(searcher, problem, resumed, budget, tmp_path / "parts")
    assert len(resumed.batches) == 2
    pd.testing.assert_frame_equal(second, whole, check_exact=True)


def test_more_runs_extend_a_search(space: SearchSpace, tmp_path: Path) -> None:
    problem = Problem(space, 0, 40)
    live_search("cqr", problem, Trainer(), LiveBudget(12, batch=8), tmp_path / "r")
    more = Trainer()
    extended = live_search("cqr", problem, more, LiveBudget(24, batch=8), tmp_path / "r")
    # The batch of four that ended the first search is not what a longer one proposes there.
    assert [len(batch) for batch in more.batches] == [8, 8]
    fresh = live_search("cqr", problem, Trainer(), LiveBudget(24, batch=8), tmp_path / "fresh")
    pd.testing.assert_frame_equal(extended, fresh, check_exact=True)
    untouched = Trainer(fails_after=0)
    again = live_search("cqr", problem, untouched, LiveBudget(12, batch=8), tmp_path / "r")
    assert len(again) == 12


def test_a_damaged_batch_is_trained_again(space: SearchSpace, tmp_path: Path) -> None:
    problem, budget = Problem(space, 0, 12), LiveBudget(12, batch=4)
    whole = live_search("cqr", problem, Trainer(), budget, tmp_path)
    damaged = sorted(tmp_path.iterdir())[1]
    damaged.write_bytes(damaged.read_bytes()[:100])
    again = Trainer()
    pd.testing.assert_frame_equal(live_search("cqr", problem, again, budget, tmp_path), whole)
    assert len(again.batches) == 1


def test_a_configuration_proposed_twice_in_a_batch_is_one_run(tmp_path: Path) -> None:
    space = search_space(
        "vanillix",
        {
            "k_filter": [64, 128],
            "n_layers": [2],
            "enc_factor": [2.0],
            "latent_dim_fixed": [2],
            "lr_fixed": [0.001],
            "batch_size": [64],
            "drop_p": [0.1],
        },
    )
    problem = Problem(space, 0, 6, fidelities=RUNGS)
    found = live_search(
        "asha", problem, Trainer(fidelities=RUNGS), LiveBudget(6, batch=6), tmp_path
    )
    assert not found.duplicated(["batch", "config_id"]).any()
    again = live_search("asha", problem, Trainer(fails_after=0), LiveBudget(6, batch=6), tmp_path)
    pd.testing.assert_frame_equal(found, again)


def test_what_is_known_already_is_where_a_search_begins(
    space: SearchSpace, evaluations: pd.DataFrame, tmp_path: Path
) -> None:
    known = evaluations[evaluations["task"] == "a"].head(30)
    budget = LiveBudget(6, batch=6)
    cold = live_search("cqr", Problem(space, 0, 6), Trainer(), budget, tmp_path / "cold")
    warm = live_search(
        "cqr", Problem(space, 0, 6, observations=known), Trainer(), budget, tmp_path / "warm"
    )
    assert not set(cold["config_id"]) & set(warm["config_id"])
    with pytest.raises(StaleInputError, match="another search"):
        live_search("cqr", Problem(space, 0, 6), Trainer(), budget, tmp_path / "warm")


def test_searchers_that_cannot_tune_live_are_refused() -> None:
    check_live_searchers(["cqr"], [], 50)
    check_live_searchers(["cqr", "asha"], [10], 50)
    with pytest.raises(InputError, match=r"live\.searchers.*Did you mean cqr") as refused:
        check_live_searchers(["cqrr"], [10], 50, file="study.yaml")
    assert refused.value.file == "study.yaml"
    with pytest.raises(InputError, match=r"keeps none.*fidelities: "):
        check_live_searchers(["cqr", "asha"], [50], 50)
    with pytest.raises(InputError, match="does not work here"):
        check_live_searchers(["moasha"], [10], 50)
