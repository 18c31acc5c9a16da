"""Predicted against actual over all tasks, and what recommendations gained."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.plots import predictions_and_improvements
from aehpo_assets.analysis.validation_report import (
    ALL_TASKS,
    WITHIN_TASKS,
    accuracy,
    improved_tasks,
    improvements,
    predictions,
)
from aehpo_assets.analysis.validation_summary import recommendation_summary
from aehpo_assets.noise.verdict import BETTER, NOT_YET, WORSE
from aehpo_assets.quality.validation import check_validation_report

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
        value = np.nan if predicted is None else predicted
        row |= {
            f"predicted_{VALID}": value,
            "predicted_noise": None if predicted is None else "known",
            f"predicted_{VALID}_lower": value - 0.05,
            f"predicted_{VALID}_upper": value + 0.05,
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


NO_BASELINES = pd.DataFrame({"method": [], "latent_dim": [], VALID: [], TEST: []})


def compared(
    tables: dict[str, pd.DataFrame], baselines: pd.DataFrame = NO_BASELINES
) -> pd.DataFrame:
    return improvements(
        {task: recommendation_summary(table, baselines) for task, table in tables.items()}
    )


def test_predictions_stand_beside_means_over_seeds(tasks: dict[str, pd.DataFrame]) -> None:
    tasks["toy_rna"].loc[0, ["status", VALID]] = ["diverged", np.nan]
    table = predictions(tasks)
    assert list(table["config_id"]) == ["r0", "r1"] * 2
    assert list(table["task"].unique()) == ["toy_rna", "toy_meth"]
    first = table.iloc[0]
    assert first["actual"] == pytest.approx((0.5 + 0.6 + 0.61) / 3)
    assert (first["failed_runs"], first["seeds"]) == (1, 3)
    assert (first["predicted"], first["lower"], first["upper"]) == pytest.approx((0.72, 0.67, 0.77))
    # The noise is that of all autoencoders of the task, the failed run of this one included.
    assert table["standard_error"][2] == pytest.approx(0.01 / math.sqrt(3))
    assert table["standard_error"][1] > 0.015


def test_means_may_lie_beside_the_interval_of_the_truth_by_their_own_noise(
    tasks: dict[str, pd.DataFrame],
) -> None:
    table = tasks["toy_rna"]
    best = table["config_id"] == "r0"
    table.loc[best, f"predicted_{VALID}"] = 0.67
    table.loc[best, [f"predicted_{VALID}_lower", f"predicted_{VALID}_upper"]] = [0.665, 0.675]
    assert not predictions(tasks)["inside"][0]
    table.loc[best, VALID] += [-0.2, 0, 0.2]
    assert predictions(tasks)["inside"][0]
    single = {"toy_rna": table[table["seed"] == table["seed"].max()]}
    assert predictions(single)["standard_error"].isna().all()


def test_accuracy_per_task_over_all_and_within(tasks: dict[str, pd.DataFrame]) -> None:
    valid = accuracy(predictions(tasks)).set_index("task")
    assert list(valid.index) == ["toy_rna", "toy_meth", ALL_TASKS, WITHIN_TASKS]
    assert valid.loc["toy_rna", "bias"] == pytest.approx((0.12 + 0.09) / 2)
    assert valid.loc["toy_rna", "rmse"] == pytest.approx(math.sqrt((0.12**2 + 0.09**2) / 2))
    assert math.isnan(valid.loc["toy_rna", "pearson"])
    assert valid.loc[ALL_TASKS, "spearman"] == pytest.approx(0.6)
    assert valid.loc[ALL_TASKS, "pearson"] > 0.9
    assert valid.loc[WITHIN_TASKS, "pearson"] == pytest.approx(-1)
    assert valid.loc[ALL_TASKS, "inside"] == 0


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
    table = compared(tasks)
    assert len(table) == 2 * 2 + 2
    assert set(table["config_id"]) == {"r1"}
    over = table[table["score"] == TEST].set_index(["task", "opponent"])
    sampled = over.loc[("toy_rna", "best_sampled")]
    assert (sampled["improvement"], sampled["outcome"]) == (pytest.approx(0.07), BETTER)
    # The pooled standard deviation is 0.02 on test, of three runs each.
    assert sampled["standard_error"] == pytest.approx(0.02 * math.sqrt(2 / 3))
    assert sampled["degrees"] == 4 * 2
    default = over.loc[("toy_rna", "untuned_default")]
    assert (default["outcome"], default["improvement"]) == (NOT_YET, pytest.approx(0))
    assert pd.isna(default["more"]) or default["more"] > 1000
    counts = improved_tasks(table).set_index(["opponent", "score"])
    best = counts.loc[("best_sampled", TEST)]
    numbers = (best["tasks"], best[BETTER], best[NOT_YET], best[WORSE], best["untested"])
    assert numbers == (2, 2, 0, 0, 0)
    assert best["improvement"] == pytest.approx(0.07)
    assert counts.loc[("untuned_default", TEST), "tasks"] == 1
    assert math.isnan(counts.loc[("untuned_default", TEST), "lower"])


def test_untested_tasks_are_not_counted_as_undecided(tasks: dict[str, pd.DataFrame]) -> None:
    tasks["toy_meth"] = tasks["toy_meth"].drop_duplicates("config_id")
    table = compared(tasks)
    untested = table[table["task"] == "toy_meth"]
    assert set(untested["outcome"]) == {NOT_YET}
    assert not untested["tested"].any()
    assert untested[["standard_error", "lower", "upper", "p", "decidable"]].isna().all(axis=None)
    counts = improved_tasks(table).set_index(["opponent", "score"])
    best = counts.loc[("best_sampled", TEST)]
    assert (best["tasks"], best[BETTER], best[NOT_YET], best["untested"]) == (2, 1, 0, 1)


def test_pca_is_compared_in_the_same_words(tasks: dict[str, pd.DataFrame]) -> None:
    pca = pd.DataFrame({"method": ["pca"], "latent_dim": [4], VALID: [0.9], TEST: [0.9]})
    table = compared(tasks, pca)
    rows = table[(table["opponent"] == "baseline") & (table["score"] == TEST)].set_index("task")
    assert rows["outcome"].to_dict() == {"toy_rna": WORSE, "toy_meth": WORSE}
    # PCA is the same again: only the autoencoder's three runs make noise.
    assert rows["standard_error"].tolist() == pytest.approx([0.02 / math.sqrt(3)] * 2)


@pytest.mark.slow
def test_of_studies_without_a_difference_at_most_one_in_twenty_finds_one() -> None:
    """Four tasks, three opponents each: whole reports, with selection by the valid score."""
    source, studies = np.random.default_rng(5), 40
    wrong = 0
    for _ in range(studies):
        tables = {}
        for task in ("a", "b", "c", "d"):
            table = pd.DataFrame(
                [
                    *(row for n in range(3) for row in rows("recommended", f"r{n}", 0.8, 0.8)),
                    *(row for n in range(3) for row in rows("best_sampled", f"s{n}", 0.8, None)),
                    *rows("untuned_default", "rd", 0.8, None),
                ]
            )
            table[[VALID, TEST]] = source.normal(0.8, 0.05, (len(table), 2))
            tables[task] = table
        pca = pd.DataFrame({"method": ["pca"], "latent_dim": [4], VALID: [0.8], TEST: [0.8]})
        found = compared(tables, pca)
        on_test = found[found["score"] == TEST]
        wrong += on_test["outcome"].isin([BETTER, WORSE]).any()
    assert wrong / studies <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / studies)


@pytest.mark.parametrize("count", [1, 2, 9])
def test_the_picture_is_drawn_for_any_number_of_tasks(
    tasks: dict[str, pd.DataFrame], count: int
) -> None:
    many = {f"task_{number}": tasks["toy_rna"] for number in range(count)}
    picture = predictions_and_improvements(predictions(many), compared(many))
    assert picture.startswith(b"\x89PNG")
    assert len(picture) > 5000
