"""The verdict in words both ways, and the table that is printed."""

from __future__ import annotations

import numpy as np
import pandas as pd
from rich.console import Console

from aehpo_assets.analysis.validation_summary import recommendation_summary
from aehpo_assets.analysis.verdict import verdict
from aehpo_assets.cli.recommendations import recommendation_report

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


def printed(validated: pd.DataFrame, baselines: pd.DataFrame) -> str:
    console = Console(width=140, force_terminal=False)
    with console.capture() as capture:
        console.print(recommendation_report(validated, baselines))
    return capture.get()


def verdict_of(validated: pd.DataFrame, baselines: pd.DataFrame) -> str:
    return verdict(recommendation_summary(validated, baselines))


def test_verdict_when_the_recommendation_wins(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "9", TEST] = [0.73, 0.75, 0.742]
    text = verdict_of(validated, baseline_table)
    assert text.startswith(
        "The recommendation beats the best sampled configuration: +0.099 [+0.096, +0.102] on "
        "test, +0.020 [+0.020, +0.020] on valid."
    )
    assert "It beats the untuned default: +0.140" in text
    assert "It beats the baseline best on valid, PCA (8 dimensions, best of 2): +0.030" in text


def test_verdict_when_the_recommendation_loses(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated.loc[validated["config_id"] == "r1", TEST] -= 0.05
    text = verdict_of(validated, baseline_table)
    assert "The recommendation does not beat the best sampled configuration: -0.038 [" in text
    assert (
        "cannot be told apart from the baseline best on valid, PCA (8 dimensions, best of 2): -0.02"
        in text
    )


def test_what_is_within_the_interval_cannot_be_told_apart(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    text = verdict_of(validated, baseline_table)
    assert text.startswith(
        "The recommendation cannot be told apart from the best sampled configuration: +0.012 ["
    )
    assert "over 3 seeds cover the chance of training, not that of which samples" in text
    assert "so few seeds make them wide" in text


def test_an_equal_recommendation_does_not_beat(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    validated[[VALID, TEST]] = 0.8
    validated.loc[validated["origin"] == "recommended", TEST] += 1e-9
    text = verdict_of(validated, baseline_table)
    assert "cannot be told apart from the best sampled configuration: +0.000 [+0.000" in text


def test_one_seed_says_that_chance_is_not_known(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    text = verdict_of(validated[validated["seed"] == 2], baseline_table)
    assert "cannot be told apart from the untuned default: +0.140 on test, +0.160 on valid." in text
    assert "With one seed, how much of it is chance is not known." in text


def test_diverged_runs_are_told(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    row = (validated["config_id"] == "r1") & (validated["seed"] == 3)
    validated.loc[row, "status"] = "diverged"
    validated.loc[row, [VALID, TEST]] = np.nan
    validated.loc[validated["config_id"] == "r0", VALID] = 0.6
    assert "1 of 3 of the recommendation: r1" in verdict_of(validated, baseline_table)


def test_granularity_is_in_the_caption_where_it_is_known(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    assert "swap" not in verdict_of(validated, baseline_table)
    coarse = verdict_of(validated, baseline_table.assign(valid_granularity=0.031))
    assert "by up to 0.031: the valid difference is smaller than that." in coarse
    assert "by up to 0.002." in verdict_of(
        validated, baseline_table.assign(valid_granularity=0.002)
    )


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
    )
    assert len(rows) == len(names)
    for row, name in zip(rows, names, strict=True):
        assert name in row
    cells = [[cell.strip() for cell in row.split("│")[2:5]] for row in rows]
    assert cells[1] == ["0.900", "0.870 ± 0.006", "0.840 ± 0.006"]
    assert cells[6] == ["", "+0.020 [+0.020, +0.020]", "+0.012 [-0.014, +0.038]"]


def test_replicates_cover_the_split_as_well(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    several = validated.assign(split_seed=validated["seed"])
    assert (
        "over 3 replicates cover the chance of training and of the split into train and valid, not "
        "that of which samples are test, and so few replicates make them wide."
    ) in verdict_of(several, baseline_table)
    one = several[several["seed"] == 2]
    assert "With one replicate, how much" in verdict_of(one, baseline_table)
