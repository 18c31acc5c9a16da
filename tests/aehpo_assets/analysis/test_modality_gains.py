"""What a modality adds: the joint task less that without it, paired by what was drawn."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from aehpo_assets.analysis.improvement import Estimate
from aehpo_assets.analysis.integration import LateFusion
from aehpo_assets.analysis.integration_labels import AVERAGE, by_candidate, integration_labels
from aehpo_assets.analysis.modality_gains import (
    AUTOENCODER,
    all_gains_text,
    modality_gains,
)
from aehpo_assets.analysis.names import JOINED_LATENTS, RECOMMENDED
from aehpo_assets.analysis.opening import OpenedTest
from aehpo_assets.analysis.plots.integration import integration_scores
from aehpo_assets.analysis.validation_summary import Candidate, RecommendationSummary
from aehpo_assets.datasets.joint_names import without_each
from aehpo_assets.hpo.columns import PATIENT, TEST_SCORE

JOINT = "a_rna+cna"
SEX = {"a_rna": [0.6, 0.7, 0.65], "a_cna": [0.5, 0.5, 0.5], JOINT: [0.7, 0.79, 0.76]}


def opened(task: str, patients: int = 4, **more: list[float]) -> OpenedTest:
    scores = {"auc_sex_test": SEX[task], TEST_SCORE: SEX[task], "auc_none_test": [math.nan] * 3}
    runs = pd.DataFrame({"config_id": "7", "seed": [5, 6, 7], **scores, **more})
    runs = pd.concat([runs, runs.assign(config_id="8", auc_sex_test=0.0)])
    baselines = pd.DataFrame(
        {"method": ["pca"], "seed": [pd.NA], TEST_SCORE: SEX[task][:1], "auc_sex_test": [0.7]}
    )
    influence = pd.DataFrame({PATIENT: [f"p{i}" for i in range(patients)]})
    return OpenedTest(runs, baselines, pd.DataFrame(), influence)


def summary(task: str) -> RecommendationSummary:
    nothing = Estimate(0.5)
    best, pca, cca = (Candidate(k, math.nan, nothing, nothing, key=k) for k in ("7", "pca", "cca"))
    # What is of joint tasks alone has nothing to be held against.
    baselines = (pca, cca) if "+" in task else (pca,)
    return RecommendationSummary("varix", task, {RECOMMENDED: best}, baselines, (), {})


def gains(tests: dict[str, OpenedTest], late: dict[str, LateFusion] | None = None) -> pd.DataFrame:
    return modality_gains({task: summary(task) for task in tests}, tests, late or {})


def test_each_modality_is_left_out_in_turn() -> None:
    assert without_each(JOINT, SEX) == {"rna": "a_cna", "cna": "a_rna"}
    three = ["a_b_x", "a_b_x+y", "a_b_x+z", "a_b_z+y", "a_x+y"]
    assert without_each("a_b_x+y+z", three) == {"x": "a_b_z+y", "y": "a_b_x+z", "z": "a_b_x+y"}
    assert without_each("a_b_x+y", ["a_b_x", "c_y"]) == {"y": "a_b_x"}
    assert without_each(JOINT, ["b_rna"]) == {}


def test_a_gain_is_paired_by_replicate() -> None:
    table = gains({task: opened(task) for task in SEX})
    rows = table.set_index(["method", "modality", "label"])
    of_cna = rows.loc[(AUTOENCODER, "cna", "sex")]
    paired = np.subtract(SEX[JOINT], SEX["a_rna"])
    expected = t.interval(0.95, 2, paired.mean(), paired.std(ddof=1) / np.sqrt(3))
    assert of_cna["gain"] == pytest.approx(paired.mean())
    assert (of_cna["lower"], of_cna["upper"]) == pytest.approx(expected)
    assert (of_cna["replicates"], of_cna["against"]) == (3, "a_rna")
    assert rows.loc[(AUTOENCODER, "rna", AVERAGE), "gain"] == pytest.approx(0.25)
    # Nothing of PCA is drawn on one split.
    pca = rows.loc[("pca", "rna", AVERAGE)]
    assert pca["lower"] == pca["gain"] == pca["upper"] == pytest.approx(0.2)
    assert set(table["method"]) == {AUTOENCODER, "pca"}
    assert set(table["label"]) == {"sex", AVERAGE}
    assert table["same_samples"].all()


def test_other_samples_and_labels_are_said() -> None:
    tests = {task: opened(task) for task in SEX}
    tests["a_rna"] = opened("a_rna", patients=9, auc_stage_test=[0.5] * 3)
    table = gains(tests)
    of_cna = table[(table["modality"] == "cna") & (table["method"] == AUTOENCODER)]
    assert not of_cna["same_samples"].any()
    # Its average is one of two labels, and the joint task has one.
    assert of_cna["label"].tolist() == ["sex"]


def test_late_fusion_is_of_the_same_samples() -> None:
    ways = {JOINED_LATENTS: SEX[JOINT], "a_rna": SEX["a_rna"], "a_cna": SEX["a_cna"]}
    scores = [
        pd.DataFrame({"way": way, "seed": [0, 1, 2], TEST_SCORE: own, "auc_sex_test": own})
        for way, own in ways.items()
    ]
    tests = {task: opened(task) for task in SEX} | {"a_rna": opened("a_rna", patients=9)}
    table = gains(tests, {JOINT: LateFusion(pd.concat(scores), pd.DataFrame())})
    late = table[table["method"] == JOINED_LATENTS]
    assert late["same_samples"].all()
    assert set(late["modality"]) == {"rna", "cna"}
    text = all_gains_text({"varix": table, "stackix": table}, JOINT)
    assert len(text) == 2 * (2 + 2 + 1)  # Two architectures, their late fusions, and PCA once.
    assert set(text["test samples"]) == {"the same", "others too"}
    cells = text.loc[text["of"] == "varix", "sex"]
    assert cells.str.fullmatch(r"[+-]0\.\d{3} \[[+-]0\.\d{3}, [+-]0\.\d{3}\]").all()


def test_every_candidate_is_drawn_with_its_interval() -> None:
    tests = {task: opened(task) for task in SEX}
    labels = integration_labels({task: summary(task) for task in SEX}, tests, {})
    picture = integration_scores(by_candidate({"varix": labels}, JOINT), JOINT)
    assert picture.startswith(b"\x89PNG")
