"""Checks from configurations to validation: each has data that trips it, and data that does not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_R2, VALID_SCORE
from aehpo_assets.quality import configurations as of_configurations
from aehpo_assets.quality import runs, surrogate, validation
from aehpo_assets.quality.check import Check
from aehpo_assets.space import search_space
from aehpo_assets.store.provenance import CheckResult

SPACE = search_space("vanillix", {})

Bend = Callable[[pd.DataFrame], pd.DataFrame]


def failed(results: Sequence[CheckResult]) -> set[str]:
    return {check.name for check in results if not check.passed}


def set_cell(column: str, value: object) -> Bend:
    def bend(frame: pd.DataFrame) -> pd.DataFrame:
        values = frame[column].astype(object)
        values.iloc[2] = value
        return frame.assign(**{column: values.infer_objects()})

    return bend


def set_column(column: str, value: object) -> Bend:
    return lambda frame: frame.assign(**{column: value})


def repeat(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.head(1)], ignore_index=True)


def renamed_repeat(frame: pd.DataFrame) -> pd.DataFrame:
    return pd.concat([frame, frame.head(1).assign(config_id="99")], ignore_index=True)


def configurations() -> pd.DataFrame:
    rows = [
        {
            "config_id": str(i),
            "k_filter": 128,
            "n_layers": 2,
            "enc_factor": 1.5 + i / 10,
            "latent_dim_fixed": 8,
            "lr_fixed": 1e-3,
            "batch_size": 32,
            "drop_p": 0.1,
        }
        for i in range(6)
    ]
    return pd.DataFrame(rows)


def results() -> pd.DataFrame:
    scores = dict.fromkeys(OBJECTIVE_NAMES, 0.7) | {"auc_SEX_test": 0.6, "train_r2": 0.5}
    return configurations().assign(
        task="demo_rna", seed=0, status="ok", latent_status="ok", **scores
    )


def planned() -> pd.DataFrame:
    return results()[["config_id", "seed"]]


def recommendations() -> pd.DataFrame:
    predicted = {f"predicted_{name}": 0.7 for name in OBJECTIVE_NAMES}
    return configurations().assign(**predicted, predicted_dead=0.1)


def validated() -> pd.DataFrame:
    origins = ["recommended", "best sampled"] * 3
    return recommendations().assign(
        origin=origins, seed=0, status="ok", **dict.fromkeys(OBJECTIVE_NAMES, 0.72)
    )


def diagnostics() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "objective": [VALID_SCORE, VALID_R2],
            "r2": [0.4, 0.5],
            "spearman": [0.6, 0.7],
            "coverage": [0.9, 0.9],
        }
    )


Case = tuple[tuple[Check, ...], Callable[[pd.DataFrame], list[CheckResult]], pd.DataFrame]

CASES: dict[str, Case] = {
    "configurations": (
        of_configurations.CONFIGURATION_CHECKS,
        lambda table: of_configurations.check_configurations(table, SPACE),
        configurations(),
    ),
    "run_results": (
        runs.RUN_RESULT_CHECKS,
        lambda table: runs.check_run_results(table, planned()),
        results(),
    ),
    "blackbox": (
        surrogate.BLACKBOX_CHECKS,
        lambda table: surrogate.check_blackbox(table, table.iloc[:0]),
        results(),
    ),
    "surrogate": (surrogate.SURROGATE_CHECKS, surrogate.check_surrogate, diagnostics()),
    "recommendations": (
        of_configurations.RECOMMENDATION_CHECKS,
        lambda table: of_configurations.check_recommendations(table, SPACE),
        recommendations(),
    ),
    "validation": (validation.VALIDATION_CHECKS, validation.check_validation, validated()),
}

TRIPS: dict[str, dict[str, Bend]] = {
    "configurations": {
        "unique_config_ids": lambda f: f.assign(config_id="0"),
        "distinct": renamed_repeat,
        "inside_the_space": set_cell("drop_p", 0.95),
    },
    "run_results": {
        "no_run_twice": repeat,
        "as_planned": lambda f: f.iloc[1:],
        "something_was_measured": set_column("status", "diverged"),
        "known_status": set_cell("status", "killed"),
        "auc_not_below_0": set_cell("auc_SEX_test", -0.1),
        "auc_not_above_1": set_cell("auc_SEX_test", 1.2),
        "r2_not_above_1": set_cell("train_r2", 1.01),
        "finished_runs_have_scores": set_cell(VALID_SCORE, np.nan),
        "runtime_is_positive": set_cell("training_runtime", -1.0),
        "diverged_share": set_column("status", "diverged"),
        "collapsed_share": set_column("latent_status", "collapsed"),
    },
    "blackbox": {
        "finite_objectives": set_cell(VALID_R2, np.nan),
        "auc_not_below_0": set_cell(VALID_SCORE, -0.1),
        "auc_not_above_1": set_cell(VALID_SCORE, 1.2),
    },
    "surrogate": {
        "better_than_the_mean": lambda f: f.assign(r2=[-0.1, 0.5]),
        "rank_correlation": lambda f: f.assign(spearman=[0.1, 0.7]),
        "r2_surrogate_better_than_the_mean": lambda f: f.assign(r2=[0.4, -0.1]),
        "interval_coverage": lambda f: f.assign(coverage=[0.7, 0.9]),
    },
    "recommendations": {
        "distinct": renamed_repeat,
        "inside_the_space": set_cell("k_filter", 100),
        "auc_not_below_0": set_cell(f"predicted_{VALID_SCORE}", -0.1),
        "auc_not_above_1": set_cell(f"predicted_{VALID_SCORE}", 1.2),
        "predictions_are_finite": set_cell(f"predicted_{VALID_R2}", np.nan),
        "likely_to_finish": set_cell("predicted_dead", 0.9),
    },
    "validation": {
        "no_run_twice": repeat,
        "every_candidate_trained": set_cell("status", None),
        "validated_runs_finish": set_cell("status", "diverged"),
        "auc_not_below_0": set_cell(VALID_SCORE, -0.1),
        "auc_not_above_1": set_cell(VALID_SCORE, 1.2),
        "predictions_hold": set_column(VALID_SCORE, 0.5),
    },
}


@pytest.mark.parametrize("table", CASES)
def test_good_tables_pass_every_check(table: str) -> None:
    declared, check, good = CASES[table]
    outcome = check(good)
    assert failed(outcome) == set()
    assert [result.name for result in outcome] == [each.name for each in declared]


@pytest.mark.parametrize(("table", "name"), [(t, name) for t in TRIPS for name in TRIPS[t]])
def test_bad_tables_trip_their_check(table: str, name: str) -> None:
    _, check, good = CASES[table]
    assert name in failed(check(TRIPS[table][name](good.copy())))


def test_dropped_configurations_are_noticed() -> None:
    assert "configurations_dropped" in failed(
        surrogate.check_blackbox(results(), results().head(1))
    )


@pytest.mark.parametrize("table", CASES)
def test_every_check_is_tripped_by_something(table: str) -> None:
    declared, _, _ = CASES[table]
    elsewhere = {"configurations_dropped"}
    assert {check.name for check in declared} - elsewhere == set(TRIPS[table])


@pytest.mark.parametrize(
    "bend",
    [
        lambda f: f.assign(seed=1),
        lambda f: pd.concat([f, f.head(1).assign(seed=1)]),
        lambda f: f.assign(config_id=[*f["config_id"][:-1], "r0"]),
    ],
    ids=["another seed", "one run more", "another configuration"],
)
def test_runs_that_are_not_the_plan_are_noticed(bend: Bend) -> None:
    assert "as_planned" in failed(runs.check_run_results(bend(results()), planned()))


def test_diverged_runs_need_no_score() -> None:
    diverged = set_cell("status", "diverged")(set_cell(VALID_SCORE, np.nan)(results()))
    assert failed(runs.check_run_results(diverged, planned())) == set()


def description(outcome: Sequence[CheckResult], name: str) -> str:
    return next(check.description for check in outcome if check.name == name)


def test_that_nothing_was_measured_is_one_sentence_with_task_number_and_remedy() -> None:
    outcome = runs.check_run_results(
        results().assign(status="diverged"), planned(), "values reach 1e+31 with scaler: none"
    )
    said = description(outcome, "something_was_measured")
    assert "(all 6 trainings of demo_rna diverged; values reach 1e+31 with scaler: none)" in said
    assert "Set preprocessing.scaler" in said


def test_what_ended_otherwise_is_counted() -> None:
    ends = ["diverged", "diverged", "diverged", "failed", "failed", "diverged"]
    nothing = runs.check_run_results(results().assign(status=ends), planned())
    said = description(nothing, "something_was_measured")
    assert "of 6 trainings of demo_rna, 4 diverged, 2 failed" in said
    one = runs.check_run_results(results().assign(status=["ok", *ends[1:]]), planned())
    assert failed(one) == {"diverged_share"}
    assert "3 diverged, 2 failed, 1 finished" in description(one, "diverged_share")


def test_what_did_not_finish_does_not_dilute_the_error_of_predictions() -> None:
    # What a diverged run counts as elsewhere is no score that could be compared.
    table = validated().assign(status="diverged", **{VALID_SCORE: 0.5})
    assert failed(validation.check_validation(table)) == {"validated_runs_finish"}
    table.loc[0, ["status", VALID_SCORE]] = ["ok", 0.4]
    assert "predictions_hold" in failed(validation.check_validation(table))
    table.loc[0, VALID_SCORE] = 0.72
    assert "predictions_hold" not in failed(validation.check_validation(table))


@pytest.mark.parametrize(("table", "name"), [(t, name) for t in TRIPS for name in TRIPS[t]])
def test_a_failed_check_says_what_where_and_what_to_do(table: str, name: str) -> None:
    declared, check, good = CASES[table]
    said = description(check(TRIPS[table][name](good.copy())), name)
    expected = next(each for each in declared if each.name == name)
    assert expected.remedy
    assert said.startswith(f"{expected.description}: found ")
    assert said.endswith(f"). {expected.remedy}")


def test_a_configuration_outside_the_space_is_named_with_the_reason() -> None:
    outcome = of_configurations.check_configurations(
        set_cell("drop_p", 0.95)(configurations()), SPACE
    )
    assert "(2: drop_p=0.95 lies outside uniform [0, 0.9])" in (
        description(outcome, "inside_the_space")
    )


def test_runs_that_are_not_the_plan_are_named() -> None:
    outcome = runs.check_run_results(results().iloc[1:], planned())
    assert "(0 seed 0)" in description(outcome, "as_planned")
