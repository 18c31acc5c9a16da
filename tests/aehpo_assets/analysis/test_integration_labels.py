"""Every way of representing a joint task beside the others, label by label."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.integration import LateFusion
from aehpo_assets.analysis.integration_labels import (
    ALONE,
    AVERAGE,
    by_candidate,
    by_candidate_text,
    integration_labels,
)
from aehpo_assets.analysis.names import LATE, RECOMMENDED
from aehpo_assets.analysis.opening import OpenedTest
from aehpo_assets.analysis.validation_summary import Candidate, RecommendationSummary
from aehpo_assets.hpo.columns import PATIENT, TEST_SCORE

SEX = [0.7, 0.8, 0.9]


def scores(shift: float = 0.0) -> dict[str, list[float]]:
    return {
        TEST_SCORE: [0.6 + shift, 0.7 + shift, 0.8 + shift],
        "auc_sex_test": SEX,
        "auc_sex_valid": [0.1] * 3,
    }


def opened(shift: float, patients: int = 4) -> OpenedTest:
    runs = pd.DataFrame({"config_id": ["7"] * 3 + ["8"] * 3, "seed": [0, 1, 2] * 2})
    runs = runs.assign(**{name: [*own, *[0.0] * 3] for name, own in scores(shift).items()})
    baselines = pd.DataFrame({"method": ["pca"], TEST_SCORE: [0.65], "auc_sex_test": [0.75]})
    patients = pd.DataFrame({PATIENT: [f"p{i}" for i in range(patients)]})
    return OpenedTest(runs, baselines, pd.DataFrame(), patients)


def summary(task: str) -> RecommendationSummary:
    nothing = Estimate(0.5)
    named = {
        key: Candidate(name, float("nan"), nothing, nothing, key=key)
        for key, name in (("7", "recommendation: 7"), ("pca", "PCA (2 dimensions)"))
    }
    return RecommendationSummary("varix", task, {RECOMMENDED: named["7"]}, (named["pca"],), (), {})


TASKS = {"a_rna": 0.0, "a_cna": 0.01, "a_rna+cna": 0.05, "b_rna": 0.1}


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [pd.DataFrame(scores(0.1)).assign(way=way, seed=range(3)) for way in ("a_rna", *LATE)]
    late = {"a_rna+cna": LateFusion(pd.concat(rows), pd.DataFrame())}
    return integration_labels(
        {task: summary(task) for task in TASKS},
        {task: opened(shift) for task, shift in TASKS.items()},
        late,
    )


def test_modalities_fusions_and_references_stand_side_by_side(table: pd.DataFrame) -> None:
    found = table.groupby(["task", "origin"])["name"].agg(lambda names: sorted(set(names)))
    both = {"recommended": ["recommendation: 7"], "baseline": ["PCA (2 dimensions)"]}
    for task in ("a_rna", "a_cna", "a_rna+cna"):
        assert {origin: found[task, origin] for origin in both} == both
    assert found["a_rna+cna", "late_fusion"] == sorted(LATE)
    assert "b_rna" not in set(table["task"])
    assert set(table["label"]) == {AVERAGE, "sex"}


def test_a_modality_of_more_samples_is_shown_on_those_of_both_too() -> None:
    rows = [pd.DataFrame(scores(0.1)).assign(way=way, seed=range(3)) for way in ("a_rna", *LATE)]
    late = {"a_rna+cna": LateFusion(pd.concat(rows), pd.DataFrame())}
    tests = {task: opened(shift) for task, shift in TASKS.items()} | {"a_rna": opened(0, 9)}
    found = integration_labels({task: summary(task) for task in TASKS}, tests, late)
    (row,) = found[(found["name"] == ALONE) & (found["label"] == AVERAGE)].to_dict("records")
    assert (row["task"], row["origin"], row["test"]) == ("a_rna", "late_fusion", pytest.approx(0.8))


def test_a_mean_has_the_interval_of_its_replicates(table: pd.DataFrame) -> None:
    rows = table.set_index(["task", "origin", "label"])
    of_sex = rows.loc[("a_rna", "recommended", "sex")]
    low, high = t.interval(0.95, 2, np.mean(SEX), np.std(SEX, ddof=1) / np.sqrt(3))
    assert high > 1
    assert of_sex[["test", "lower", "upper"]].tolist() == pytest.approx([0.8, low, 1.0])
    average = rows.loc[("a_rna", "recommended", AVERAGE)]
    assert average["upper"] == pytest.approx(0.7 + 0.8 - low)
    assert of_sex["replicates"] == 3
    # Nothing of PCA is drawn on one split.
    pca = rows.loc[("a_rna", "baseline", "sex")]
    assert pca["lower"] == pca["test"] == pca["upper"] == 0.75


def test_architectures_share_their_baselines(table: pd.DataFrame) -> None:
    wide = by_candidate({"varix": table, "stackix": table}, "a_rna+cna")
    assert len(wide) == 3 + 2 * (3 + len(LATE))
    best = wide.iloc[0]
    assert best["task"] == "a_rna+cna"
    assert best["what"].split(", ")[1] in LATE
    assert wide[AVERAGE].is_monotonic_decreasing
    text = by_candidate_text(wide, [AVERAGE, "sex"])
    assert len(text) == len(wide)
    assert text["sex"].str.fullmatch(r"0\.\d{3} \[-?\d\.\d{3}, \d\.\d{3}\]").all()
