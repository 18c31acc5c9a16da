"""A benchmark on two machines: other prices of a training, the same answers."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from aehpo_assets.hpo.benchmark.reference import reference_optima
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark.summary import BenchmarkSummary, summarise
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.objectives import RUNTIME, VALID_SCORE
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.searchers import searcher_names
from aehpo_assets.hpo.search.told import RunNoise, TaskFacts
from aehpo_assets.hpo.surrogate.curves import Curves
from aehpo_assets.hpo.surrogate.fit import fit_surrogate, training_table
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_curves, synthetic_results
from aehpo_assets.space import search_space
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.store.measured import without_measured
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.prices import SHIPPED_CPU, SHIPPED_CUDA

SPACE = search_space("vanillix")
TASKS = ("a", "b")
FACTS = {
    task: TaskFacts(TrainingOperations(1000, 100, 90), {VALID_SCORE: RunNoise(0.01, 0.03)})
    for task in TASKS
}
# The one with settings of its own computes for minutes.
MULTI_OBJECTIVE = searcher_names(lambda one: len(one.objectives) > 1 and one.library is None)
PLAN = BenchmarkPlan((*MULTI_OBJECTIVE, "random_search"), repetitions=1, trials=16)


def priced(model: CostModel, folder: Path) -> tuple[pd.DataFrame, BenchmarkSummary]:
    """Run the benchmark with the training times of a device."""
    results = synthetic_results(SPACE, TASKS, 24)
    for runs in results.values():
        runs[RUNTIME] = model.training_runtime("vanillix", runs, 1000, 100, 90)
    evaluations = training_table(results, SPACE)
    fit_surrogate(evaluations, SPACE, folds=1)[0].save(folder / "surrogate")
    tables = curves_blackboxes(synthetic_curves(results, (10, 90)), results, SPACE, [10, 90])
    Curves.fit(tables, SPACE).save(folder / "curves")
    trials = run_benchmark(
        folder / "cells", PLAN, evaluations, FACTS, folder / "surrogate", folder / "curves"
    )
    fitted, curves = Surrogate.load(folder / "surrogate"), Curves.load(folder / "curves")
    optima = reference_optima(PLAN, evaluations, fitted, curves)
    return trials, summarise(trials, evaluations, FACTS, optima=optima, axis="trainings")


@pytest.fixture(scope="module")
def on_two(
    tmp_path_factory: pytest.TempPathFactory,
) -> list[tuple[pd.DataFrame, BenchmarkSummary]]:
    folders = [tmp_path_factory.mktemp(name) for name in ("cpu", "cuda")]
    return [priced(*one) for one in zip((SHIPPED_CPU, SHIPPED_CUDA), folders, strict=True)]


@pytest.mark.slow
def test_multi_objective_searches_give_the_same_answer_whatever_seconds_cost(
    on_two: list[tuple[pd.DataFrame, BenchmarkSummary]],
) -> None:
    (one, _), (other, _) = on_two
    assert set(MULTI_OBJECTIVE) == {"mo_random_search", "mo_regularized_evolution", "moasha"}
    # Not the same prices in another unit: the order of configurations differs.
    assert not one[RUNTIME].rank().equals(other[RUNTIME].rank())
    assert one["config_id"].tolist() == other["config_id"].tolist()
    assert content_hash(without_measured(one)) == content_hash(without_measured(other))


@pytest.mark.slow
def test_fronts_and_volumes_are_the_same_whatever_seconds_cost(
    on_two: list[tuple[pd.DataFrame, BenchmarkSummary]],
) -> None:
    (_, one), (_, other) = on_two
    assert one.fronts["config_id"].tolist() == other.fronts["config_id"].tolist()
    pd.testing.assert_frame_equal(one.hypervolumes, other.hypervolumes, check_exact=True)
    pd.testing.assert_frame_equal(one.rank, other.rank, check_exact=True)
