"""The simulated clock, its budgets, and asking and telling."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, RUNTIME, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.problem import Problem
from aehpo_assets.hpo.search.searchers import check_searchers, searcher_names
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_results
from aehpo_assets.space import Choice, SearchSpace, Uniform, config_id_of, search_space

Configurations = Sequence[Mapping[str, Any]]
SPACE = search_space("varix")
# A grid is of lists, and repeats by nature.
SINGLE_FIDELITY = searcher_names(
    lambda searcher: searcher.single_fidelity and searcher.name != "grid"
)

# BoTorch takes a second a proposal; what is left out here is in test_outside_searchers.
QUICK = [name for name in SINGLE_FIDELITY if name != "botorch"]


def constant_runtime(seconds: float) -> Callable[[Configurations], np.ndarray]:
    def evaluate(configurations: Configurations) -> np.ndarray:
        rows = [[seconds, 0.5, 1 - c["drop_p"]] for c in configurations]
        return np.asarray(rows)[:, None, :]

    return evaluate


def on_task(surrogate: Surrogate, task: str) -> Callable[[Configurations], np.ndarray]:
    return lambda configurations: surrogate.predict_matrix(configurations, task)[:, None, :]


def random_search(trials: int, seed: int = 0) -> AskTell:
    return AskTell("random_search", Problem(SPACE, seed, trials))


@pytest.mark.parametrize("name", QUICK)
def test_same_seed_same_trials_bit_for_bit(name: str, surrogate: Surrogate) -> None:
    def table(seed: int) -> pd.DataFrame:
        searcher = AskTell(name, Problem(SPACE, seed, trials=20))
        return simulate(searcher, on_task(surrogate, "a"), workers=3, trials=20)

    pd.testing.assert_frame_equal(table(5), table(5), check_exact=True)
    assert not table(5).equals(table(6))


@settings(max_examples=25, deadline=None)
@given(
    workers=st.integers(1, 6),
    trials=st.integers(1, 20),
    hours=st.one_of(st.none(), st.floats(0.1, 3)),
    seed=st.integers(0, 100),
)
def test_clock_and_budgets(workers: int, trials: int, hours: float | None, seed: int) -> None:
    runtimes = np.random.default_rng(seed).lognormal(6, 1, 200)
    calls = iter(range(200))

    def evaluate(configurations: Configurations) -> np.ndarray:
        return np.array([[[runtimes[next(calls)], 0.1, 0.2]] for _ in configurations])

    table = simulate(
        random_search(trials, seed),
        evaluate,
        workers=workers,
        trials=trials,
        simulated_hours=hours,
        clock="measured",
    )
    assert len(table) <= trials
    if hours is None:
        assert len(table) == trials
        assert table["trial"].tolist() == list(range(trials))
    else:
        assert (table["end"] <= hours * 3600).all()
    np.testing.assert_allclose(table["end"] - table["start"], table[RUNTIME], rtol=1e-9)
    for _, own in table.groupby("worker"):
        own = own.sort_values("start")
        # A worker never runs two trials at once.
        assert (own["start"].to_numpy()[1:] >= own["end"].to_numpy()[:-1] - 1e-9).all()
    assert table["worker"].between(0, workers - 1).all()


def test_workers_run_in_parallel() -> None:
    table = simulate(random_search(8), constant_runtime(600), workers=4, trials=8, clock="measured")
    assert table["end"].max() == 1200
    assert table["start"].tolist() == [0.0] * 4 + [600.0] * 4


def test_hours_end_the_search_first() -> None:
    table = simulate(
        random_search(100),
        constant_runtime(600),
        workers=2,
        trials=100,
        simulated_hours=1,
        clock="measured",
    )
    assert len(table) == 12


def test_searcher_time_costs_no_simulated_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    searcher = random_search(4)
    ask = searcher.ask
    monkeypatch.setattr(searcher, "ask", lambda: (time.sleep(0.05), ask())[1])
    table = simulate(searcher, constant_runtime(0.01), workers=1, trials=4, clock="measured")
    assert table["end"].max() == pytest.approx(0.04)


def test_unit_clock_hangs_on_no_measured_second() -> None:
    def walk(factor: float) -> pd.DataFrame:
        def evaluate(configurations: Configurations) -> np.ndarray:
            rows = [[factor * c["drop_p"] * 100, 0.5, 1 - c["drop_p"]] for c in configurations]
            return np.asarray(rows)[:, None, :]

        searcher = AskTell("regularized_evolution", Problem(SPACE, 0, trials=30))
        return simulate(searcher, evaluate, workers=4, trials=30)

    columns = ["trial", "config_id", VALID_SCORE, "start", "end", "worker"]
    # Seconds that differ from run to run change nothing but their own column.
    pd.testing.assert_frame_equal(walk(1)[columns], walk(-3)[columns], check_exact=True)


def test_unit_clock_knows_no_hours() -> None:
    with pytest.raises(InputError, match="unit"):
        simulate(
            random_search(1),
            constant_runtime(1),
            workers=1,
            trials=1,
            simulated_hours=1,
        )


def test_trials_lie_in_the_space_and_know_their_id(surrogate: Surrogate) -> None:
    table = simulate(random_search(15), on_task(surrogate, "b"), workers=4, trials=15)
    for _, row in table.iterrows():
        configuration = row[SPACE.names].to_dict()
        assert SPACE.problem(configuration) is None
        assert row["config_id"] == config_id_of(configuration)
    predicted = surrogate.predict(table, "b")
    pd.testing.assert_frame_equal(table[list(OBJECTIVE_NAMES)], predicted, check_exact=True)


@pytest.mark.slow
def test_searchers_maximise_the_valid_score_whatever_the_others_say() -> None:
    """R2 is turned upside down; a searcher that looked at it would go wrong."""

    def evaluate(configurations: Configurations) -> np.ndarray:
        rows = [[60.0, c["drop_p"], 1 - c["drop_p"]] for c in configurations]
        return np.asarray(rows)[:, None, :]

    for name in QUICK:
        if name == "random_search":
            continue
        late = []
        for seed in range(2):
            searcher = AskTell(name, Problem(SPACE, seed, trials=50))
            table = simulate(searcher, evaluate, workers=1, trials=50)
            late.append(table["drop_p"].iloc[-15:].mean())
        # Random search averages 0.45.
        assert np.mean(late) < 0.35, (name, late)


def test_fixed_hyperparameters_are_kept(surrogate: Surrogate) -> None:
    narrow = SearchSpace("varix", SPACE.hyperparameters | {"k_filter": Choice((256,))})
    for name in QUICK:
        searcher = AskTell(name, Problem(narrow, 0, trials=12))
        table = simulate(searcher, on_task(surrogate, "a"), workers=2, trials=12)
        assert (table["k_filter"] == 256).all()
        assert list(table.columns[2 : 2 + len(SPACE.names)]) == SPACE.names


def test_a_space_of_one_point_has_one_trial() -> None:
    point = SearchSpace(
        "varix", {n: Choice((v,)) for n, v in {"k_filter": 4, "drop_p": 0.5}.items()}
    )
    searcher = AskTell("cqr", Problem(point, 0, trials=9))
    table = simulate(searcher, constant_runtime(5), workers=3, trials=9)
    assert table[["k_filter", "drop_p"]].to_numpy().tolist() == [[4, 0.5]]


@pytest.mark.parametrize("name", QUICK)
def test_a_search_ends_when_every_configuration_was_tried(name: str) -> None:
    small = SearchSpace(
        "varix", {"k_filter": Choice((4, 8)), "drop_p": Choice((0.1, 0.5)), "lr": Uniform(1, 1)}
    )
    searcher = AskTell(name, Problem(small, 0, trials=200))
    table = simulate(searcher, constant_runtime(5), workers=3, trials=200)
    assert table["config_id"].nunique() == small.size == 4
    # None of the configurations is begun again once all of them were.
    assert table["config_id"].duplicated().iloc[-1] == np.False_
    assert len(table) < 200
    assert searcher.ask() is None


def test_points_to_evaluate_come_first() -> None:
    first = synthetic_results(SPACE, ("a",), 3)["a"][SPACE.names].to_dict("records")
    for name in SINGLE_FIDELITY:
        searcher = AskTell(name, Problem(SPACE, 0, trials=5, points_to_evaluate=first))
        assert [searcher.ask()[1] for _ in range(3)] == first


def test_multi_fidelity_trials_can_be_reported_step_by_step() -> None:
    problem = Problem(SPACE, 0, trials=1, fidelities=(10, 20, 30))
    searcher = AskTell("random_search", problem)
    number, _ = searcher.ask()
    assert searcher.tell(number, {VALID_SCORE: 0.5}, epoch=10)
    assert searcher.tell(number, {VALID_SCORE: 0.6}, epoch=20)
    assert not searcher.tell(number, {VALID_SCORE: 0.7}, epoch=30)


def test_unknown_searchers_and_settings_are_refused() -> None:
    with pytest.raises(InputError, match="Did you mean cqr"):
        check_searchers(["cqrr"])
    with pytest.raises(InputError, match="population"):
        AskTell("cqr", Problem(SPACE, 0, 5, settings={"population": 3}))


def test_choices_of_whole_and_broken_numbers() -> None:
    """Syne Tune wants one type per choice; the space says 1 and 2.5, and 1 stays 1."""
    space = search_space("vanillix", {"enc_factor": [1, 2.5], "drop_p": [0, 0.5]})
    for name in QUICK:
        searcher = AskTell(name, Problem(space, 0, trials=25))
        for _ in range(25):
            number, configuration = searcher.ask()
            assert space.problem(configuration) is None
            assert configuration["enc_factor"] in (1, 2.5)
            searcher.tell(number, {VALID_SCORE: 1 - configuration["drop_p"]})
