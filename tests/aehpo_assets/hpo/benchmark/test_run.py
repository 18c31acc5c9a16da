"""The benchmark of searchers: resumable, repeatable, and honestly summarised."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.plots.benchmark import summary_figures
from aehpo_assets.errors import InputError
from aehpo_assets.hpo.benchmark import run as benchmark
from aehpo_assets.hpo.benchmark.analysis import (
    band,
    best_at,
    evaluations_to_match_random,
    incumbents,
    normalised_regret,
    progress,
    rank_bands,
    ranks,
    regret_bands,
    searcher_seconds,
    spending,
)
from aehpo_assets.hpo.benchmark.fronts import fronts, hypervolumes
from aehpo_assets.hpo.benchmark.reference import reference_optima
from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark.summary import summarise, summary_tables, what_is_told
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.known_best import best_known
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, OPERATIONS, VALID_SCORE
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import CurveTableOracle
from aehpo_assets.hpo.search.searchers import searcher_names
from aehpo_assets.hpo.search.told import TRUE, TRUE_SCORE, RunNoise, TaskFacts, with_operations
from aehpo_assets.hpo.surrogate.curves import Curves
from aehpo_assets.hpo.surrogate.fit import fit_surrogate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.synthetic import synthetic_curves
from aehpo_assets.space import SearchSpace

PLAN = BenchmarkPlan(
    ("random_search", "regularized_evolution", "random_search+box", "asha"),
    repetitions=2,
    trials=12,
    simulated_hours=0.5,
)
FACTS = {task: TaskFacts(TrainingOperations(4096, 500, 90)) for task in "abc"}


@pytest.fixture(scope="module")
def saved(surrogate: Surrogate, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("surrogate")
    surrogate.save(folder)
    return folder


@pytest.fixture(scope="module")
def curves(
    results: dict[str, pd.DataFrame], space: SearchSpace, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("curves")
    of_one_seed = {task: runs.query("seed == 0") for task, runs in results.items()}
    tables = curves_blackboxes(
        synthetic_curves(of_one_seed, (10, 90)), of_one_seed, space, [10, 90]
    )
    Curves.fit(tables, space).save(folder)
    return folder


@pytest.fixture(scope="module")
def trials(
    evaluations: pd.DataFrame, saved: Path, curves: Path, tmp_path_factory: pytest.TempPathFactory
) -> pd.DataFrame:
    return run_benchmark(tmp_path_factory.mktemp("bench"), PLAN, evaluations, FACTS, saved, curves)


def test_every_cell_is_there_and_within_budget(trials: pd.DataFrame) -> None:
    assert trials.groupby(["task", "searcher", "repetition"]).ngroups == 3 * 4 * 2
    assert (trials["end"] <= 0.5 * 3600).all()
    assert trials.groupby(["task", "searcher"])["search_seed"].nunique().eq(2).all()


@pytest.mark.slow
def test_interrupted_benchmarks_go_on(
    trials: pd.DataFrame,
    evaluations: pd.DataFrame,
    saved: Path,
    curves: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = benchmark.run_cell
    calls: list[tuple[str, str]] = []

    def interrupted(plan: BenchmarkPlan, task: str, searcher: str, *rest: object) -> pd.DataFrame:
        if len(calls) == 5:
            raise KeyboardInterrupt
        calls.append((task, searcher))
        return whole(plan, task, searcher, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(benchmark, "run_cell", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run_benchmark(tmp_path, PLAN, evaluations, FACTS, saved, curves)
    monkeypatch.setattr(benchmark, "run_cell", whole)
    seen: list[tuple[int, int, str]] = []
    again = run_benchmark(
        tmp_path,
        PLAN,
        evaluations,
        FACTS,
        saved,
        curves,
        on_progress=lambda *what: seen.append(what),
    )
    assert [item[0] for item in seen] == list(range(6, 13))
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        again.drop(columns=measured), trials.drop(columns=measured), check_exact=True
    )


@pytest.mark.slow
def test_a_changed_surrogate_in_the_same_folder_is_read_again(
    evaluations: pd.DataFrame, space: SearchSpace, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=4, simulated_hours=None)
    found = []
    for seed in (0, 1):
        fit_surrogate(evaluations, space, seed, folds=1)[0].save(tmp_path / "surrogate")
        cells = run_benchmark(tmp_path / "cells", plan, evaluations, FACTS, tmp_path / "surrogate")
        found.append(cells[VALID_SCORE].tolist())
    assert found[0] != found[1]


@pytest.mark.parametrize("harm", ["flip", "exchange"])
def test_a_cell_that_is_not_what_was_found_is_searched_again(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path, harm: str
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=4, simulated_hours=None)
    whole = run_benchmark(tmp_path, plan, evaluations, FACTS, saved)
    one, other = sorted(tmp_path.rglob("random_search.parquet"))[:2]
    if harm == "flip":
        content = bytearray(one.read_bytes())
        # A single byte may lie where nothing is read.
        for place in range(len(content) // 8, len(content) // 2, 97):
            content[place] ^= 0xFF
        one.write_bytes(content)
    else:
        one.write_bytes(other.read_bytes())
    seen: list[tuple[int, int, str]] = []
    again = run_benchmark(
        tmp_path, plan, evaluations, FACTS, saved, on_progress=lambda *what: seen.append(what)
    )
    assert len(seen) == 1
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        again.drop(columns=measured), whole.drop(columns=measured), check_exact=True
    )


@pytest.mark.slow
def test_processes_share_the_work(
    trials: pd.DataFrame, evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=2, trials=12, simulated_hours=0.5)
    shared = run_benchmark(tmp_path, plan, evaluations, FACTS, saved, processes=2)
    alone = trials[trials["searcher"] == "random_search"].reset_index(drop=True)
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        shared.drop(columns=measured), alone.drop(columns=measured), check_exact=True
    )


def test_table_oracle_reaches_no_more_than_the_table(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("random_search", "bore"), repetitions=1, trials=25, simulated_hours=None, oracle="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, FACTS, saved)
    for task, group in found.groupby("task"):
        table = best_known(evaluations, str(task))
        assert set(group[VALID_SCORE]) <= set(table["known_valid"])


@pytest.mark.slow
def test_table_oracle_answers_with_measured_curves(
    evaluations: pd.DataFrame, saved: Path, curves: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("asha", "median_stopping"), repetitions=1, trials=15, simulated_hours=None, oracle="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, FACTS, saved, curves)
    measured = Curves.load(curves).measured
    assert set(found["status"]) == {"completed", "stopped"}
    objectives = list(OBJECTIVE_NAMES)
    for (task, epoch), group in found.groupby(["task", "epoch"]):
        known = measured[(measured["task"] == task) & (measured["epoch"] == epoch)]
        rows = set(known[objectives].itertuples(index=False, name=None))
        assert set(group[objectives].itertuples(index=False, name=None)) <= rows


def test_the_curve_of_a_trained_configuration_is_its_own(curves: Path, space: SearchSpace) -> None:
    measured = Curves.load(curves).measured
    own = measured[measured["task"] == "b"]
    at_end = own[own["epoch"] == 90]
    answered = CurveTableOracle(measured, space, "b")(at_end[space.names].to_dict("records"))
    for position, epoch in enumerate((10, 90)):
        known = own[own["epoch"] == epoch].set_index("config_id").loc[at_end["config_id"]]
        np.testing.assert_array_equal(answered[:, position], known[list(OBJECTIVE_NAMES)])


def test_what_cannot_run_is_refused(evaluations: pd.DataFrame, saved: Path, tmp_path: Path) -> None:
    of_a = evaluations[evaluations["task"] == "a"]
    for searcher, table, message in (
        ("cqr+box", of_a, "second task"),
        ("zero_shot", of_a, "second task"),
        ("asha", evaluations, "learning curves"),
        ("asha+box", evaluations, "unknown searcher"),
        ("magic", evaluations, "unknown searcher"),
    ):
        with pytest.raises(InputError, match=message):
            run_benchmark(tmp_path, BenchmarkPlan((searcher,)), table, FACTS, saved)


def test_hours_that_are_too_few_are_told(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=3, simulated_hours=1e-6)
    with pytest.raises(InputError, match="no simulated training of a ends") as caught:
        run_benchmark(tmp_path, plan, evaluations, FACTS, saved)
    assert caught.value.key == "benchmark.simulated_hours"


@pytest.mark.slow
def test_settings_reach_the_searcher(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("regularized_evolution",), repetitions=1, trials=30, simulated_hours=None)
    few = {"regularized_evolution": {"population_size": 4, "sample_size": 2}}
    told = replace(plan, settings=few)
    usual = run_benchmark(tmp_path / "usual", plan, evaluations, FACTS, saved)
    found = run_benchmark(tmp_path / "told", told, evaluations, FACTS, saved)
    # The random phase is the same; after four trials only one of them has begun to evolve.
    same = (usual["config_id"] == found["config_id"]).groupby(usual["task"])
    assert all(group.iloc[:4].all() and not group.iloc[4:].all() for _, group in same)


def made_up() -> pd.DataFrame:
    """Two searchers: one always finds 0.9 in its second trial, the other 0.6 in its first."""
    rows = []
    for task in ("a", "b"):
        for repetition in range(5):
            for searcher, scores in (("good", [0.5, 0.9]), ("random_search", [0.6, 0.55])):
                for trial, score in enumerate(scores):
                    rows.append(
                        {
                            "task": task,
                            "searcher": searcher,
                            "repetition": repetition,
                            "trial": trial,
                            "end": 3600.0 * (trial + 1),
                            "status": "completed",
                            "epoch": 1,
                            VALID_SCORE: score,
                            TRUE_SCORE: np.nan,
                            "searcher_seconds": 2.0 if searcher == "good" else 0.2,
                        }
                    )
    return pd.DataFrame(rows)


def test_known_progress_regret_and_ranks() -> None:
    curves = progress(made_up())
    at = best_at(curves, np.array([0.5, 1.0, 2.0]))
    good = at[(at["searcher"] == "good") & (at["task"] == "a") & (at["repetition"] == 0)]
    np.testing.assert_array_equal(good["best"], [np.nan, 0.5, 0.9])
    average, top, worst = (pd.Series({"a": value, "b": value}) for value in (0.5, 0.9, 0.4))
    regret = normalised_regret(at, average, top, worst)
    bands = regret_bands(regret).set_index(["searcher", "budget"])["mean"]
    assert bands["good", 0.5] == pytest.approx(1.25)
    assert bands["good", 2.0] == pytest.approx(0)
    assert bands["random_search", 2.0] == pytest.approx(0.75)
    by_budget = rank_bands(ranks(at)).set_index(["searcher", "budget"])["mean"]
    assert by_budget["good", 0.5] == 1.5
    assert by_budget["random_search", 1.0] == 1
    assert by_budget["good", 2.0] == 1


def test_regret_is_neither_clipped_nor_measured_from_the_competitors() -> None:
    at = best_at(progress(made_up()), np.array([2.0]))
    average, worst = pd.Series({"a": 0.7, "b": 0.7}), pd.Series({"a": 0.4, "b": 0.4})
    known = pd.Series({"a": 0.95, "b": 0.8})
    regret = normalised_regret(at, average, known, worst).groupby(["searcher", "task"])["regret"]
    # Worse than an average configuration, and better than what was known.
    assert regret.first()["random_search", "a"] == pytest.approx((0.95 - 0.6) / 0.25)
    assert regret.first()["good", "b"] == pytest.approx(-1)
    # Who else competes changes no one's regret.
    alone = normalised_regret(at[at["searcher"] == "random_search"], average, known, worst)
    assert alone["regret"].iloc[0] == regret.first()["random_search", "a"]
    flat = normalised_regret(at, known, known, worst)
    assert flat["regret"].isna().all()
    assert regret_bands(flat)["mean"].isna().all()


def test_stopped_trials_do_not_count() -> None:
    trials = made_up()
    trials.loc[trials[VALID_SCORE] == 0.9, "status"] = "stopped"
    assert progress(trials)["best"].max() == 0.6


def test_evaluations_to_match_random() -> None:
    table = evaluations_to_match_random(progress(made_up()), 2).set_index(["task", "searcher"])
    assert table.loc[("a", "good"), "evaluations"] == 2
    assert table.loc[("a", "random_search"), "evaluations"] == 1
    assert (table["target"] == 0.6).all()
    hard = made_up()
    hard.loc[hard["searcher"] == "random_search", VALID_SCORE] = 0.95
    table = evaluations_to_match_random(progress(hard), 2).set_index(["task", "searcher"])
    assert np.isinf(table.loc[("a", "good"), "evaluations"])
    assert table.loc[("a", "good"), "reached"] == 0


def test_searcher_seconds_per_trial() -> None:
    seconds = searcher_seconds(made_up()).set_index("searcher")["seconds_per_trial"]
    assert seconds["good"] == 1.0


def test_band_holds_the_mean() -> None:
    mean, lower, upper = band(pd.Series(np.arange(50.0)))
    assert lower < mean == 24.5 < upper
    assert band(pd.Series(np.ones(3))) == (1, 1, 1)


def test_repetitions_of_a_task_are_no_new_tasks() -> None:
    """Two tasks that disagree say little, however often each was searched."""
    tasks = pd.Series(np.repeat(["a", "b"], 50))
    values = pd.Series(np.repeat([0.0, 1.0], 50))
    assert band(values, tasks) == (0.5, 0.0, 1.0)
    # A task that was searched more often is still one task.
    mean, _, _ = band(pd.Series([0.0, 1.0, 1.0, 1.0]), pd.Series(["a", "b", "b", "b"]))
    assert mean == 0.5


def test_bands_hold_the_truth_as_often_as_they_say() -> None:
    """Ten tasks with effects of their own, ten searches each: true mean 0."""
    generator = np.random.default_rng(0)
    tasks = pd.Series(np.repeat(np.arange(10), 10))
    held = nested = 0
    for _ in range(200):
        effects = np.repeat(generator.normal(0, 1, 10), 10)
        values = pd.Series(effects + generator.normal(0, 0.5, 100))
        _, lower, upper = band(values, tasks, draws=300)
        nested += lower <= 0 <= upper
        _, lower, upper = band(values, draws=300)
        held += lower <= 0 <= upper
    assert nested >= 0.85 * 200
    assert held < 0.6 * 200


def early_stopper_among_others() -> pd.DataFrame:
    """Two searchers of 90 whole trainings each, and one that stops most of its trials early."""
    parts = []
    for searcher in ("random_search", "kde", "asha"):
        for task in ("a", "b"):
            for repetition in range(2):
                stops = searcher == "asha"
                whole = np.arange(90) % 9 == 0 if stops else np.ones(90, bool)
                late = np.linspace(0.5, 0.9 if searcher == "kde" else 0.8, 90)
                parts.append(
                    pd.DataFrame(
                        {
                            "task": task,
                            "searcher": searcher,
                            "repetition": repetition,
                            "trial": range(90),
                            "end": np.where(whole, 90.0, 10.0).cumsum(),
                            "status": np.where(whole, "completed", "stopped"),
                            "epoch": np.where(whole, 90, 10) if stops else 1,
                            VALID_SCORE: late,
                            "searcher_seconds": 1.0,
                            **{name: 0.5 for name in OBJECTIVE_NAMES if name != VALID_SCORE},
                            **dict.fromkeys(TRUE.values(), np.nan),
                            OPERATIONS: 1e9,
                        }
                    )
                )
    return pd.concat(parts, ignore_index=True)


def test_an_early_stopper_cuts_no_budget_but_that_of_its_kind(evaluations: pd.DataFrame) -> None:
    trials = early_stopper_among_others()
    spent = spending(trials).groupby("searcher")["trainings"].first()
    assert spent.to_dict() == pytest.approx({"asha": 10 + 80 / 9, "kde": 90, "random_search": 90})
    optima = pd.Series(
        {(kind, task): 0.95 for kind in ("whole trainings", "stopped early") for task in "ab"}
    )
    known = evaluations[evaluations["task"].isin(["a", "b"])]
    summary = summarise(trials, known, FACTS, optima=optima, axis="trainings")
    reached = summary.regret.groupby("searcher")["budget"].max()
    assert reached.to_dict() == pytest.approx(spent.to_dict())
    without = summarise(
        trials[trials["searcher"] != "asha"], known, FACTS, optima=optima, axis="trainings"
    )
    own = summary.regret[summary.regret["kind"] == "whole trainings"].reset_index(drop=True)
    pd.testing.assert_frame_equal(own, without.regret)
    table = summary_tables({"surrogate": summary})["mean_ranks"].set_index("searcher")
    assert table["spending"].to_dict() == pytest.approx(spent.to_dict())
    assert table["axis"].unique().tolist() == ["trainings"]
    assert summary.hypervolumes.set_index("searcher")["trainings"]["asha"] == spent["asha"]


def test_a_stopped_trial_costs_the_part_that_it_was_trained() -> None:
    halving = pd.DataFrame(
        {
            "task": "a",
            "searcher": "asha",
            "repetition": 0,
            "trial": range(4),
            "end": [10.0, 90.0, 30.0, 180.0],
            "status": ["stopped", "completed", "stopped", "completed"],
            "epoch": [10, 90, 30, 90],
            VALID_SCORE: [0.9, 0.6, 0.9, 0.7],
            TRUE_SCORE: np.nan,
        }
    )
    whole = halving.assign(searcher="kde", status="completed", epoch=1)
    curves = progress(pd.concat([halving, whole], ignore_index=True)).set_index("searcher")
    assert curves.loc["asha", "trainings"].tolist() == pytest.approx([130 / 90, 220 / 90])
    assert curves.loc["asha", "best"].tolist() == [0.6, 0.7]
    assert curves.loc["kde", "trainings"].tolist() == [1, 2, 3, 4]


@pytest.mark.parametrize("axis", ["hours", "trainings"])
def test_summary_has_every_table(
    trials: pd.DataFrame, evaluations: pd.DataFrame, axis: str
) -> None:
    kinds = ("whole trainings", "stopped early")
    best = evaluations.groupby("task")[VALID_SCORE].max()
    optima = pd.concat(dict.fromkeys(kinds, best))
    summary = summarise(trials, evaluations, FACTS, optima=optima, axis=axis, random_count=5)
    searchers = set(PLAN.searchers)
    for table in (summary.regret, summary.rank, summary.seconds, summary.matches_random):
        assert set(table["searcher"]) == searchers
    assert (summary.regret["lower"] <= summary.regret["mean"]).all()
    for kind, ranked in summary.rank.groupby("kind"):
        at_the_end = ranked[ranked["budget"] == ranked["budget"].max()]
        assert at_the_end["mean"].mean() == pytest.approx((len(at_the_end) + 1) / 2)
        assert set(summary.critical[str(kind)].mean_ranks.index) == set(at_the_end["searcher"])
    assert summary.first["size"].tolist() == ["small", "large"] * 2
    # Three tasks cannot tell three searchers apart that are nearly alike.
    assert (summary.first["searcher"] == "").all()
    assert set(summary.across.mean_ranks.index) == searchers
    assert set(summary_tables({"surrogate": summary})["mean_ranks"]["searcher"]) == searchers
    # Regret of the best never grows with the budget.
    for _, curve in summary.regret.groupby("searcher"):
        assert (curve.sort_values("budget")["mean"].diff().dropna() <= 1e-9).all()
    figures = summary_figures(summary)
    assert set(figures) == {
        "normalised regret",
        "average rank, whole trainings",
        "average rank, stopped early",
        "critical difference, whole trainings",
        "critical difference, each kind at its own budget",
        "promises",
    }
    for title, figure in figures.items():
        figure.savefig(drawn := io.BytesIO())
        # Of promises, a sentence says that there is nothing to show.
        assert len(drawn.getvalue()) > (2000 if title == "promises" else 5000)


def test_a_quick_task_does_not_cut_a_slow_one_and_no_search_is_left_out(
    evaluations: pd.DataFrame,
) -> None:
    trials = early_stopper_among_others().query("searcher != 'asha'")
    trials["end"] = trials["end"].mask(trials["task"] == "a", trials["end"] / 10)
    ends_nothing = (trials["searcher"] == "kde") & (trials["repetition"] == 1)
    trials.loc[ends_nothing, "status"] = "stopped"
    optima = pd.Series({("whole trainings", task): 0.95 for task in "ab"})
    known = evaluations[evaluations["task"].isin(["a", "b"])]
    summary = summarise(trials, known, FACTS, optima=optima, axis="hours")
    assert summary.spent["spending"].tolist() == pytest.approx([90 * 90 / 3600] * 2)
    worst, median = (
        getattr(known.groupby("task")[VALID_SCORE], name)() for name in ("min", "median")
    )
    expected = np.mean(
        [
            [(0.95 - low) / (0.95 - mid), 0.05 / (0.95 - mid)]
            for low, mid in zip(worst, median, strict=True)
        ]
    )
    at_end = summary.regret.groupby("searcher")["mean"].last()
    assert at_end["kde"] == pytest.approx(expected)


def test_fronts_hold_what_nothing_beats(trials: pd.DataFrame, evaluations: pd.DataFrame) -> None:
    found = fronts(trials)
    whole = trials[trials["status"] == "completed"]
    for task, front in found.groupby("task"):
        own = whole[whole["task"] == task]
        assert front[VALID_SCORE].max() == own[VALID_SCORE].max()
        assert front[OPERATIONS].min() == own[OPERATIONS].min()
    volumes = hypervolumes(trials, with_operations(evaluations, FACTS))
    assert set(volumes["searcher"]) == set(trials["searcher"])
    assert volumes["mean"].is_monotonic_decreasing
    # A search of twelve trials dominates something, and not all that is known.
    assert volumes["mean"].between(0, 1.2, inclusive="neither").all()


def test_incumbents_are_the_best_completed_of_their_search(trials: pd.DataFrame) -> None:
    found = incumbents(trials, repetitions=1)
    assert len(found) == trials.groupby(["task", "searcher"]).ngroups
    whole = trials[(trials["status"] == "completed") & (trials["repetition"] == 0)]
    best = whole.groupby(["task", "searcher"])[VALID_SCORE].max()
    key = pd.MultiIndex.from_frame(found[["task", "searcher"]])
    np.testing.assert_array_equal(found[VALID_SCORE], best.loc[key])


@pytest.mark.slow
def test_regret_on_a_table_is_measured_from_its_best(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("random_search", "kde"), repetitions=2, trials=15, simulated_hours=None, oracle="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, FACTS, saved)
    optima = reference_optima(plan, evaluations, Surrogate.load(saved))
    for task, best in optima["whole trainings"].items():
        assert best == best_known(evaluations, str(task))["known_valid"].iloc[0]
    summary = summarise(found, evaluations, FACTS, optima=optima, axis="trainings")
    assert (summary.regret["mean"] >= 0).all()


@pytest.mark.slow
def test_the_reference_of_a_surrogate_is_no_competitors_luck(
    trials: pd.DataFrame, evaluations: pd.DataFrame, saved: Path, curves: Path
) -> None:
    surrogate, of_curves = Surrogate.load(saved), Curves.load(curves)
    optima = reference_optima(PLAN, evaluations, surrogate, of_curves)
    assert set(optima.index.get_level_values("kind")) == {"whole trainings", "stopped early"}
    whole = trials[(trials["status"] == "completed") & (trials["searcher"] != "asha")]
    found = whole.groupby("task")[VALID_SCORE].max()
    assert (optima["whole trainings"] >= found).all()
    fewer = replace(PLAN, searchers=("kde", "asha"))
    again = reference_optima(fewer, evaluations, surrogate, of_curves)
    pd.testing.assert_series_equal(again, optima, check_exact=True)


LUCK = {
    task: replace(facts, noise={VALID_SCORE: RunNoise(split=0.01, own=0.03)})
    for task, facts in FACTS.items()
}


@pytest.fixture(scope="module")
def noisy(evaluations: pd.DataFrame, saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Trials of a benchmark whose searches are told single trainings."""
    folder = tmp_path_factory.mktemp("noisy")
    plan = BenchmarkPlan(
        ("random_search", "regularized_evolution", "kde"), 4, 40, simulated_hours=None
    )
    found = run_benchmark(folder, plan, evaluations, LUCK, saved)
    found.to_parquet(folder / "trials.parquet")
    return folder / "trials.parquet"


