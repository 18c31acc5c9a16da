"""The verdict in words both ways, and the table that is printed."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from aehpo_assets.analysis.validation_report import candidates, improvements
from aehpo_assets.analysis.validation_summary import RecommendationSummary, recommendation_summary
from aehpo_assets.analysis.verdict import verdict
from aehpo_assets.cli.results import recommendation_report
from aehpo_assets.noise.summary import noise_tables

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


def compared_with(
    validated: pd.DataFrame, baselines: pd.DataFrame, components: pd.DataFrame | None = None
) -> tuple[RecommendationSummary, pd.DataFrame]:
    summary = recommendation_summary(validated, baselines, components)
    return summary, improvements({summary.task: summary})


def printed(validated: pd.DataFrame, baselines: pd.DataFrame) -> str:
    summary, compared = compared_with(validated, baselines)
    said = pd.DataFrame({"task": [summary.task], "verdict": verdict(summary, compared)})
    listed = candidates({summary.task: summary})
    report = {"candidates": listed, "improvements": compared, "verdicts": said}
    console = Console(width=160, force_terminal=False)
    with console.capture() as capture:
        console.print(recommendation_report(report, summary.architecture, summary.task))
    return capture.get()


def test_a_promise_that_rests_on_one_replicate_says_so(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    assert "noise not known" not in printed(validated, baseline_table)
    once = validated["predicted_noise"].replace("known", "noise not known")
    text = printed(validated.assign(predicted_noise=once), baseline_table)
    assert text.count("noise not known") == 1


def verdict_of(
    validated: pd.DataFrame, baselines: pd.DataFrame, components: pd.DataFrame | None = None
) -> str:
    return verdict(*compared_with(validated, baselines, components))


def test_a_recommendation_that_is_better(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "9", TEST] = [0.73, 0.75, 0.742]
    text = verdict_of(validated, baseline_table)
    assert text.startswith(
        "On these test samples, the recommendation is better than the best sampled configuration: "
        "+0.099 ["
    )
    assert "It is better than the untuned default: +0.140" in text
    assert "It is better than the baseline best on valid, PCA (8 dimensions, best of 2): +" in text
    assert "+0.020 [+0.002, +0.038] on valid; a gain of 0.0" in text
    assert "pooled over the autoencoders of the task (10 degrees of freedom)" in text
    assert "a standard deviation of 0.010 on valid and 0.0" in text
    assert "the standard error of a valid score is 0.006 here" in text


def test_a_recommendation_that_is_worse(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "r1", TEST] -= 0.05
    text = verdict_of(validated, baseline_table)
    assert "recommendation is worse than the best sampled configuration: -0.038 [" in text
    assert "is worse than the baseline best on valid, PCA (8 dimensions, best of 2): -0.02" in text


def test_what_is_not_decided_says_how_many_more_replicates_would_decide_it(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "r1", TEST] += [0.03, -0.03, -0.004]
    text = verdict_of(validated, baseline_table)
    found = re.search(
        r"is not yet known to be better or worse than the best sampled configuration \(needs about "
        r"(\d+) more replicates of each\): \+0\.011 \[[^;]*; a gain of (0\.\d+) could",
        text,
    )
    assert found is not None, text
    more, decidable = int(found[1]), float(found[2])
    assert more == pytest.approx(3 * (decidable / 0.0107) ** 2 - 3, abs=3)


def test_a_difference_that_matters_to_nobody_is_equal(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    for score in (VALID, TEST):
        validated[score] = 0.8 + 0.0001 * validated["seed"]
    validated.loc[validated["origin"] == "recommended", TEST] += 0.004
    text = verdict_of(validated, baseline_table)
    assert "is equal to the best sampled configuration within 0.01: +0.004 [+0.004" in text


def test_a_recommendation_that_was_sampled_is_said_to_be_so(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    best = validated["config_id"] == "r1"
    validated.loc[validated["config_id"] == "9", ["config_id", VALID, TEST]] = validated.loc[
        best, ["config_id", VALID, TEST]
    ].to_numpy()
    text = verdict_of(validated, baseline_table)
    assert (
        "the recommendation is the best sampled configuration itself, so that there is nothing to "
        "compare. It is " in text
    )


def test_one_seed_says_not_yet_whatever_the_gain(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    single = validated[validated["seed"] == 2]
    text = verdict_of(single, baseline_table)
    assert (
        "It is not yet known to be better or worse than the untuned default: +0.140 on test, "
        "+0.160 on valid." in text
    )
    assert "better than" not in text.replace("better or worse than", "")
    assert "Not yet: with one seed the noise is not known. Give the study at least two" in text
    assert "nan" not in text
    assert "not yet: with one seed the noise is not known" in printed(single, baseline_table)


def test_one_seed_is_judged_by_the_noise_of_the_sampled_runs(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    source = np.random.default_rng(0)
    sampled = pd.DataFrame(
        {
            "config_id": np.repeat(np.arange(30), 2).astype(str),
            "seed": [0, 1] * 30,
            "status": "ok",
            VALID: np.repeat(source.normal(0.8, 0.05, 30), 2) + source.normal(0, 0.01, 60),
            TEST: np.repeat(source.normal(0.8, 0.05, 30), 2) + source.normal(0, 0.01, 60),
        }
    )
    components = noise_tables(sampled, {VALID: (0, 1), TEST: (0, 1)})["components"]
    text = verdict_of(validated[validated["seed"] == 2], baseline_table, components)
    assert "It is better than the untuned default: +0.140 [" in text
    assert "(30 degrees of freedom)" in text


def test_diverged_runs_are_told(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    row = (validated["config_id"] == "r1") & (validated["seed"] == 3)
    validated.loc[row, "status"] = "diverged"
    validated.loc[row, [VALID, TEST]] = np.nan
    validated.loc[validated["config_id"] == "r0", VALID] = 0.6
    assert "1 of 3 of the recommendation: r1" in verdict_of(validated, baseline_table)


def test_a_missing_origin_gives_no_verdict(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    only = validated[validated["origin"] == "best_sampled"]
    assert verdict_of(only, baseline_table) == (
        "There is no verdict: no recommendation was validated."
    )
    assert "best sampled" in printed(only, baseline_table)


def test_a_validation_without_a_default_is_reported_all_the_same(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    text = verdict_of(validated[validated["origin"] != "untuned_default"], baseline_table)
    assert "default" not in text


def test_what_had_not_converged_stands_beside_what_is_compared(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    trained = validated.assign(status="ok", train_r2=0.5, last_tenth_fall=0.001)
    assert "converged" not in (said := verdict_of(trained, baseline_table))
    hardly = trained.assign(train_r2=-0.2, last_tenth_fall=0.2)
    warned = verdict_of(hardly, baseline_table)
    assert warned != said
    assert "PCA" in warned
    assert "still falling" in warned or "still fell" in warned, warned


def test_the_printed_table(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    validated["task"] = "liver[rna]"
    text = printed(validated, baseline_table)
    assert "liver[rna], varix" in text
    rows = [line for line in text.splitlines() if line.startswith("│")]
    names = (
        "best sampled",
        "recommendation: r1",
        "untuned default",
        "PCA",
        "UMAP",
        "random features",
        "less the best sampled",
        "less the untuned default",
        "less the baseline best on valid",
    )
    assert len(rows) == len(names)
    for row, name in zip(rows, names, strict=True):
        assert name in row
    cells = [[cell.strip() for cell in row.split("│")[2:5]] for row in rows]
    assert cells[1] == ["0.900", "0.870 ± 0.006", "0.840 ± 0.004"]
    # Half-widths: Student's 2.228 (10 degrees of freedom) times the root of 2/3 of the pooled
    # variances, 1e-4 on valid and 4.24e-5 on test.
    assert cells[6] == ["", "+0.020 [+0.002, +0.038]", "+0.012 [+0.000, +0.024]"]
    assert [row.split("│")[5].strip() for row in rows[6:]] == ["better", "better", "better"]
