"""Joint tasks beside their modalities: who is compared with whom, on what samples, how surely."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.integration import (
    COLUMNS,
    LateFusion,
    integration,
    integration_text,
)
from aehpo_assets.analysis.names import LATE, RECOMMENDED
from aehpo_assets.analysis.validation_summary import Candidate, RecommendationSummary
from aehpo_assets.datasets.joint_names import modalities_alone
from aehpo_assets.hpo.columns import PATIENT, TEST_SCORE, VALID_SCORE

PATIENTS = [f"p{i:03d}" for i in range(60)]


def candidate(name: str, valid: float, test: float, error: float = 0.005) -> Candidate:
    return Candidate(
        name=name,
        predicted_valid=math.nan,
        valid=Estimate(valid, error, 40, 6),
        test=Estimate(test, error, 40, 6),
        key=name,
    )


def summary(task: str, valid: float, test: float, simple: float) -> RecommendationSummary:
    return RecommendationSummary(
        architecture="varix",
        task=task,
        candidates={RECOMMENDED: candidate("17", valid, test)},
        baselines=(candidate("pca", simple, simple),),
        gains=(),
        noise={},
    )


def influence(seed: int, patients: list[str] = PATIENTS, size: float = 1e-4) -> pd.DataFrame:
    source = np.random.default_rng(seed)
    values = size * source.normal(size=(len(patients), 2))
    return pd.DataFrame({PATIENT: patients, "17": values[:, 0], "pca": values[:, 1]})


def summaries(joint: float = 0.85) -> dict[str, RecommendationSummary]:
    return {
        "a_rna": summary("a_rna", 0.80, 0.79, 0.70),
        "a_mut": summary("a_mut", 0.75, 0.81, 0.82),
        "a_rna+mut": summary("a_rna+mut", joint, joint, 0.83),
        "b_rna": summary("b_rna", 0.99, 0.99, 0.99),
    }


def influences(**changed: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {task: influence(at) for at, task in enumerate(summaries())} | changed


def test_the_best_modality_is_chosen_by_valid_and_judged_by_test() -> None:
    found = integration(summaries(), influences()).set_index("method")
    assert found["against"].to_dict() == {
        "autoencoder": "a_rna",
        "baseline": "a_mut",
        "either": "a_mut",
    }
    assert found.loc["autoencoder", "improvement"] == pytest.approx(0.85 - 0.79)
    assert found.loc["autoencoder", "standard_error"] == pytest.approx(0.005 * math.sqrt(2))
    assert found.loc["autoencoder", "outcome"] == "better"
    assert found.loc["baseline", "improvement"] == pytest.approx(0.01)
    assert found.loc["baseline", "outcome"] == "not yet"
    # The autoencoder of both against the baseline of the one.
    assert found.loc["either", ["candidate", "opponent"]].tolist() == ["17", "pca"]


def test_a_joint_task_that_is_worse_is_called_so() -> None:
    found = integration(summaries(joint=0.6), influences()).set_index("method")
    assert found.loc["autoencoder", "outcome"] == "worse"
    assert found.loc["either", "improvement"] == pytest.approx(0.83 - 0.82)


def test_other_test_samples_are_compared_for_new_patients_only() -> None:
    fewer = {"a_rna+mut": influence(2, PATIENTS[:40])}
    found = integration(summaries(), influences(**fewer)).set_index("method")
    assert not found["same_samples"].any()
    assert found["outcome"].isna().all()
    assert found.loc["autoencoder", "new_patients"] == "better"
    # Patients of one task only count as well.
    wide = integration(summaries(), influences(a_rna=influence(0, size=0.05)))
    row = wide.set_index("method").loc["autoencoder"]
    assert row["new_patients"] == "not yet"
    assert row["new_patients_lower"] < 0 < row["new_patients_upper"]


def test_patients_that_both_have_are_paired() -> None:
    """What one patient adds to both scores alike is no difference."""
    shared = influence(0, size=0.05)
    found = integration(summaries(), dict.fromkeys(summaries(), shared)).set_index("method")
    assert found.loc["autoencoder", "new_patients"] == "better"


def late(gain: float, spread: float = 0.001) -> LateFusion:
    """Replicates that move all ways alike, by far more than what tells them apart."""
    source = np.random.default_rng(3)
    moved = 0.05 * source.normal(size=6)
    means = {"a_rna": (0.80, 0.79), "a_mut": (0.75, 0.81)}
    means |= dict.fromkeys(LATE, (0.80 + gain, 0.79 + gain))
    rows = [
        {
            "way": way,
            "seed": seed,
            VALID_SCORE: valid + moved[seed] + spread * source.normal(),
            TEST_SCORE: test + moved[seed] + spread * source.normal(),
        }
        for way, (valid, test) in means.items()
        for seed in range(6)
    ]
    values = 1e-4 * source.normal(size=(len(PATIENTS), len(means)))
    influence = pd.DataFrame(values, columns=list(means)).assign(**{PATIENT: PATIENTS})
    return LateFusion(pd.DataFrame(rows), influence)


@pytest.mark.parametrize(("gain", "outcome"), [(0.03, "better"), (0.0, "equal"), (-0.1, "worse")])
def test_late_fusion_is_paired_with_the_best_modality_by_replicate(
    gain: float, outcome: str
) -> None:
    found = integration(summaries(), influences(), {"a_rna+mut": late(gain)}).set_index("method")
    assert found.index.tolist() == ["autoencoder", "baseline", "either", *LATE]
    for way in LATE:
        row = found.loc[way]
        assert row["against"] == "a_rna"
        assert row["improvement"] == pytest.approx(gain, abs=0.003)
        assert row["standard_error"] < 0.002
        assert row[["outcome", "new_patients"]].tolist() == [outcome] * 2
        assert row["same_samples"]
    shown = integration_text(found.reset_index())
    assert shown["of"].tolist() == ["autoencoders", "baselines", "either", *LATE]


def test_without_a_joint_task_there_is_nothing_to_compare() -> None:
    alone = {task: one for task, one in summaries().items() if "+" not in task}
    found = integration(alone, influences())
    assert found.empty
    assert found.columns.tolist() == COLUMNS


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("my_set_rna+cna", ["my_set_rna", "my_set_cna"]),
        ("my_set_rna+a_b", ["my_set_rna", "my_set_a_b"]),
        ("my_set_rna+none", ["my_set_rna"]),
        ("other_rna+cna", []),
    ],
)
def test_modalities_alone_are_found_by_their_names(task: str, expected: list[str]) -> None:
    tasks = ["my_set_rna", "my_set_cna", "my_set_a_b", "set_cna"]
    assert modalities_alone(task, tasks) == expected
