"""Late fusion: what is joined, on which samples, and that no split leaks into it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aehpo_assets.analysis.names import JOINED_LATENTS, MEAN_PROBABILITIES
from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.runs.late_fusion import (
    LEFT_OUT,
    Modality,
    agreed_split,
    fused_scores,
    mean_influence,
    recommended_replicates,
    scores_of_replicate,
)
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SAMPLES = pd.Index([f"s{i:02d}" for i in range(80)])
SPLIT = pd.Series((["train"] * 5 + ["valid"] * 2 + ["test"] * 3) * 8, SAMPLES)
SOURCE = np.random.default_rng(0)
CODES = SOURCE.integers(0, 2, 80)
TARGETS = DownstreamTargets((ClassificationTarget("L", ("a", "b"), CODES, 1.0),), (), {})


def latents(width: int, strength: float) -> pd.DataFrame:
    values = SOURCE.normal(size=(80, width)) + strength * CODES[:, None]
    return pd.DataFrame(values, SAMPLES)


TWO = {"a_rna": latents(2, 0.8), "a_cna": latents(3, 0.8)}


def test_joined_latents_are_scored_as_one_representation() -> None:
    found = scores_of_replicate(TWO, SPLIT, TARGETS).set_index("way")
    joined = np.hstack([own.to_numpy() for own in TWO.values()])
    expected = score_latents(torch.from_numpy(joined)[None], SPLIT.to_numpy(dtype=str), TARGETS)
    assert found.loc[JOINED_LATENTS, TEST_SCORE] == expected[TEST_SCORE].item()
    alone = score_latents(
        torch.from_numpy(TWO["a_cna"].to_numpy())[None], SPLIT.to_numpy(dtype=str), TARGETS
    )
    assert found.loc["a_cna", TEST_SCORE] == alone[TEST_SCORE].item()
    assert len(found.loc[JOINED_LATENTS, INFLUENCE]) == (SPLIT == "test").sum()


def test_mean_probabilities_are_those_of_scikit_learn() -> None:
    found = scores_of_replicate(TWO, SPLIT, TARGETS).set_index("way")
    train, test = ((part == SPLIT).to_numpy() for part in ("train", "test"))
    each = [
        LogisticRegression(class_weight="balanced", tol=1e-8)
        .fit(own[train], CODES[train])
        .predict_proba(own[test])[:, 1]
        for own in (one.to_numpy() for one in TWO.values())
    ]
    expected = roc_auc_score(CODES[test], np.mean(each, axis=0))
    assert found.loc[MEAN_PROBABILITIES, "auc_L_test"] == pytest.approx(expected, abs=1e-9)
    assert found.loc[MEAN_PROBABILITIES, TEST_SCORE] == pytest.approx(expected, abs=1e-9)


def test_a_modality_that_collapsed_decides_nothing() -> None:
    dead = {"a_rna": TWO["a_rna"], "a_cna": TWO["a_cna"] * 0}
    found = scores_of_replicate(dead, SPLIT, TARGETS).set_index("way")[TEST_SCORE]
    assert found[MEAN_PROBABILITIES] == found[JOINED_LATENTS] == found["a_rna"]


def test_samples_on_which_the_splits_differ_belong_to_no_part() -> None:
    """One that is valid here and trained on there would flatter the fusion."""
    other = SPLIT.copy()
    moved = SPLIT.index[SPLIT == "valid"][:3]
    other[moved] = "train"
    wider = pd.concat([other, pd.Series(["train"], ["another"])])
    agreed = agreed_split(SPLIT, [SPLIT, wider])
    assert (agreed[moved] == LEFT_OUT).all()
    assert agreed.drop(moved).equals(SPLIT.drop(moved).astype(object))


def task(name: str, width: int) -> TrainingTask:
    matrix = SOURCE.normal(size=(80, width)) + CODES[:, None]
    return TrainingTask(name, matrix.astype(np.float32), SPLIT.to_numpy(dtype=str), TARGETS)


def modality(name: str, width: int, seeds: list[int]) -> Modality:
    runs = pd.DataFrame({"config_id": "7", "seed": seeds})
    defaults = {"k_filter": 8, "n_layers": 2, "enc_factor": 2.0, "latent_dim_fixed": 2}
    runs = runs.assign(**defaults, batch_size=16, lr_fixed=0.01, drop_p=0.1)
    data = task(name, width)
    return Modality("vanillix", name, runs, lambda seed: data, lambda seed: SPLIT)


def test_replicates_that_all_modalities_have_are_fused() -> None:
    both = [modality("a_rna", 12, [3, 4, 5]), modality("a_cna", 8, [4, 5, 6])]
    settings = TrainingSettings(epochs=3, device="cpu")
    found = fused_scores(lambda seed: SPLIT, TARGETS, both, settings)
    assert found["seed"].unique().tolist() == [4, 5]
    assert set(found["way"]) == {"a_rna", "a_cna", JOINED_LATENTS, MEAN_PROBABILITIES}
    assert (found["samples"] == 80).all()
    # The single modality is what its run scores by itself.
    own = both[0].latents(4, settings).to_numpy(dtype=np.float64)
    alone = score_latents(torch.from_numpy(own)[None], SPLIT.to_numpy(dtype=str), TARGETS)
    rows = found.set_index(["way", "seed"])
    assert rows.loc[("a_rna", 4), TEST_SCORE] == pytest.approx(alone[TEST_SCORE].item())
    patients = pd.Series("p", SAMPLES[SPLIT == "test"], name="patient")
    influence = mean_influence(found, patients)
    assert set(influence) == {"sample_id", "patient", *found["way"]}
    apart = modality("a_cna", 8, [9])
    assert fused_scores(lambda seed: SPLIT, TARGETS, [both[0], apart], settings).empty


def test_a_replicate_without_a_class_is_left_out() -> None:
    codes = np.where((SPLIT == "valid").to_numpy(), 0, CODES)
    targets = DownstreamTargets((ClassificationTarget("L", ("a", "b"), codes, 1.0),), (), {})
    both = [modality("a_rna", 12, [3]), modality("a_cna", 8, [3])]
    settings = TrainingSettings(epochs=1, device="cpu")
    assert fused_scores(lambda seed: SPLIT, targets, both, settings).empty


def test_the_best_recommendation_speaks_for_a_modality() -> None:
    validated = pd.DataFrame(
        {
            "origin": ["recommended"] * 4 + ["best_sampled"],
            "config_id": ["1", "1", "2", "2", "3"],
            "seed": [5, 6, 5, 6, 5],
            "status": ["ok", "ok", "ok", "failed", "ok"],
            "weighted_avg_auc_downstream_performance_valid": [0.7, 0.8, 0.95, np.nan, 0.99],
            "drop_p": [0.1, 0.1, 0.2, 0.2, 0.3],
        }
    )
    found = recommended_replicates(validated, ["drop_p"])
    assert found.to_dict("list") == {"config_id": ["1", "1"], "drop_p": [0.1] * 2, "seed": [5, 6]}