@pytest.mark.slow
def test_searchers_are_told_one_training_and_ranked_by_the_truth(
    noisy: Path, evaluations: pd.DataFrame, saved: Path
) -> None:
    trials = pd.read_parquet(noisy)
    surrogate = Surrogate.load(saved)
    for task, own in trials.groupby("task"):
        predicted = surrogate.predict(own, str(task))[VALID_SCORE]
        np.testing.assert_allclose(own[TRUE_SCORE], predicted, rtol=1e-9)
    # The same configuration in the same repetition: the same draw, whoever asks.
    repeated = trials.groupby(["task", "repetition", "config_id"])[VALID_SCORE]
    assert (repeated.size() > 1).any()
    assert repeated.nunique().eq(1).all()
    best = incumbents(trials, 4)
    at_end = progress(trials).groupby(["task", "searcher", "repetition"]).last()
    key = pd.MultiIndex.from_frame(best[["task", "searcher", "repetition"]])
    np.testing.assert_array_equal(at_end.loc[key, "best"], best[TRUE_SCORE])
    np.testing.assert_array_equal(at_end.loc[key, "promise"], best[VALID_SCORE])


@pytest.mark.slow
def test_promises_of_lucky_runs_are_told_for_what_they_are(
    noisy: Path, evaluations: pd.DataFrame
) -> None:
    trials = pd.read_parquet(noisy)
    optima = pd.concat({"whole trainings": evaluations.groupby("task")[VALID_SCORE].max()})
    summary = summarise(trials, evaluations, FACTS, optima=optima, axis="trainings")
    told = summary.promises.set_index("searcher")
    assert set(told.index) == set(trials["searcher"])
    assert (told["noise"] == "known").all()
    np.testing.assert_allclose(told["promise"] - told["true"], told["promise_less_true"])
    # The best of 40 draws with a standard deviation of .03 is lucky.
    assert (told["lower"] > 0).all()
    assert told["promise_less_true"].abs().is_monotonic_increasing
    table = summary_tables({"surrogate": summary})["mean_ranks"].set_index("searcher")
    assert table["promise_less_true"].to_dict() == told["promise_less_true"].to_dict()
    assert "the same for all searchers" in what_is_told(summary)
    assert "promises" in summary_figures(summary)


