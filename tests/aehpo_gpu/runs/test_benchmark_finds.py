"""What searches found, trained: which configurations, and what their scores say."""

from __future__ import annotations

import pandas as pd
import pytest

from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.benchmark.analysis import incumbents
from aehpo_assets.hpo.evaluations import evaluation_table
from aehpo_assets.hpo.objectives import TEST_SCORE, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import TableOracle
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.search.told import RunNoise, TaskFacts, Told
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import SearchSpace, search_space
from aehpo_gpu.runs.benchmark_finds import found_configurations, real_regret
from aehpo_gpu.runs.table import distinct_runs

SPACE = search_space("vanillix")


@pytest.fixture(scope="module")
def sampled() -> pd.DataFrame:
    return synthetic_results(SPACE, ("a",), 40)["a"].query("status == 'ok'")


def known(sampled: pd.DataFrame) -> pd.DataFrame:
    """The evaluations that the searches went by."""
    return evaluation_table({"a": sampled}, SPACE)


def trials(sampled: pd.DataFrame, space: SearchSpace = SPACE) -> pd.DataFrame:
    """Two searchers on two grounds, three repetitions of five trials each."""
    parts = []
    for ground in ("surrogate", "table"):
        for number, searcher in enumerate(("cqr", "random_search")):
            for repetition in range(3):
                first = 5 * (number + 2 * repetition)
                rows = sampled.iloc[first : first + 5]
                parts.append(
                    rows.assign(
                        ground=ground,
                        task="a",
                        searcher=searcher,
                        repetition=repetition,
                        search_seed=7,
                        status="completed",
                        trial=range(5),
                        told_config_id=rows["config_id"],
                        told_distance=0.0,
                    )
                )
    return pd.concat(parts, ignore_index=True)


def test_each_search_gives_its_best(sampled: pd.DataFrame) -> None:
    table = trials(sampled)
    found = found_configurations(table, "a", 2, SPACE, known(sampled))
    assert len(found) == 2 * 2 * 2
    best = table[table["repetition"] < 2].groupby(["ground", "searcher", "repetition"])
    told = found.set_index(["ground", "searcher", "repetition"])[f"told_{VALID_SCORE}"]
    assert told.to_dict() == best[VALID_SCORE].max().to_dict()
    # Both grounds found the same: a configuration is trained once with every seed.
    runs = distinct_runs(found, [3, 4], SPACE)
    assert len(runs) == found["config_id"].nunique() * 2
    assert not runs.duplicated(["config_id", "seed"]).any()


def test_regret_is_zero_for_the_best_and_one_for_the_median(sampled: pd.DataFrame) -> None:
    found = found_configurations(trials(sampled), "a", 3, SPACE, known(sampled))
    median = sampled[VALID_SCORE].median()
    actual = {"cqr": median + 0.1, "random_search": median}
    trained = pd.concat([found.assign(seed=seed) for seed in (1, 2)], ignore_index=True)
    trained = trained.assign(
        status="ok", training_runtime=1.0, valid_r2=0.5, **{TEST_SCORE: 0.6}
    ).assign(**{VALID_SCORE: trained["searcher"].map(actual)})
    regret = real_regret(trained, sampled, "a", SPACE)
    by_searcher = regret.set_index(["ground", "searcher"])
    assert by_searcher.loc[("table", "cqr"), "regret"] == pytest.approx(0)
    assert by_searcher.loc[("surrogate", "random_search"), "regret"] == pytest.approx(1)
    assert regret["searches"].eq(3).all()
    assert regret["regret"].is_monotonic_increasing


def test_a_run_that_failed_counts_as_the_worst_of_the_task(sampled: pd.DataFrame) -> None:
    found = found_configurations(trials(sampled), "a", 1, SPACE, known(sampled))
    trained = found.assign(seed=1, status="ok", training_runtime=1.0, valid_r2=0.5)
    trained = trained.assign(**{VALID_SCORE: 0.9, TEST_SCORE: 0.9})
    failed = trained["searcher"] == "cqr"
    trained.loc[failed, ["status", VALID_SCORE]] = ["diverged", float("nan")]
    regret = real_regret(trained, sampled, "a", SPACE).set_index("searcher")
    assert (regret.loc["cqr", "valid"] == sampled[VALID_SCORE].min()).all()


def searched_on_the_table(
    sampled: pd.DataFrame, searches: int, noise: dict[str, RunNoise] | None = None
) -> pd.DataFrame:
    """Random searches of three trials, told measured results."""
    facts = TaskFacts(TrainingOperations(4096, 500, 90), noise or {})
    told = Told(TableOracle(known(sampled), SPACE, "a"), facts, 0)
    parts = []
    for repetition in range(searches):
        conversation = AskTell("random_search", Problem(SPACE, repetition, 3))
        found = simulate(conversation, told, workers=1, trials=3, objectives=told.objectives)
        names = {"task": "a", "searcher": "random_search", "search_seed": repetition}
        parts.append(
            told.with_truth(found, SPACE).assign(ground="table", repetition=repetition, **names)
        )
    return pd.concat(parts, ignore_index=True)


def test_what_is_trained_is_what_the_search_was_told_of(sampled: pd.DataFrame) -> None:
    table = searched_on_the_table(sampled, 12)
    found = found_configurations(table, "a", 12, SPACE, known(sampled))
    by_id = known(sampled).set_index("config_id")
    told_of = by_id.loc[found["config_id"]]
    assert found[f"told_{VALID_SCORE}"].tolist() == told_of[VALID_SCORE].tolist()
    assert found[SPACE.names].to_numpy().tolist() == told_of[SPACE.names].to_numpy().tolist()
    # A random proposal is none of the trained ones; which it was, and how far off, is kept.
    proposed = incumbents(table, 12)
    assert found["proposed_config_id"].tolist() == proposed["config_id"].tolist()
    assert not set(found["proposed_config_id"]) & set(by_id.index)
    encoder = TableOracle(known(sampled), SPACE, "a").encoder
    gaps = encoder.matrix(proposed) - encoder.matrix(found)
    assert found["told_distance"].tolist() == pytest.approx((gaps**2).sum(axis=1) ** 0.5)
    assert (found["told_distance"] > 0.1).all()


def test_what_a_noisy_search_was_told_stands_beside_what_it_chose(sampled: pd.DataFrame) -> None:
    noise = {VALID_SCORE: RunNoise(0.0, 0.2)}
    table = searched_on_the_table(sampled, 12, noise)
    found = found_configurations(table, "a", 12, SPACE, known(sampled))
    told = table.groupby("repetition")[VALID_SCORE].max()
    assert found.set_index("repetition")[f"told_{VALID_SCORE}"].to_dict() == told.to_dict()
    means = known(sampled).set_index("config_id").loc[found["config_id"], VALID_SCORE]
    assert (found[f"told_{VALID_SCORE}"].to_numpy() - means.to_numpy()).mean() > 0.05


def test_a_search_on_what_is_gone_is_refused(sampled: pd.DataFrame) -> None:
    table = trials(sampled).assign(told_config_id="gone")
    with pytest.raises(StaleInputError, match="gone, which is no longer there"):
        found_configurations(table, "a", 1, SPACE, known(sampled))
