"""Predicted against actual over all tasks, and what recommendations gained."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.improvement import BEATS, DOES_NOT_BEAT, UNDECIDED
from aehpo_assets.analysis.plots import predictions_and_improvements
from aehpo_assets.analysis.validation_report import (
    ALL_TASKS,
    WITHIN_TASKS,
    accuracy,
    improved_tasks,
    improvements,
    predictions,
)
from aehpo_assets.quality.runs import check_validation_report

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


def rows(
    origin: str, config_id: str, level: float, predicted: float | None
) -> list[dict[str, object]]:
    found = []
    for seed, noise in enumerate((-0.01, 0.0, 0.01)):
        row: dict[str, object] = {
            "origin": origin,
            "config_id": config_id,
            "rank": 1,
            "seed": seed,
            "searcher": "cqr" if predicted else None,
            "transfer": bool(predicted) or None,
            "status": "ok",
            VALID: level + noise,
            TEST: level - 0.1 + 2 * noise,
        }
        for score in (VALID, TEST):
            value = np.nan if predicted is None else predicted
            row |= {
                f"predicted_{score}": value,
                f"predicted_{score}_lower": value - 0.05,
                f"predicted_{score}_upper": value + 0.05,
            }
        found.append(row)
    return found


@pytest.fixture
def tasks() -> dict[str, pd.DataFrame]:
    """Two tasks; within each the better predicted is the worse one, over both it is the better."""
    tables = {}
    for task, level in (("toy_rna", 0.6), ("toy_meth", 0.8)):
        tables[task] = pd.DataFrame(
            [
                *rows("recommended", "r0", level, level + 0.12),
                *rows("recommended", "r1", level + 0.02, level + 0.11),
                *rows("best_sampled", "7", level - 0.05, None),
                *rows("untuned_default", "rd", level + 0.02, None),
            ]
        )
    return tables


def test_predictions_stand_beside_means_over_seeds(tasks: dict[str, pd.DataFrame]) -> None:
    tasks["toy_rna"].loc[0, ["status", VALID]] = ["diverged", np.nan]
    table = predictions(tasks)
    assert list(table["score"]) == [VALID] * 4 + [TEST] * 4
    assert list(table["task"].unique()) == ["toy_rna", "toy_meth"]
    first = table.iloc[0]
    assert first["actual"] == pytest.approx((0.5 + 0.6 + 0.61) / 3)
    assert (first["failed_runs"], first["seeds"]) == (1, 3)
    assert (first["predicted"], first["lower"], first["upper"]) == pytest.approx((0.72, 0.67, 0.77))
    assert table["standard_error"][1] == pytest.approx(0.01 / math.sqrt(3))


def test_accuracy_per_task_over_all_and_within(tasks: dict[str, pd.DataFrame]) -> None:
    table = accuracy(predictions(tasks))
    valid = table[table["score"] == VALID].set_index("task")
    assert list(valid.index) == ["toy_rna", "toy_meth", ALL_TASKS, WITHIN_TASKS]
    assert valid.loc["toy_rna", "bias"] == pytest.approx((0.12 + 0.09) / 2)
    assert valid.loc["toy_rna", "rmse"] == pytest.approx(math.sqrt((0.12**2 + 0.09**2) / 2))
    assert math.isnan(valid.loc["toy_rna", "pearson"])
    assert valid.loc[ALL_TASKS, "spearman"] == pytest.approx(0.6)
    assert valid.loc[ALL_TASKS, "pearson"] > 0.9
    assert valid.loc[WITHIN_TASKS, "pearson"] == pytest.approx(-1)
    assert valid.loc[ALL_TASKS, "inside"] == 0
    test = table[table["score"] == TEST].set_index("task")
    assert test.loc[ALL_TASKS, "bias"] == pytest.approx(0.205)


def test_a_bias_beyond_the_interval_warns_and_says_where(tasks: dict[str, pd.DataFrame]) -> None:
    calm = tasks["toy_meth"]
    calm.loc[calm["origin"] == "recommended", [f"predicted_{VALID}_lower"]] = 0.5
    (check,) = check_validation_report(accuracy(predictions(tasks)))
    assert (check.passed, check.blocking) == (False, False)
    assert "toy_rna" in check.description
    assert "toy_meth" not in check.description
    (check,) = check_validation_report(accuracy(predictions({"toy_meth": calm})))
    assert check.passed


def test_improvements_and_how_many_tasks_improved(tasks: dict[str, pd.DataFrame]) -> None:
    tasks["toy_meth"] = tasks["toy_meth"][tasks["toy_meth"]["origin"] != "untuned_default"]
    table = improvements(tasks)
    assert len(table) == 2 * 2 + 2
    assert set(table["config_id"]) == {"r1"}
    over = table[table["score"] == TEST].set_index(["task", "opponent"])
    sampled = over.loc[("toy_rna", "best_sampled")]
    assert (sampled["improvement"], sampled["outcome"]) == (pytest.approx(0.07), BEATS)
    assert over.loc[("toy_rna", "untuned_default"), "outcome"] == UNDECIDED
    counts = improved_tasks(table).set_index(["opponent", "score"])
    best = counts.loc[("best_sampled", TEST)]
    assert (best["tasks"], best[BEATS], best[UNDECIDED], best[DOES_NOT_BEAT]) == (2, 2, 0, 0)
    assert best["improvement"] == pytest.approx(0.07)
    assert counts.loc[("untuned_default", TEST), "tasks"] == 1
    assert math.isnan(counts.loc[("untuned_default", TEST), "lower"])


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_picture_is_drawn_for_any_number_of_tasks(
    tasks: dict[str, pd.DataFrame], count: int
) -> None:
    many = {f"task_{number}": tasks["toy_rna"] for number in range(count)}
    picture = predictions_and_improvements(predictions(many), improvements(many))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
