"""What simulated searches are told: the same training for all, with noise as it was measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, RUNTIME, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import CurveTableOracle, SurrogateOracle, TableOracle
from aehpo_assets.hpo.search.told import (
    RunNoise,
    TaskFacts,
    Told,
    run_noise,
    true_values,
)
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.noise.components import variance_components
from aehpo_assets.noise.summary import noise_tables
from aehpo_assets.space import SearchSpace, config_id_of, sample_configurations

NOISE = {VALID_SCORE: RunNoise(split=0.02, own=0.03), VALID_R2: RunNoise(split=0.0, own=0.05)}
FACTS = TaskFacts(TrainingOperations(n_features=1000, n_train=100, length=10), NOISE)
SILENT = replace(FACTS, noise={})
SCORE = OBJECTIVE_NAMES.index(VALID_SCORE)


@pytest.fixture(scope="module")
def asked(space: SearchSpace) -> list[dict[str, Any]]:
    drawn = sample_configurations(space, 40, 7)[space.names].to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in drawn]


def test_all_searchers_of_a_repetition_are_told_the_same(
    surrogate: Surrogate, asked: list[dict[str, Any]]
) -> None:
    oracle = SurrogateOracle(surrogate, "a")
    told = Told(oracle, FACTS, seed=3)
    one_by_one = np.concatenate([told([one]) for one in asked])
    again = Told(oracle, FACTS, seed=3)(asked[::-1])[::-1]
    np.testing.assert_allclose(one_by_one, again, rtol=1e-12)
    other = Told(oracle, FACTS, seed=4)(asked)
    assert not np.isclose(other[..., SCORE], again[..., SCORE]).any()
    # Seconds are told as they are.
    runtime = OBJECTIVE_NAMES.index(RUNTIME)
    np.testing.assert_allclose(again[..., runtime], oracle(asked)[..., runtime], rtol=1e-12)


def test_the_noise_has_the_components_that_it_was_given(
    surrogate: Surrogate, asked: list[dict[str, Any]]
) -> None:
    """Measured from what 60 repetitions were told, by the estimator of the study."""
    oracle = SurrogateOracle(surrogate, "a")
    runs = pd.concat(
        [
            pd.DataFrame(
                {
                    "config_id": [config_id_of(one) for one in asked],
                    "split_seed": seed,
                    "score": Told(oracle, FACTS, seed)(asked)[:, 0, SCORE],
                }
            )
            for seed in range(60)
        ]
    )
    found = variance_components(runs)
    assert found is not None
    assert np.sqrt(found.replicate) == pytest.approx(0.03, rel=0.05)
    assert np.sqrt(found.split) == pytest.approx(0.02, rel=0.3)


def test_the_means_are_told_where_the_noise_is_not_known(
    surrogate: Surrogate, asked: list[dict[str, Any]]
) -> None:
    oracle = SurrogateOracle(surrogate, "a")
    told = Told(oracle, SILENT, 0)(asked)
    np.testing.assert_array_equal(told[..., :-1], oracle(asked))
    np.testing.assert_array_equal(told[:, 0, -1], FACTS.operations(asked))


def test_a_table_tells_the_same_run_of_a_configuration_whoever_is_near_it(
    evaluations: pd.DataFrame, space: SearchSpace, asked: list[dict[str, Any]]
) -> None:
    table = TableOracle(evaluations, space, "a")
    answer = table.answer(asked)
    assert len(set(answer.config_ids)) < len(asked)
    told = pd.Series(Told(table, FACTS, 1)(asked)[:, 0, SCORE])
    assert told.groupby(answer.config_ids).nunique().eq(1).all()


def test_the_truth_stands_beside_what_was_told(
    surrogate: Surrogate, space: SearchSpace, asked: list[dict[str, Any]]
) -> None:
    oracle = SurrogateOracle(surrogate, "a")
    ids = [config_id_of(one) for one in asked]
    told = Told(oracle, FACTS, 1)
    values = pd.DataFrame(told(asked)[:, 0], columns=list(told.objectives))
    trials = pd.DataFrame(asked).join(values).assign(epoch=1, config_id=ids)
    known = Told(oracle, FACTS, 1).with_truth(trials, space)
    np.testing.assert_allclose(true_values(known), oracle(asked)[:, 0, SCORE], rtol=1e-12)
    assert known["told_config_id"].tolist() == ids
    assert (known["told_distance"] == 0).all()
    unknown = Told(oracle, SILENT, 1).with_truth(trials, space)
    pd.testing.assert_series_equal(true_values(unknown), trials[VALID_SCORE], check_names=False)
    none = Told(oracle, FACTS, 1).with_truth(trials.head(0), space)
    assert set(none.columns) == set(known.columns)


def test_a_lucky_run_is_lucky_all_along_its_curve(
    evaluations: pd.DataFrame, space: SearchSpace, asked: list[dict[str, Any]]
) -> None:
    curves = pd.concat([evaluations.assign(epoch=epoch) for epoch in (1, 4)])
    oracle = CurveTableOracle(curves, space, "a")
    told = Told(oracle, FACTS, 1, fidelities=(1, 4))(asked)
    noise = told[..., SCORE] - oracle(asked)[..., SCORE]
    assert (noise != 0).all()
    np.testing.assert_allclose(noise[:, 0], noise[:, 1])
    # A quarter of a training costs a quarter of it.
    np.testing.assert_allclose(told[:, 0, -1], told[:, 1, -1] / 4)


def test_noise_counts_as_known_with_enough_replicates_only(
    results: dict[str, pd.DataFrame],
) -> None:
    bounds = {VALID_SCORE: (0.0, 1.0), VALID_R2: (-1.0, 1.0)}
    twice = noise_tables(results["a"], bounds)["components"]
    found = run_noise(twice)
    own = np.sqrt(twice.set_index("score")["replicate"])
    assert {name: one.own for name, one in found.items()} == own.to_dict()
    # There is one split, which says nothing of others.
    assert found[VALID_SCORE].split == 0
    once = results["a"].query("seed == 0")
    assert run_noise(noise_tables(once, bounds)["components"]) == {}
    hardly = pd.concat([once, results["a"].query("seed == 1 and status == 'ok'").head(4)])
    assert run_noise(noise_tables(hardly, bounds)["components"]) == {}
