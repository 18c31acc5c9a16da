"""Multi-fidelity, multi-objective, transfer and warm-started searches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from syne_tune.optimizer.schedulers.transfer_learning.zero_shot import ZeroShotTransfer

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.benchmark.pareto import PARETO_OBJECTIVES, hypervolume, pareto_front
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, OPERATIONS, VALID_R2, VALID_SCORE
from aehpo_assets.hpo.recommend import recommend
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import CurveOracle, Oracle, SurrogateOracle
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import SEARCHERS
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.search.told import TaskFacts, Told
from aehpo_assets.hpo.search.transfer_searchers import _evidence
from aehpo_assets.hpo.surrogate.curves import CurveSurrogate, fit_curve_surrogate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_curves
from aehpo_assets.space import SearchSpace
from aehpo_assets.study.searches import Hpo

FIDELITIES = (10, 30, 90)

INSTALLED = {name: searcher for name, searcher in SEARCHERS.items() if searcher.installed}
MULTI_FIDELITY = [name for name, s in INSTALLED.items() if s.tunes_live and s.stops_early]
MULTI_OBJECTIVE = [name for name, s in INSTALLED.items() if len(s.objectives) > 1]
TRANSFER = [name for name, s in INSTALLED.items() if s.learns_from_others]


@pytest.fixture(scope="module")
def curves(results: dict[str, pd.DataFrame], space: SearchSpace) -> CurveSurrogate:
    two = {task: results[task] for task in ("a", "b")}
    tables = curves_blackboxes(synthetic_curves(two, FIDELITIES), two, space, list(FIDELITIES))
    return fit_curve_surrogate(tables, space)


def tune(
    name: str,
    space: SearchSpace,
    surrogate: Surrogate | CurveSurrogate,
    trials: int,
    **problem: Any,
) -> pd.DataFrame:
    oracle: Oracle = (
        CurveOracle(surrogate, "a")
        if isinstance(surrogate, CurveSurrogate)
        else SurrogateOracle(surrogate, "a")
    )
    searcher = AskTell(name, Problem(space, trials=trials, **problem))
    facts = TaskFacts(TrainingOperations(4096, 500, 90))
    told = Told(oracle, facts, 0, searcher.problem.fidelities)
    return simulate(searcher, told, workers=4, trials=trials, objectives=told.objectives)


def test_every_searcher_is_of_one_kind() -> None:
    single = [name for name, searcher in INSTALLED.items() if searcher.single_fidelity]
    kinds = [single, MULTI_FIDELITY, MULTI_OBJECTIVE, TRANSFER]
    assert sum(map(len, kinds)) == len(INSTALLED)


@pytest.mark.slow
@pytest.mark.parametrize("name", MULTI_FIDELITY)
def test_multi_fidelity_searchers_stop_trials_and_repeat(
    name: str, space: SearchSpace, curves: CurveSurrogate
) -> None:
    table = tune(name, space, curves, 20, seed=1, fidelities=FIDELITIES)
    assert {"completed", "stopped"} == set(table["status"])
    assert (table.loc[table["status"] == "completed", "epoch"] == 90).all()
    assert (table.loc[table["status"] == "stopped", "epoch"] < 90).all()
    # Stopping is by merit: what was finished looked better at the end of the first rung.
    first = curves.predict(table, "a")[:, 0, list(OBJECTIVE_NAMES).index(VALID_SCORE)]
    finished = (table["status"] == "completed").to_numpy()
    assert first[finished].mean() > first[~finished].mean()
    again = tune(name, space, curves, 20, seed=1, fidelities=FIDELITIES)
    pd.testing.assert_frame_equal(table, again, check_exact=True)


@pytest.mark.slow
def test_stopped_trials_free_their_worker_early(space: SearchSpace, curves: CurveSurrogate) -> None:
    halved = tune("asha", space, curves, 20, seed=1, fidelities=FIDELITIES)
    whole = tune("random_search", space, curves, 20, seed=1, fidelities=FIDELITIES)
    assert halved["end"].max() < whole["end"].max()
    assert (whole["epoch"] == 90).all()


def test_curve_surrogate_is_saved_and_loaded(
    space: SearchSpace, curves: CurveSurrogate, results: dict[str, pd.DataFrame], tmp_path: Path
) -> None:
    curves.save(tmp_path)
    loaded = CurveSurrogate.load(tmp_path)
    assert loaded.fidelities == FIDELITIES
    assert loaded.objectives == list(OBJECTIVE_NAMES)
    np.testing.assert_array_equal(
        loaded.predict(results["a"], "b"), curves.predict(results["a"], "b")
    )


def test_curves_without_the_score_are_refused(
    results: dict[str, pd.DataFrame], space: SearchSpace
) -> None:
    bare = {"a": synthetic_curves(results, (10, 90))["a"].drop(columns=VALID_SCORE)}
    tables = curves_blackboxes(bare, {"a": results["a"]}, space, [10, 90])
    with pytest.raises(InputError, match="downstream score"):
        fit_curve_surrogate(tables, space)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in MULTI_OBJECTIVE if name != "ehvi"])
def test_multi_objective_searchers_find_a_front_and_repeat(
    name: str, space: SearchSpace, curves: CurveSurrogate
) -> None:
    problem = {"objectives": PARETO_OBJECTIVES, "fidelities": FIDELITIES, "seed": 2}
    table = tune(name, space, curves, 25, **problem)
    front = pareto_front(table[table["status"] == "completed"])
    assert 1 <= len(front) < len(table)
    pd.testing.assert_frame_equal(table, tune(name, space, curves, 25, **problem), check_exact=True)


def test_volume_of_a_known_table() -> None:
    known = pd.DataFrame(
        {VALID_SCORE: [0.5, 0.9], VALID_R2: [0.0, 0.8], OPERATIONS: [np.e**4, np.e**2]}
    )
    half = pd.DataFrame({VALID_SCORE: [0.7], VALID_R2: [0.4], OPERATIONS: [np.e**3]})
    assert hypervolume(half, known) == pytest.approx(0.5**3)
    assert hypervolume(known, known) == pytest.approx(1)
    assert hypervolume(known[:0], known) == 0
    worse = half.assign(**{VALID_SCORE: 0.4})
    assert hypervolume(pd.concat([half, worse]), known) == pytest.approx(0.5**3)


def test_front_of_a_known_table() -> None:
    table = pd.DataFrame(
        {
            VALID_SCORE: [0.9, 0.8, 0.9, 0.7],
            VALID_R2: [0.1, 0.5, 0.1, 0.4],
            OPERATIONS: [9, 9, 9, 10],
        }
    )
    assert pareto_front(table).index.tolist() == [0, 2, 1]


@given(hnp.arrays("float64", (12, 3), elements=st.integers(0, 3).map(float)))
def test_front_is_what_stock_syne_tune_finds(values: np.ndarray) -> None:
    from syne_tune.optimizer.schedulers.multiobjective.non_dominated_priority import (
        pareto_efficient,
    )

    table = pd.DataFrame(values, columns=list(PARETO_OBJECTIVES))
    stock = pareto_efficient(values * np.array([-1, -1, 1]))
    assert sorted(pareto_front(table).index) == np.flatnonzero(stock).tolist()


def test_stock_zero_shot_never_uses_its_configurations_and_ours_does(
    evaluations: pd.DataFrame, space: SearchSpace
) -> None:
    others = evaluations[evaluations["task"] != "a"]
    problem = Problem(space, 0, trials=10, evidence=others)
    stock = ZeroShotTransfer(
        space.syne_tune(), "loss", _evidence(problem), do_minimize=True, random_seed=0
    )
    known = set(others[space.names].itertuples(index=False, name=None))
    drawn = tuple(stock.suggest().config[name] for name in space.names)
    assert drawn not in known
    ours = AskTell("zero_shot", problem)
    asked = [ours.ask()[1] for _ in range(10)]
    assert all(tuple(configuration.values()) in known for configuration in asked)
    # The first one has the best mean rank on the other tasks.
    means = others.groupby(["task", "config_id"])[VALID_SCORE].mean().unstack(0)
    best = means.rank(ascending=False).mean(axis=1).idxmin()
    row = others[others["config_id"] == best].iloc[0]
    assert asked[0] == {name: row[name] for name in space.names}


def test_zero_shot_ends_when_its_portfolio_does(
    evaluations: pd.DataFrame, space: SearchSpace
) -> None:
    few = evaluations[evaluations["config_id"].isin(["1", "2", "3"])]
    ours = AskTell("zero_shot", Problem(space, 0, trials=10, evidence=few))
    asked = [ours.ask() for _ in range(5)]
    assert [item is None for item in asked] == [False, False, False, True, True]


def test_quantile_transfer_prefers_what_others_like(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace, capsys: Any
) -> None:
    others = evaluations[evaluations["task"] != "a"]
    found = tune("quantile_transfer", space, surrogate, 8, seed=0, evidence=others)
    random = tune("random_search", space, surrogate, 40, seed=0)
    assert found[VALID_SCORE].mean() > random[VALID_SCORE].mean()
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", TRANSFER)
def test_transfer_without_other_tasks_is_refused(name: str, space: SearchSpace) -> None:
    with pytest.raises(InputError, match="learns from other tasks"):
        AskTell(name, Problem(space, 0, trials=2))


def test_recommendations_by_transfer_searchers(
    evaluations: pd.DataFrame, surrogate: Surrogate, space: SearchSpace
) -> None:
    hpo = Hpo(searchers=["zero_shot", "random_search"], trials=10)
    found = recommend("a", evaluations, surrogate, space, hpo, n_features=9999)
    searches = found.trials.groupby(["searcher", "transfer"]).size()
    assert searches.to_dict() == {
        ("random_search", False): 10,
        ("random_search", True): 10,
        ("zero_shot", True): 10,
    }
    # Zero-shot proposes configurations that the task has seen: they are flagged.
    by_zero_shot = found.table[found.table["searcher"] == "zero_shot"]
    assert by_zero_shot["sampled_config_id"].notna().all()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["cqr", "bore", "kde", "regularized_evolution", "asha_bore"])
def test_warm_start_helps_from_the_first_trial(
    name: str, space: SearchSpace, surrogate: Surrogate, results: dict[str, pd.DataFrame]
) -> None:
    known = results["a"].query("seed == 0 and status == 'ok'")
    cold = [tune(name, space, surrogate, 6, seed=s)[VALID_SCORE].mean() for s in range(4)]
    warm = [
        tune(name, space, surrogate, 6, seed=s, observations=known)[VALID_SCORE].mean()
        for s in range(4)
    ]
    assert np.mean(warm) > np.mean(cold)


def test_observations_outside_the_box_are_passed_over(
    space: SearchSpace, results: dict[str, pd.DataFrame]
) -> None:
    known = results["a"].query("status == 'ok'").assign(drop_p=0.95)
    searcher = AskTell("bore", Problem(space, 0, trials=5, observations=known))
    assert searcher._trials == {}
