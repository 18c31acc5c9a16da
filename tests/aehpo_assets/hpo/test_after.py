"""Searches that are after the loss or R2: told it, recommending by it, and judged by the score."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.after import SCORE, gain, in_place_of_score, objectives_for
from aehpo_assets.hpo.benchmark.analysis import incumbents, progress
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, run_benchmark, run_cell
from aehpo_assets.hpo.benchmark.summary import summarise, what_is_told
from aehpo_assets.hpo.columns import VALID_LOSS
from aehpo_assets.hpo.objectives import NAMED, OBJECTIVE_NAMES, OBJECTIVES, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.searchers import find_searcher
from aehpo_assets.hpo.search.told import RunNoise, TaskFacts
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.hashes import content_hash, folder_hash, settings_hash
from aehpo_assets.study.searches import Hpo

LOSS = "valid_loss"
NOISE = {VALID_SCORE: RunNoise(0.01, 0.01), VALID_R2: RunNoise(0.01, 0.01)}
FACTS = {"a": TaskFacts(TrainingOperations(4096, 500, 90), NOISE)}


@pytest.fixture(scope="module")
def misled(space: SearchSpace) -> pd.DataFrame:
    """Evaluations of a task whose loss is the lower, the worse the score is."""
    runs = synthetic_results(space, ("a",), 40, seeds=(0, 1), noise=0.01)["a"]
    runs[VALID_LOSS] = 100 * np.exp(5 * (runs[VALID_SCORE] - 0.7))
    return training_table({"a": runs}, space, objectives=objectives_for(LOSS))


@pytest.fixture(scope="module")
def knowing(misled: pd.DataFrame, space: SearchSpace) -> Surrogate:
    return fit_surrogate(misled, space, candidates=("gaussian_process",), folds=1)[0]


def test_what_runs_are_tabulated_by_is_what_it_was_unless_the_loss_is_wanted() -> None:
    assert objectives_for(SCORE) == objectives_for("valid_r2") == OBJECTIVES
    assert [one.name for one in objectives_for(LOSS)] == [*OBJECTIVE_NAMES, VALID_LOSS]


def test_gains_rise_as_losses_fall_and_teach_in_the_place_of_scores(misled: pd.DataFrame) -> None:
    order = misled[VALID_LOSS].rank(ascending=False)
    pd.testing.assert_series_equal(gain(misled[VALID_LOSS], LOSS).rank(), order, check_names=False)
    taught = in_place_of_score(misled, LOSS)
    assert taught[VALID_SCORE].corr(misled[VALID_LOSS], method="spearman") == pytest.approx(-1)
    assert in_place_of_score(misled, SCORE) is misled


@pytest.mark.slow
@pytest.mark.parametrize("oracle", ["surrogate", "table"])
def test_a_search_for_the_wrong_objective_is_ranked_by_the_true_score(
    misled: pd.DataFrame, knowing: Surrogate, oracle: str
) -> None:
    ends, said = {}, {}
    for named in NAMED:
        plan = BenchmarkPlan(
            ("random_search",), repetitions=2, trials=30, oracle=oracle, objective=named
        )
        trials = run_cell(plan, "a", "random_search", misled, FACTS["a"], knowing)
        curves = progress(trials, named)
        ends[named] = curves.groupby("repetition")["best"].last().mean()
        best = incumbents(trials, 2, named)
        told = gain(trials[NAMED[named]], named)
        assert gain(best[NAMED[named]], named).max() == told.max()
        # What is promised is the score of that very training.
        last = curves.groupby("repetition")["promise"].last()
        np.testing.assert_array_equal(last, best[VALID_SCORE])
        kind = find_searcher("random_search").kind
        optima = pd.Series(1.0, pd.MultiIndex.from_tuples([(kind, "a")]))
        said[named] = what_is_told(
            summarise(trials, misled, FACTS, optima=optima, axis="trainings", objective=named)
        )
    assert ends[SCORE] > ends[LOSS] + 0.05
    assert "the best score that it was told" in said[SCORE]
    assert "the best valid loss that it was told" in said[LOSS]
    assert "the best valid R² that it was told" in said["valid_r2"]


@pytest.mark.parametrize("named", ["valid_r2", LOSS])
def test_recommendations_rank_by_what_searches_are_after(
    misled: pd.DataFrame, knowing: Surrogate, space: SearchSpace, named: str
) -> None:
    hpo = Hpo(searchers=["random_search"], trials=15, objective=named)
    table = recommend("a", misled, knowing, space, hpo, n_features=9999).table
    alive = table[table["predicted_dead"] <= 0.5]
    assert gain(alive[f"predicted_{NAMED[named]}"], named).is_monotonic_decreasing
    by_score = recommend(
        "a", misled, knowing, space, hpo.model_copy(update={"objective": SCORE}), n_features=9999
    ).table
    best = f"predicted_{VALID_SCORE}"
    if named == LOSS:
        assert table[best].iloc[0] < by_score[best].iloc[0] - 0.05


def test_cells_of_the_score_are_those_of_before_there_was_a_choice(
    evaluations: pd.DataFrame, surrogate: Surrogate, tmp_path: Path
) -> None:
    surrogate.save(tmp_path / "surrogate")
    own = evaluations[evaluations["task"] == "a"]
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=2)
    run_benchmark(tmp_path / "cells", plan, own, FACTS, tmp_path / "surrogate")
    settings = asdict(plan)
    del settings["searchers"], settings["objective"]
    inputs = [content_hash(own), folder_hash(tmp_path / "surrogate")]
    key = settings_hash([settings, inputs, {"a": asdict(FACTS["a"])}])
    assert (tmp_path / "cells" / key).is_dir()


@pytest.mark.parametrize(
    ("searcher", "named", "words"),
    [
        ("asha", LOSS, "asha stops trials on learning curves, which know no valid loss"),
        ("moasha", "valid_r2", "moasha is after several objectives"),
    ],
)
def test_searchers_that_cannot_be_after_it_are_refused(
    searcher: str, named: str, words: str
) -> None:
    plan = BenchmarkPlan((searcher, "random_search"), objective=named)
    with pytest.raises(InputError, match=words):
        plan.check(tasks=2, curves=True)
    BenchmarkPlan((searcher,)).check(tasks=2, curves=True)