@pytest.mark.slow
def test_where_the_noise_is_not_known_nothing_is_said_of_promises(
    trials: pd.DataFrame, noisy: Path, evaluations: pd.DataFrame
) -> None:
    assert trials[TRUE_SCORE].isna().all()
    kinds = ("whole trainings", "stopped early")
    optima = pd.concat(dict.fromkeys(kinds, evaluations.groupby("task")[VALID_SCORE].max()))
    summary = summarise(trials, evaluations, FACTS, optima=optima)
    assert summary.promises["promise_less_true"].isna().all()
    assert (summary.promises["noise"] == "noise not known").all()
    assert "The noise is not known: too few runs are replicated" in what_is_told(summary)
    partly = pd.read_parquet(noisy)
    partly.loc[partly["task"] == "b", list(TRUE.values())] = np.nan
    some = summarise(
        partly, evaluations, FACTS, optima=optima[["whole trainings"]], axis="trainings"
    )
    assert (some.promises["noise"] == "noise not known on b").all()
    assert some.promises["promise_less_true"].notna().all()


def test_what_is_recommended_is_the_best_that_was_told_and_not_the_best() -> None:
    search = {"task": "a", "searcher": "kde", "repetition": 0, "status": "completed", "epoch": 1}
    trials = pd.DataFrame(
        {
            "trial": range(4),
            "end": [1.0, 2.0, 3.0, 4.0],
            VALID_SCORE: [0.6, 0.8, 0.7, 0.8],
            TRUE_SCORE: [0.65, 0.5, 0.9, 0.7],
            **search,
        }
    )
    curve = progress(trials)
    assert curve["best"].tolist() == [0.65, 0.5, 0.5, 0.5]
    assert curve["promise"].tolist() == [0.6, 0.8, 0.8, 0.8]


