"""Late fusion: what is joined, on which samples, and that no split leaks into it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aehpo_assets.analysis.names import JOINED_LATENTS, MEAN_PROBABILITIES
from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_assets.errors import StaleInputError
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.runs.late_fusion import (
    Modality,
    followed,
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


WIDER = pd.Series(["train", "valid", "train", "train", "test"], [f"alone{i}" for i in range(5)])


def test_a_modality_is_trained_on_no_sample_that_the_joint_task_is_valid_by() -> None:
    own = SPLIT.copy()
    moved = SPLIT.index[SPLIT == "valid"][:3]
    own[moved] = "train"
    own[SPLIT.index[SPLIT == "train"][:3]] = "valid"
    own = pd.concat([own, WIDER])
    found = followed(SPLIT, own)
    assert found.loc[SPLIT.index].equals(SPLIT)
    assert found.loc[WIDER.index].equals(WIDER)
    assert (own[moved] == "train").all()
    # One that agrees anyway stays what it is.
    agreeing = pd.concat([SPLIT, WIDER])
    assert followed(SPLIT, agreeing) is agreeing


def test_the_samples_of_a_patient_follow_together() -> None:
    own = pd.concat([SPLIT, WIDER])
    valid, train = SPLIT.index[SPLIT == "valid"][0], SPLIT.index[SPLIT == "train"][0]
    own[valid], own[train] = "train", "valid"
    groups = pd.Series(pd.NA, own.index, dtype="str")
    groups[[valid, "alone0", "alone4"]] = "p1"
    groups[[train, "alone1"]] = "p2"
    found = followed(SPLIT, own, groups)
    assert found.loc[SPLIT.index].equals(SPLIT)
    # The last is a test sample, whoever else is of its patient; of no patient is the third.
    assert found[WIDER.index].tolist() == ["valid", "train", "train", "train", "test"]


def test_tasks_of_different_tests_are_refused() -> None:
    other = SPLIT.replace({"test": "valid", "valid": "test"})
    with pytest.raises(StaleInputError, match="other test samples each; call `aehpo run`"):
        followed(SPLIT, other)


def task(name: str, width: int) -> TrainingTask:
    matrix = SOURCE.normal(size=(80, width)) + CODES[:, None]
    return TrainingTask(name, matrix.astype(np.float32), SPLIT.to_numpy(dtype=str), TARGETS)


def modality(name: str, width: int, seeds: list[int]) -> Modality:
    runs = pd.DataFrame({"config_id": "7", "seed": seeds})
    defaults = {"k_filter": 8, "n_layers": 2, "enc_factor": 2.0, "latent_dim_fixed": 2}
    runs = runs.assign(**defaults, batch_size=16, lr_fixed=0.01, drop_p=0.1)
    data = task(name, width)
    return Modality("vanillix", name, runs, lambda seed, split: data, lambda seed: SPLIT)


def test_replicates_that_all_modalities_have_are_fused() -> None:
    both = [modality("a_rna", 12, [3, 4, 5]), modality("a_cna", 8, [4, 5, 6])]
    settings = TrainingSettings(epochs=3, device="cpu")
    found = fused_scores(lambda seed: SPLIT, TARGETS, both, settings)
    assert found["seed"].unique().tolist() == [4, 5]
    assert set(found["way"]) == {"a_rna", "a_cna", JOINED_LATENTS, MEAN_PROBABILITIES}
    assert (found["samples"] == 80).all()
    # The single modality is what its run scores by itself.
    own = both[0].latents(4, SPLIT, settings).to_numpy(dtype=np.float64)
    alone = score_latents(torch.from_numpy(own)[None], SPLIT.to_numpy(dtype=str), TARGETS)
    rows = found.set_index(["way", "seed"])
    assert rows.loc[("a_rna", 4), TEST_SCORE] == pytest.approx(alone[TEST_SCORE].item())
    patients = pd.Series("p", SAMPLES[SPLIT == "test"], name="patient")
    influence = mean_influence(found, patients)
    assert set(influence) == {"sample_id", "patient", *found["way"]}
    apart = modality("a_cna", 8, [9])
    assert fused_scores(lambda seed: SPLIT, TARGETS, [both[0], apart], settings).empty


def test_no_replicate_is_lost_for_a_class_whose_samples_the_modalities_draw_elsewhere() -> None:
    """Of a class with two valid samples, splits that differ by these have none in common."""
    rare = SPLIT.index[SPLIT == "valid"][:2]
    codes = np.where(SPLIT.index.isin(rare), 1, np.where(SPLIT == "valid", 0, CODES))
    targets = DownstreamTargets((ClassificationTarget("L", ("a", "b"), codes, 1.0),), (), {})
    drawn = SPLIT.copy()
    drawn[rare] = "train"
    both = [modality("a_rna", 12, [3]), modality("a_cna", 8, [3])]
    asked: list[pd.Series] = []

    def data_of(seed: int, split: pd.Series) -> TrainingTask:
        asked.append(split)
        return replace(task("a_cna", 8), split=split.to_numpy(dtype=str))

    both[1] = replace(both[1], data_of=data_of, split_of=lambda seed: drawn)
    settings = TrainingSettings(epochs=1, device="cpu")
    found = fused_scores(lambda seed: SPLIT, targets, both, settings)
    assert found["seed"].unique().tolist() == [3]
    assert found["auc_L_valid"].notna().all()
    assert (asked[0][rare] == "valid").all()


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
