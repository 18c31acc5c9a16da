"""The benchmark of searchers: resumable, repeatable, and honestly summarised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.hpo import benchmark
from aehpo_assets.hpo.benchmark import BenchmarkPlan, run_benchmark
from aehpo_assets.hpo.benchmark_analysis import (
    band,
    best_at,
    critical_difference,
    evaluations_to_match_random,
    incumbents,
    normalised_regret,
    progress,
    rank_bands,
    ranks,
    regret_bands,
    searcher_seconds,
    what_to_run_first,
)
from aehpo_assets.hpo.benchmark_fronts import fronts, hypervolumes
from aehpo_assets.hpo.benchmark_plots import anytime_figure, critical_difference_figure
from aehpo_assets.hpo.benchmark_summary import summarise
from aehpo_assets.hpo.blackbox import curves_blackboxes
from aehpo_assets.hpo.curve_surrogate import Curves
from aehpo_assets.hpo.evaluations import best_sampled
from aehpo_assets.hpo.grounds import CurveTableGround
from aehpo_assets.hpo.objectives import OBJECTIVES, RUNTIME, VALID_SCORE
from aehpo_assets.hpo.surrogate import Surrogate, fit_surrogate
from aehpo_assets.hpo.synthetic import synthetic_curves
from aehpo_assets.space import SearchSpace

PLAN = BenchmarkPlan(
    ("random_search", "regularized_evolution", "random_search+box", "asha"),
    repetitions=2,
    trials=12,
    simulated_hours=0.5,
)


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
    return run_benchmark(tmp_path_factory.mktemp("bench"), PLAN, evaluations, saved, curves)


def test_every_cell_is_there_and_within_budget(trials: pd.DataFrame) -> None:
    assert trials.groupby(["task", "searcher", "repetition"]).ngroups == 3 * 4 * 2
    assert (trials["end"] <= 0.5 * 3600).all()
    assert trials.groupby(["task", "searcher"])["search_seed"].nunique().eq(2).all()


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
        run_benchmark(tmp_path, PLAN, evaluations, saved, curves)
    monkeypatch.setattr(benchmark, "run_cell", whole)
    seen: list[tuple[int, int, str]] = []
    again = run_benchmark(
        tmp_path, PLAN, evaluations, saved, curves, on_progress=lambda *what: seen.append(what)
    )
    assert [item[0] for item in seen] == list(range(6, 13))
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        again.drop(columns=measured), trials.drop(columns=measured), check_exact=True
    )


def test_a_changed_surrogate_in_the_same_folder_is_read_again(
    evaluations: pd.DataFrame, space: SearchSpace, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=4, simulated_hours=None)
    found = []
    for seed in (0, 1):
        fit_surrogate(evaluations, space, seed, folds=1)[0].save(tmp_path / "surrogate")
        cells = run_benchmark(tmp_path / "cells", plan, evaluations, tmp_path / "surrogate")
        found.append(cells[VALID_SCORE].tolist())
    assert found[0] != found[1]


@pytest.mark.parametrize("harm", ["flip", "exchange"])
def test_a_cell_that_is_not_what_was_found_is_searched_again(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path, harm: str
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=4, simulated_hours=None)
    whole = run_benchmark(tmp_path, plan, evaluations, saved)
    one, other = sorted(tmp_path.rglob("random_search.parquet"))[:2]
    if harm == "flip":
        content = bytearray(one.read_bytes())
        content[len(content) // 4] ^= 0xFF
        one.write_bytes(content)
    else:
        one.write_bytes(other.read_bytes())
    seen: list[tuple[int, int, str]] = []
    again = run_benchmark(
        tmp_path, plan, evaluations, saved, on_progress=lambda *what: seen.append(what)
    )
    assert len(seen) == 1
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        again.drop(columns=measured), whole.drop(columns=measured), check_exact=True
    )


def test_processes_share_the_work(
    trials: pd.DataFrame, evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=2, trials=12, simulated_hours=0.5)
    shared = run_benchmark(tmp_path, plan, evaluations, saved, processes=2)
    alone = trials[trials["searcher"] == "random_search"].reset_index(drop=True)
    measured = ["searcher_seconds"]
    pd.testing.assert_frame_equal(
        shared.drop(columns=measured), alone.drop(columns=measured), check_exact=True
    )


def test_table_ground_reaches_no_more_than_the_table(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("random_search", "bore"), repetitions=1, trials=25, simulated_hours=None, ground="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, saved)
    for task, group in found.groupby("task"):
        table = best_sampled(evaluations, str(task), 60)
        assert set(group[VALID_SCORE]) <= set(table[VALID_SCORE])


def test_table_ground_answers_with_measured_curves(
    evaluations: pd.DataFrame, saved: Path, curves: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("asha", "median_stopping"), repetitions=1, trials=15, simulated_hours=None, ground="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, saved, curves)
    measured = Curves.load(curves).measured
    assert set(found["status"]) == {"completed", "stopped"}
    objectives = list(OBJECTIVES)
    for (task, epoch), group in found.groupby(["task", "epoch"]):
        known = measured[(measured["task"] == task) & (measured["epoch"] == epoch)]
        rows = set(known[objectives].itertuples(index=False, name=None))
        assert set(group[objectives].itertuples(index=False, name=None)) <= rows


def test_the_curve_of_a_trained_configuration_is_its_own(curves: Path, space: SearchSpace) -> None:
    measured = Curves.load(curves).measured
    own = measured[measured["task"] == "b"]
    at_end = own[own["epoch"] == 90]
    answered = CurveTableGround(measured, space, "b")(at_end[space.names].to_dict("records"))
    for position, epoch in enumerate((10, 90)):
        known = own[own["epoch"] == epoch].set_index("config_id").loc[at_end["config_id"]]
        np.testing.assert_array_equal(answered[:, position], known[list(OBJECTIVES)])


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
            run_benchmark(tmp_path, BenchmarkPlan((searcher,)), table, saved)


def test_hours_that_are_too_few_are_told(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(("random_search",), repetitions=1, trials=3, simulated_hours=1e-6)
    with pytest.raises(InputError, match="no simulated training of a ends") as caught:
        run_benchmark(tmp_path, plan, evaluations, saved)
    assert caught.value.key == "benchmark.simulated_hours"


def test_settings_reach_the_searcher(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("regularized_evolution",), repetitions=1, trials=30, simulated_hours=None, clock="unit"
    )
    few = {"regularized_evolution": {"population_size": 4, "sample_size": 2}}
    told = replace(plan, settings=few)
    usual = run_benchmark(tmp_path / "usual", plan, evaluations, saved)
    found = run_benchmark(tmp_path / "told", told, evaluations, saved)
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
                            "searcher_seconds": 2.0 if searcher == "good" else 0.2,
                        }
                    )
    return pd.DataFrame(rows)


def test_known_progress_regret_and_ranks() -> None:
    curves = progress(made_up())
    at = best_at(curves, np.array([0.5, 1.0, 2.0]))
    good = at[(at["searcher"] == "good") & (at["task"] == "a") & (at["repetition"] == 0)]
    np.testing.assert_array_equal(good["best"], [np.nan, 0.5, 0.9])
    regret = normalised_regret(at, pd.Series({"a": 0.5, "b": 0.5}))
    bands = regret_bands(regret).set_index(["searcher", "budget"])["mean"]
    assert bands["good", 0.5] == 1
    assert bands["good", 2.0] == pytest.approx(0)
    assert bands["random_search", 2.0] == pytest.approx(0.75)
    ranked = ranks(at)
    by_budget = rank_bands(ranked).set_index(["searcher", "budget"])["mean"]
    assert by_budget["good", 0.5] == 1.5
    assert by_budget["random_search", 1.0] == 1
    assert by_budget["good", 2.0] == 1
    first = what_to_run_first(rank_bands(ranked[ranked["budget"] >= 1]))
    assert first["searcher"].tolist() == ["random_search", "good"]
    assert first["ties"].tolist() == ["", ""]


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


def test_critical_difference_is_demsars() -> None:
    """Table 5 of Demšar 2006: q for 4 classifiers is 2.569; on 14 blocks the difference is 1.25."""
    generator = np.random.default_rng(0)
    rows = []
    for block in range(14):
        for name, rank in zip("abcd", generator.permutation(4) + 1, strict=True):
            rows.append((name, "t", block, 1.0, float(rank)))
    ranked = pd.DataFrame(rows, columns=["searcher", "task", "repetition", "budget", "rank"])
    result = critical_difference(ranked, 1.0)
    assert result.difference == pytest.approx(1.25, abs=0.005)
    assert result.p_value > 0.05
    assert result.groups == (tuple(result.mean_ranks.index),)
    ranked["rank"] = ranked["searcher"].map({"a": 1.0, "b": 2.0, "c": 3.0, "d": 4.0})
    clear = critical_difference(ranked, 1.0)
    assert clear.p_value < 1e-6
    assert clear.groups == (("a", "b"), ("b", "c"), ("c", "d"))


def test_band_holds_the_mean() -> None:
    mean, lower, upper = band(np.arange(50.0))
    assert lower < mean == 24.5 < upper
    assert band(np.ones(3)) == (1, 1, 1)


def test_pictures_are_drawn(trials: pd.DataFrame, tmp_path: Path) -> None:
    at = best_at(progress(trials), np.linspace(0.1, 0.5, 5))
    ranked = ranks(at)
    anytime_figure(rank_bands(ranked), "average rank", "simulated hours").savefig(
        tmp_path / "a.png"
    )
    critical_difference_figure(critical_difference(ranked, 0.5)).savefig(tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size > 5000
    assert (tmp_path / "b.png").stat().st_size > 5000


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
    summary = summarise(trials, evaluations, axis=axis, random_count=5)
    searchers = set(PLAN.searchers)
    for table in (summary.regret, summary.rank, summary.seconds, summary.matches_random):
        assert set(table["searcher"]) == searchers
    assert (summary.regret["lower"] <= summary.regret["mean"]).all()
    at_the_end = summary.rank[summary.rank["budget"] == summary.rank["budget"].max()]
    assert at_the_end["mean"].mean() == pytest.approx((len(searchers) + 1) / 2)
    assert summary.first["size"].tolist() == ["small", "large"]
    assert set(summary.critical.mean_ranks.index) == searchers
    # Regret of the best never grows with the budget.
    for _, curve in summary.regret.groupby("searcher"):
        assert (curve.sort_values("budget")["mean"].diff().dropna() <= 1e-9).all()


def test_fronts_hold_what_nothing_beats(trials: pd.DataFrame, evaluations: pd.DataFrame) -> None:
    found = fronts(trials)
    whole = trials[trials["status"] == "completed"]
    for task, front in found.groupby("task"):
        own = whole[whole["task"] == task]
        assert front[VALID_SCORE].max() == own[VALID_SCORE].max()
        assert front[RUNTIME].min() == own[RUNTIME].min()
    volumes = hypervolumes(trials, evaluations)
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


def test_regret_on_a_table_is_measured_from_its_best(
    evaluations: pd.DataFrame, saved: Path, tmp_path: Path
) -> None:
    plan = BenchmarkPlan(
        ("random_search", "kde"), repetitions=2, trials=15, simulated_hours=None, ground="table"
    )
    found = run_benchmark(tmp_path, plan, evaluations, saved)
    summary = summarise(found, evaluations, axis="trainings", ground="table")
    assert (summary.regret["mean"] >= 0).all()
