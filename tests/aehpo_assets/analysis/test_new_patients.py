"""A difference for new patients: wider than on these samples, and honest where nothing differs."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.new_patients import for_new_patients
from aehpo_assets.analysis.validation_report import improvements
from aehpo_assets.analysis.validation_summary import recommendation_summary
from aehpo_assets.analysis.verdict import verdict
from aehpo_assets.noise.verdict import BETTER, NOT_YET, Difference, verdicts

VALID = "weighted_avg_auc_downstream_performance_valid"
TEST = "weighted_avg_auc_downstream_performance"
NO_BASELINES = pd.DataFrame({"method": [], "latent_dim": [], VALID: [], TEST: []})

ON_THESE = Difference(0.04, 0.003, 40.0, 8)


def influence(**candidates: list[float]) -> pd.DataFrame:
    count = len(next(iter(candidates.values())))
    return pd.DataFrame({"patient": [f"P{i}" for i in range(count)], **candidates})


def test_both_errors_count() -> None:
    table = influence(a=[0.03, -0.01, -0.02, 0.0], b=[0.0, 0.01, -0.02, 0.01])
    found = for_new_patients(ON_THESE, table, "a", "b")
    assert found is not None
    of_samples = 0.03**2 + 0.02**2 + 0.0**2 + 0.01**2
    assert found.error == pytest.approx(math.sqrt(of_samples + 0.003**2))
    assert found.mean == ON_THESE.mean
    assert 3 < found.degrees < 4


def test_what_all_samples_do_to_both_alike_counts_for_nothing() -> None:
    table = influence(a=[0.3, -0.1, -0.2], b=[0.3, -0.1, -0.2])
    found = for_new_patients(ON_THESE, table, "a", "b")
    assert found is not None
    assert found.error == pytest.approx(ON_THESE.error)


def test_samples_of_a_patient_count_together() -> None:
    table = influence(a=[0.02, 0.02, -0.02, -0.02], b=[0.0] * 4)
    apart = for_new_patients(ON_THESE, table, "a", "b")
    together = for_new_patients(ON_THESE, table.assign(patient=list("xxyy")), "a", "b")
    assert apart is not None
    assert together is not None
    assert together.error > apart.error * 1.3


@pytest.mark.parametrize("other", ["gone", "b"])
def test_what_is_not_known_is_not_said(other: str) -> None:
    table = influence(a=[0.02, -0.02], b=[0.0, 0.0])
    on_these = ON_THESE if other == "gone" else Difference(0.04, math.nan, 0, 1)
    assert for_new_patients(on_these, table, "a", other) is None
    assert for_new_patients(ON_THESE, None, "a", "b") is None


@pytest.mark.slow
def test_equals_are_called_better_for_new_patients_in_at_most_one_of_twenty_studies() -> None:
    """Two models of one true score on 60 patients: on these, one of them is better."""
    rng = np.random.default_rng(5)
    patients, replicates, wrong, on_these_wrong = 60, 8, 0, 0
    for _ in range(600):
        # Scores are means of what patients add; replicates add little.
        added = rng.standard_t(5, size=(patients, 2)) * 0.25
        score = added.mean(axis=0) + 0.004 * rng.normal(size=(replicates, 2))
        gaps = pd.Series(score[:, 0] - score[:, 1])
        these = Difference(gaps.mean(), gaps.sem(), replicates - 1, replicates)
        centred = (added - added.mean(axis=0)) / math.sqrt(patients * (patients - 1))
        table = pd.DataFrame({"patient": range(patients), "a": centred[:, 0], "b": centred[:, 1]})
        widened = for_new_patients(these, table, "a", "b")
        assert widened is not None
        on_these_wrong += verdicts([these])[0].outcome == BETTER
        wrong += verdicts([widened])[0].outcome == BETTER
    # One side of a two-sided level of 5 %: 2.5 % and its Monte Carlo error.
    assert wrong / 600 < 0.045
    assert on_these_wrong / 600 > 0.3


def test_a_verdict_says_for_whom() -> None:
    rows = [
        {"origin": origin, "config_id": name, "seed": seed, TEST: level, VALID: level}
        for origin, name, mean in (("recommended", "r0", 0.8), ("best_sampled", "7", 0.75))
        for seed, level in enumerate(mean + np.array([-0.004, 0.0, 0.004, 0.002]))
    ]
    scattered = np.random.default_rng(0).normal(0, 0.02, 30)
    table = influence(r0=list(scattered), **{"7": list(-scattered)})
    summary = recommendation_summary(pd.DataFrame(rows), NO_BASELINES, influence=table)
    compared = improvements({"toy_rna": summary})
    on_test = compared[compared["score"] == TEST].iloc[0]
    assert (on_test["outcome"], on_test["new_patients"]) == (BETTER, NOT_YET)
    assert on_test["new_patients_lower"] < 0 < on_test["lower"]
    assert compared.loc[compared["score"] == VALID, "new_patients"].isna().all()
    said = verdict(summary, compared)
    assert said.startswith("On these test samples, the recommendation is better")
    assert "For new patients: not yet [" in said
    without = recommendation_summary(pd.DataFrame(rows), NO_BASELINES)
    assert "For new patients" not in verdict(without, improvements({"toy_rna": without}))
