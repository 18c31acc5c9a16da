"""The tuned probe is scikit-learn's grid search, and chooses on train alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_assets.study import Study
from aehpo_gpu.evaluation.tuned_probe import fold_rows, tuned_probe
from aehpo_gpu.runs.probes import in_order, probes_of
from aehpo_gpu.training.task import TrainingTask

VALUES = [1e-3, 1e-2, 0.1, 1.0, 10.0]
SPLIT = np.array(["train"] * 180 + ["valid"] * 60 + ["test"] * 60)


@pytest.fixture(scope="module")
def latents() -> np.ndarray:
    source = np.random.default_rng(0)
    hidden = source.normal(size=(300, 2))
    noisy = hidden + source.normal(size=(300, 2))
    return np.c_[noisy, 3 * source.normal(size=(300, 12)), hidden]


@pytest.fixture(scope="module")
def targets(latents: np.ndarray) -> DownstreamTargets:
    """Three classes and two; some samples have no label."""
    three = np.digitize(latents[:, -2], [-0.5, 0.7])
    two = (latents[:, -1] > 0).astype(np.int64)
    three[::17] = -1
    named = (("three", ("a", "b", "c"), three), ("two", ("a", "b"), two))
    return DownstreamTargets(
        tuple(ClassificationTarget(name, words, codes, 0.5) for name, words, codes in named), (), {}
    )


def test_it_is_the_grid_search_of_scikit_learn(
    latents: np.ndarray, targets: DownstreamTargets
) -> None:
    seen = latents[:, :-2]
    found = tuned_probe(seen, SPLIT, targets, VALUES, 5, ("valid", "test")).set_index("label")
    for target in targets.classification:
        known = target.codes >= 0
        rows = {part: known & (part == SPLIT) for part in ("train", "valid", "test")}
        X, codes = seen[rows["train"]], target.codes[rows["train"]]
        search = GridSearchCV(
            LogisticRegression(class_weight="balanced", tol=1e-10, max_iter=10_000),
            {"C": VALUES},
            cv=fold_rows(codes, 5, target.label),
            scoring="roc_auc_ovo" if len(target.classes) > 2 else "roc_auc",
        ).fit(X, codes)
        own = found.loc[target.label]
        assert own["C"] == search.best_params_["C"]
        assert own["cv_auc"] == pytest.approx(search.best_score_, abs=1e-6)
        of_one = search.cv_results_["mean_test_score"][VALUES.index(1.0)]
        assert own["cv_auc_fixed"] == pytest.approx(of_one, abs=1e-6)
        for part in ("valid", "test"):
            score = search.score(seen[rows[part]], target.codes[rows[part]])
            assert own[f"auc_{part}"] == pytest.approx(score, abs=1e-6)


def test_nothing_but_train_decides(latents: np.ndarray, targets: DownstreamTargets) -> None:
    changed = np.where((SPLIT == "train")[:, None], latents, -latents)
    one, other = (tuned_probe(X, SPLIT, targets, VALUES, 3) for X in (latents, changed))
    decided = ["label", "folds", "C", "cv_auc", "cv_auc_fixed"]
    pd.testing.assert_frame_equal(one[decided], other[decided])
    assert (one["auc_valid"] > other["auc_valid"]).all()
    assert "auc_test" not in one


def test_a_small_class_has_fewer_folds(latents: np.ndarray) -> None:
    codes = np.zeros(300, dtype=np.int64)
    codes[[0, 1, 2, 200, 201]] = 1
    rare = DownstreamTargets((ClassificationTarget("rare", ("no", "yes"), codes, 1.0),), (), {})
    assert tuned_probe(latents, SPLIT, rare, VALUES, 5)["folds"].tolist() == [3]


@pytest.mark.parametrize("test", ["closed", "open"])
def test_a_study_says_what_is_tuned_and_whether_test_is_scored(
    latents: np.ndarray, targets: DownstreamTargets, test: str
) -> None:
    study = Study.model_validate(
        {
            "name": "x",
            "tasks": "all",
            "architectures": ["varix"],
            "configurations": {"count": 2},
            "test": test,
            "probe": {"C": [10, 0.1], "folds": 2},
        }
    )
    data = TrainingTask("toy", latents, SPLIT, targets)
    both = {"b": pd.DataFrame(latents), "a": pd.DataFrame(latents[:, :3])}
    found = in_order(probes_of(both, data, study), ["a", "b"])
    assert found["config_id"].tolist() == ["a", "a", "b", "b"]
    assert set(found["C"]) <= {0.1, 10.0}
    assert ("auc_test" in found) == (test == "open")
    with pytest.raises(ValueError, match="no tuned probe"):
        probes_of(both, data, study.model_copy(update={"probe": None}))
