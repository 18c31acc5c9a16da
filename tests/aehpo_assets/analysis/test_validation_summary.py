"""The numbers of a validation: who is chosen, what counts as a score, and who gains on whom."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from aehpo_assets.analysis.validation_summary import recommendation_summary

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


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
    assert summary.untuned_default is not None
    assert summary.untuned_default.name == "untuned default: d"


def test_each_baseline_has_the_dimension_of_its_best_valid_score(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    pca, umap, features = recommendation_summary(validated, baseline_table).baselines
    assert (pca.name, pca.valid.mean, pca.test.mean) == (
        "PCA (8 dimensions, best of 2)",
        0.82,
        0.81,
    )
    assert (umap.name, umap.valid.mean, umap.test.mean) == (
        "UMAP (2 dimensions, best of 2)",
        0.75,
        0.73,
    )
    assert (features.name, features.test.mean) == (
        "random features (8 dimensions, best of 2)",
        0.64,
    )


def with_fresh_seeds(baseline_table: pd.DataFrame) -> pd.DataFrame:
    """The same, where UMAP was lucky at first, and is seen again with three other seeds."""
    tried = baseline_table.assign(features=100, seed=0, fresh=False)
    tried.loc[tried["method"] == "umap", VALID] = [0.95, 0.74]
    again = tried[(tried["method"] == "umap") & (tried["latent_dim"] == 2)]
    fresh = [
        again.assign(seed=seed, fresh=True, **{VALID: score, TEST: score - 0.02})
        for seed, score in ((2, 0.83), (3, 0.85), (4, 0.87))
    ]
    return pd.concat([tried, *fresh], ignore_index=True)


def test_luck_with_a_seed_does_not_speak_for_a_baseline(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, with_fresh_seeds(baseline_table))
    _, umap, _ = summary.baselines
    assert umap.name == "UMAP (2 dimensions of 100 features, best of 2)"
    assert (umap.valid.mean, umap.runs) == (pytest.approx(0.85), 3)
    assert umap.test.mean == pytest.approx(0.83)
    assert umap.test.standard_error == pytest.approx(0.02 / math.sqrt(3))


def test_seeds_of_a_baseline_are_not_paired_with_those_of_trainings(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    over = recommendation_summary(validated, with_fresh_seeds(baseline_table)).over_baseline
    assert over is not None
    assert over.opponent.endswith("UMAP (2 dimensions of 100 features, best of 2)")
    assert over.test.mean == pytest.approx(0.84 - 0.83)
    # Welch's interval of [.83, .85, .84] against [.81, .83, .85], as SciPy's ttest_ind has it.
    expected = ttest_ind([0.83, 0.85, 0.84], [0.81, 0.83, 0.85], equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert (over.test.lower, over.test.upper) == pytest.approx((interval.low, interval.high))


def test_baselines_of_several_replicates_are_chosen_by_their_mean_and_paired_by_split(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    """PCA with 2 dimensions is lucky in one replicate; with 8 it is better in the mean."""
    pca = baseline_table[baseline_table["method"] == "pca"]
    valid = "weighted_avg_auc_downstream_performance_valid"
    test = "weighted_avg_auc_downstream_performance"
    tried = pd.concat(
        [
            pca.assign(replicate=0, fresh=False, **{valid: [0.95, 0.80]}),
            pca.assign(replicate=1, fresh=False, **{valid: [0.60, 0.84]}),
        ]
    )
    scores = {2: 0.80, 3: 0.83, 4: 0.805}
    fresh = [
        pca.tail(1).assign(replicate=r, fresh=True, **{valid: 0.8, test: score})
        for r, score in scores.items()
    ]
    table = pd.concat([tried, *fresh]).assign(features=100, seed=pd.NA)
    summary = recommendation_summary(validated, table)
    (baseline,) = summary.baselines
    assert "8 dimensions of 100 features, best of 2" in baseline.name
    assert baseline.runs == 3
    assert baseline.test.mean == pytest.approx(np.mean(list(scores.values())))
    assert summary.over_baseline is not None
    paired = np.array([0.83, 0.85, 0.84]) - np.array(list(scores.values()))
    assert summary.over_baseline.test.mean == pytest.approx(paired.mean())
    half = summary.over_baseline.test.upper - summary.over_baseline.test.mean
    assert half == pytest.approx(4.302653 * paired.std(ddof=1) / np.sqrt(3), rel=1e-5)


def test_gains_are_paired_by_seed_and_have_intervals(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, baseline_table)
    assert summary.over_best_sampled is not None
    assert summary.over_default is not None
    assert summary.over_baseline is not None
    # Paired by seed, the differences are 0.000, 0.020 and 0.016.
    test = summary.over_best_sampled.test
    half = 4.302653 * np.std([0.0, 0.020, 0.016], ddof=1) / math.sqrt(3)
    assert (test.mean, test.seeds) == (pytest.approx(0.012), 3)
    assert (test.lower, test.upper) == (
        pytest.approx(0.012 - half, abs=1e-6),
        pytest.approx(0.012 + half, abs=1e-6),
    )
    assert summary.over_default.test.mean == pytest.approx(0.84 - 0.70)
    assert summary.over_default.valid.mean == pytest.approx(0.87 - 0.71)
    assert summary.over_baseline.test.mean == pytest.approx(0.84 - 0.81)


def test_different_seeds_are_not_paired(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    paired = recommendation_summary(validated, baseline_table).over_default
    validated.loc[validated["origin"] == "recommended", "seed"] += 10
    unpaired = recommendation_summary(validated, baseline_table).over_default
    assert paired is not None
    assert unpaired is not None
    assert unpaired.test.mean == pytest.approx(paired.test.mean)
    # Welch's interval of [.83, .85, .84] against [.69, .70, .71], as SciPy's ttest_ind has it.
    assert (unpaired.test.lower, unpaired.test.upper) == (
        pytest.approx(0.117330, abs=1e-5),
        pytest.approx(0.162670, abs=1e-5),
    )


def test_diverged_runs_count_as_half(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    row = (validated["config_id"] == "r1") & (validated["seed"] == 3)
    validated.loc[row, "status"] = "diverged"
    validated.loc[row, [VALID, TEST]] = np.nan
    validated.loc[validated["config_id"] == "r0", VALID] = 0.6
    summary = recommendation_summary(validated, baseline_table)
    assert summary.recommended is not None
    assert summary.recommended.valid.mean == pytest.approx((0.86 + 0.5 + 0.87) / 3)
    assert summary.recommended.failed_runs == 1


def test_what_was_not_validated_is_missing(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    only = validated[validated["origin"] == "best_sampled"]
    summary = recommendation_summary(only, baseline_table)
    assert (summary.recommended, summary.untuned_default) == (None, None)
    assert (summary.over_best_sampled, summary.over_default, summary.over_baseline) == (None,) * 3


def test_no_baseline_and_minimal_columns(validated: pd.DataFrame) -> None:
    minimal = validated[["origin", "config_id", "seed", VALID, TEST]]
    empty = pd.DataFrame({"method": [], "latent_dim": [], VALID: [], TEST: []})
    summary = recommendation_summary(minimal, empty)
    assert summary.baselines == ()
    assert summary.over_baseline is None
    assert summary.task == "unknown task"