def test_another_noise_is_another_benchmark(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), 1, 4, simulated_hours=None)
    silent = run_benchmark(tmp_path, plan, evaluations, FACTS, saved)
    told = run_benchmark(tmp_path, plan, evaluations, LUCK, saved)
    assert (silent[VALID_SCORE] != told[VALID_SCORE]).all()
    assert silent["config_id"].tolist() == told["config_id"].tolist()


@pytest.mark.slow
def test_searchers_of_a_repetition_begin_with_the_same_configurations(
    evaluations: pd.DataFrame, saved: Path, curves: Path
) -> None:
    # BoTorch computes for seconds before every proposal that it makes itself.
    names = searcher_names(
        lambda one: not (one.learns_from_others or one.box or one.library == "botorch")
    )
    # A grid begins where it begins, and takes lists of values alone.
    names.remove("grid")
    plan = BenchmarkPlan(tuple(names), 2, 5, simulated_hours=None)
    assert {"moasha", "bohb", "median_stopping", "regularized_evolution"} <= set(names)
    surrogate, of_curves = Surrogate.load(saved), Curves.load(curves)
    first: dict[int, set[tuple[str, ...]]] = {0: set(), 1: set()}
    for name in names:
        found = benchmark.run_cell(plan, "a", name, evaluations, FACTS["a"], surrogate, of_curves)
        for repetition, search in found.groupby("repetition"):
            begun = search.sort_values("trial")["config_id"].head(plan.workers)
            first[int(str(repetition))].add(tuple(begun))
    assert len(first[0]) == len(first[1]) == 1
    assert not first[0] & first[1]


def test_searches_of_a_box_begin_within_it(evaluations: pd.DataFrame, saved: Path) -> None:
    plan = BenchmarkPlan(("kde+box", "random_search+box"), 1, 5, simulated_hours=None)
    surrogate = Surrogate.load(saved)
    starts = [
        benchmark.run_cell(plan, "a", name, evaluations, FACTS["a"], surrogate)["config_id"]
        .head(4)
        .tolist()
        for name in plan.searchers
    ]
    assert starts[0] == starts[1]
