"""The numbers of the recommendation report, and its verdict both ways."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.analysis.report import recommendation_report, recommendation_summary

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


def printed(validated: pd.DataFrame, baselines: pd.DataFrame) -> str:
    console = Console(width=120, force_terminal=False)
    with console.capture() as capture:
        console.print(recommendation_report(validated, baselines))
    return capture.get()


def test_the_valid_score_chooses_and_test_is_only_reported(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, baseline_table)
    assert (summary.task, summary.architecture) == ("liver_rna", "varix")
    assert summary.recommended is not None
    assert summary.best_sampled is not None
    # r0 and 4 are far better on test, and must not be chosen for it.
    assert summary.recommended.name == "recommendation: r1, BORE, transfer"
    assert summary.best_sampled.name == "best sampled (retrained): 9"
    assert summary.recommended.valid.mean == pytest.approx(0.87)
    assert summary.recommended.valid.standard_error == pytest.approx(0.01 / math.sqrt(3))
    assert summary.recommended.test.mean == pytest.approx(0.84)
    assert summary.recommended.predicted_valid == pytest.approx(0.90)
    assert summary.best_sampled.test.mean == pytest.approx(0.828)
    assert math.isnan(summary.best_sampled.predicted_valid)


def test_each_baseline_has_the_dimension_of_its_best_valid_score(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    pca, umap, features = recommendation_summary(validated, baseline_table).baselines
    assert (pca.name, pca.valid.mean, pca.test.mean) == ("PCA (8 dimensions)", 0.82, 0.81)
    assert (umap.name, umap.valid.mean, umap.test.mean) == ("UMAP (2 dimensions)", 0.75, 0.73)
    assert (features.name, features.test.mean) == ("random features (8 dimensions)", 0.64)


def test_verdict_when_the_recommendation_wins(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, baseline_table)
    assert summary.beats_best_sampled
    assert summary.test_gain.mean == pytest.approx(0.012)
    # Paired by seed: the differences are 0.000, 0.020 and 0.016.
    assert summary.test_gain.standard_error == pytest.approx(
        np.std([0.0, 0.020, 0.016], ddof=1) / math.sqrt(3)
    )
    assert summary.verdict.startswith(
        "The recommendation beats the best sampled configuration by +0.012 on test (valid +0.020)."
    )
    assert "beyond one standard error of the difference (0.006)" in summary.verdict
    against = "beats the baseline best on valid, PCA (8 dimensions), by +0.030 on test"
    assert against in summary.verdict


def test_verdict_when_the_recommendation_loses(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "r1", TEST] -= 0.05
    summary = recommendation_summary(validated, baseline_table)
    assert not summary.beats_best_sampled
    assert summary.verdict.startswith(
        "The recommendation does not beat the best sampled configuration: "
        "-0.038 on test (valid +0.020)."
    )
    against = "does not beat the baseline best on valid, PCA (8 dimensions): -0.020 on test"
    assert against in summary.verdict


def test_an_equal_recommendation_does_not_beat(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated[[VALID, TEST]] = 0.8
    validated.loc[validated["origin"] == "recommended", TEST] += 1e-9
    verdict = recommendation_summary(validated, baseline_table).verdict
    assert "does not beat the best sampled configuration: +0.000 on test (valid +0.000)" in verdict
    assert "within one standard error of the difference (0.000)" in verdict


def test_different_seeds_are_not_paired(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    paired = recommendation_summary(validated, baseline_table)
    validated.loc[validated["origin"] == "recommended", "seed"] += 10
    summary = recommendation_summary(validated, baseline_table)
    assert summary.recommended is not None
    assert summary.best_sampled is not None
    assert summary.test_gain.mean == pytest.approx(paired.test_gain.mean)
    assert summary.test_gain.standard_error == pytest.approx(
        math.hypot(
            summary.recommended.test.standard_error, summary.best_sampled.test.standard_error
        )
    )


def test_one_seed_says_that_chance_is_not_known(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated[validated["seed"] == 2], baseline_table)
    assert math.isnan(summary.test_gain.standard_error)
    assert "With one seed, how much of it is chance is not known." in summary.verdict


def test_diverged_runs_count_as_half_and_are_told(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    row = (validated["config_id"] == "r1") & (validated["seed"] == 3)
    validated.loc[row, "status"] = "diverged"
    validated.loc[row, [VALID, TEST]] = np.nan
    validated.loc[validated["config_id"] == "r0", VALID] = 0.6
    summary = recommendation_summary(validated, baseline_table)
    assert summary.recommended is not None
    assert summary.recommended.valid.mean == pytest.approx((0.86 + 0.5 + 0.87) / 3)
    assert summary.recommended.failed_runs == 1
    assert "1 of 3 of the recommendation: r1" in summary.verdict


def test_granularity_is_in_the_caption_where_it_is_known(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    assert "swap" not in recommendation_summary(validated, baseline_table).verdict
    coarse = baseline_table.assign(valid_granularity=0.031)
    verdict = recommendation_summary(validated, coarse).verdict
    assert "by up to 0.031: the valid difference is smaller than that." in verdict
    fine = baseline_table.assign(valid_granularity=0.002)
    verdict = recommendation_summary(validated, fine).verdict
    assert "by up to 0.002." in verdict


def test_a_missing_origin_gives_no_verdict(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    only = validated[validated["origin"] == "best_sampled"]
    summary = recommendation_summary(only, baseline_table)
    assert summary.recommended is None
    assert not summary.beats_best_sampled
    assert summary.verdict == "There is no verdict: no recommendation was validated."
    assert "best sampled" in printed(only, baseline_table)


def test_no_baseline_and_minimal_columns(validated: pd.DataFrame) -> None:
    minimal = validated[["origin", "config_id", "seed", VALID, TEST]]
    empty = pd.DataFrame({"method": [], "latent_dim": [], VALID: [], TEST: []})
    summary = recommendation_summary(minimal, empty)
    assert summary.baselines == ()
    assert summary.task == "unknown task"
    assert "baseline" not in summary.verdict


def test_the_printed_table(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    validated["task"] = "liver[rna]"
    text = printed(validated, baseline_table)
    assert "liver[rna], varix" in text
    rows = [line for line in text.splitlines() if line.startswith("│")]
    assert len(rows) == 5
    for row, name in zip(
        rows, ("best sampled", "recommendation", "PCA", "UMAP", "random features"), strict=True
    ):
        assert name in row
    assert [cell.strip() for cell in rows[1].split("│")[2:5]] == [
        "0.900",
        "0.870 ± 0.006",
        "0.840 ± 0.006",
    ]
    assert "beats the best sampled configuration by +0.012 on test (valid +0.020)" in " ".join(
        text.split()
    )
