"""The numbers of a validation: who is chosen, what counts as a score, and who gains on whom."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.validation_summary import recommendation_summary

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"


def test_the_valid_score_chooses_and_test_is_only_reported(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, baseline_table)
    assert (summary.task, summary.architecture) == ("liver_rna", "varix")
    recommended, sampled, default = (
        summary.candidates[origin] for origin in ("recommended", "best_sampled", "untuned_default")
    )
    # r0 and 4 are far better on test, and must not be chosen for it.
    assert recommended.name == "recommendation: r1, BORE, transfer"
    assert sampled.name == "best sampled (retrained): 9"
    assert recommended.valid.mean == pytest.approx(0.87)
    # Every candidate has the variance 1e-4 on valid, and so has the pool.
    assert recommended.valid.standard_error == pytest.approx(0.01 / math.sqrt(3))
    assert recommended.test.mean == pytest.approx(0.84)
    assert recommended.predicted_valid == pytest.approx(0.90)
    assert sampled.test.mean == pytest.approx(0.828)
    assert math.isnan(sampled.predicted_valid)
    assert default.name == "untuned default: d"


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
    seeds = sorted(set(validated["seed"]))
    places = dict(zip(seeds, scores, strict=True))
    summary = recommendation_summary(
        validated.assign(replicate=validated["seed"].map(places)), table
    )
    (baseline,) = summary.baselines
    assert "8 dimensions of 100 features, best of 2" in baseline.name
    assert baseline.runs == 3
    assert baseline.test.mean == pytest.approx(np.mean(list(scores.values())))
    over = summary.gains[-1].differences[TEST]
    paired = np.array([0.83, 0.85, 0.84]) - np.array(list(scores.values()))
    assert over.mean == pytest.approx(paired.mean())
    assert over.error == pytest.approx(paired.std(ddof=1) / np.sqrt(3))
    assert over.degrees == 2
    # A later round has replicates of its own: nothing is paired, and the splits are in the error.
    later = validated.assign(replicate=validated["seed"].map(places) + 10)
    apart = recommendation_summary(later, table).gains[-1].differences[TEST]
    assert apart.mean == pytest.approx(paired.mean())
    errors = [
        np.std(values, ddof=1) / np.sqrt(3) for values in ([0.83, 0.85, 0.84], [*scores.values()])
    ]
    assert apart.error == pytest.approx(np.hypot(*errors))


def test_a_baseline_with_seeds_has_a_noise_of_its_own(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    gain = recommendation_summary(validated, with_fresh_seeds(baseline_table)).gains[-1]
    assert gain.opponent_config_id.endswith("UMAP (2 dimensions of 100 features, best of 2)")
    over = gain.differences[TEST]
    assert over.mean == pytest.approx(0.84 - 0.83)
    assert over.error == pytest.approx(math.sqrt(POOLED_ON_TEST / 3 + 0.02**2 / 3))
    # Nearly all of the error is that of UMAP, of three seeds.
    assert 2 < over.degrees < 3
    once = recommendation_summary(validated, baseline_table[baseline_table["method"] == "umap"])
    assert not once.gains[-1].differences[TEST].is_tested


POOLED_ON_TEST = (1e-4 + 1.2e-5 + 1e-4) / 5
"""Mean of the variances of the five candidates on test, two of which do not vary."""


def test_gains_rest_on_the_noise_of_all_candidates(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    summary = recommendation_summary(validated, baseline_table)
    assert [gain.opponent for gain in summary.gains] == [
        *("best_sampled", "untuned_default", "baseline")
    ]
    noise = summary.noise[TEST]
    assert noise is not None
    assert (noise.variance, noise.degrees) == (pytest.approx(POOLED_ON_TEST), 10)
    sampled, default, pca = (gain.differences[TEST] for gain in summary.gains)
    assert sampled.mean == pytest.approx(0.012)
    assert sampled.error == pytest.approx(math.sqrt(2 * POOLED_ON_TEST / 3))
    assert (sampled.degrees, sampled.replicates) == (10, 3)
    assert default.mean == pytest.approx(0.84 - 0.70)
    assert summary.gains[1].differences[VALID].mean == pytest.approx(0.87 - 0.71)
    assert pca.mean == pytest.approx(0.84 - 0.81)
    assert pca.error == pytest.approx(math.sqrt(POOLED_ON_TEST / 3))


def test_the_noise_of_sampled_runs_joins_the_pool(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    known = {"score": TEST, "known": True, "replicate": 1e-3, "degrees": 30}
    components = pd.DataFrame([known, known | {"score": VALID, "known": False}])
    summary = recommendation_summary(validated, baseline_table, components)
    on_test, on_valid = summary.noise[TEST], summary.noise[VALID]
    assert on_test is not None
    assert on_valid is not None
    assert on_test.variance == pytest.approx((10 * POOLED_ON_TEST + 30 * 1e-3) / 40)
    assert (on_test.degrees, on_valid.degrees) == (40, 10)


def test_diverged_runs_count_as_half(validated: pd.DataFrame, baseline_table: pd.DataFrame) -> None:
    row = (validated["config_id"] == "r1") & (validated["seed"] == 3)
    validated.loc[row, "status"] = "diverged"
    validated.loc[row, [VALID, TEST]] = np.nan
    validated.loc[validated["config_id"] == "r0", VALID] = 0.6
    recommended = recommendation_summary(validated, baseline_table).candidates["recommended"]
    assert recommended.valid.mean == pytest.approx((0.86 + 0.5 + 0.87) / 3)
    assert recommended.failed_runs == 1


def test_what_was_not_validated_is_missing(
    validated: pd.DataFrame, baseline_table: pd.DataFrame
) -> None:
    only = validated[validated["origin"] == "best_sampled"]
    summary = recommendation_summary(only, baseline_table)
    assert list(summary.candidates) == ["best_sampled"]
    assert summary.gains == ()


def test_no_baseline_and_minimal_columns(validated: pd.DataFrame) -> None:
    minimal = validated[["origin", "config_id", "seed", VALID, TEST]]
    empty = pd.DataFrame({"method": [], "latent_dim": [], VALID: [], TEST: []})
    summary = recommendation_summary(minimal, empty)
    assert summary.baselines == ()
    assert [gain.opponent for gain in summary.gains] == ["best_sampled", "untuned_default"]
    assert summary.task == "unknown task"
