"""Gates beyond the schema: each has data that trips it, real if possible, and data that passes."""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import pearsonr
from sklearn.feature_selection import f_classif

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.labels import downstream_targets
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.omics.confounders import batch_effect, cohort_scaling, leakage
from aehpo_assets.omics.drift import drift
from aehpo_assets.quality.confounders import (
    ARTEFACT_CHECKS,
    DRIFT_CHECKS,
    check_artefacts,
    check_drift,
)
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.study.data import Split

SAMPLES = 300


def failed(results: list[CheckResult]) -> set[str]:
    return {check.name for check in results if not check.passed}


def cohort(seed: int = 0) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    """Expression with a floor at zero; two of three types differ, age follows a gene."""
    generator = np.random.default_rng(seed)
    kind = generator.integers(0, 3, SAMPLES)
    index = pd.Index([f"s{i}" for i in range(SAMPLES)], name="sample_id")
    level = generator.normal(size=(SAMPLES, 60)) + 0.5
    level[:, :20] += 0.8 * (kind[:, None] == 1)
    matrix = pd.DataFrame(np.maximum(level, 0).astype(np.float32), index=index)
    matrix.columns = [f"g{i}" for i in range(60)]
    labels = pd.DataFrame({"kind": np.array(["a", "b", "c"])[kind]}, index=index)
    labels["age"] = 50 + 5 * level[:, 30] + generator.normal(size=SAMPLES)
    labels.attrs = {"objective": {"type": ["kind"]}, "regression": ["age"]}
    split = pd.Series(np.resize(["train"] * 7 + ["valid", "test", "test"], SAMPLES), index=index)
    return matrix, split, labels


def test_good_data_passes_every_gate() -> None:
    results = check_artefacts(*cohort())
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in ARTEFACT_CHECKS]


def test_great_expectations_does_not_tell_what_it_does() -> None:
    check_artefacts(*cohort())
    for name in ("great_expectations", "great_expectations.data_context.types.base"):
        assert not logging.getLogger(name).isEnabledFor(logging.INFO)


@pytest.mark.parametrize("name", ["coread rna", "coread mut", "pbmc68k rna", "tcga meth"])
def test_real_data_passes_every_gate(shared_data: Path, name: str) -> None:
    assert failed(check_artefacts(*real(shared_data, name))) == set()


def real(shared_data: Path, name: str) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    folder, modality = name.split()
    dataset = read_dataset(shared_data / folder)
    matrix = read_matrix(dataset, modality)
    split = restrict_split(draw_split(dataset, Split()), matrix.index)
    return matrix, split, read_labels(dataset, matrix.index)


@pytest.mark.parametrize("leak", ["code", "one class", "code with noise", "age"])
def test_a_feature_that_is_a_label_blocks(leak: str) -> None:
    matrix, split, labels = cohort()
    code = labels["kind"].map({"a": 3.0, "b": 1.0, "c": 2.0})
    noise = np.random.default_rng(1).normal(size=SAMPLES)
    matrix["g7"] = {
        "code": code,
        "one class": (labels["kind"] == "b").astype(float),
        "code with noise": code + 0.005 * noise,
        "age": labels["age"] * 0.1 - 3,
    }[leak].astype(np.float32)
    results = check_artefacts(matrix, split, labels)
    (found,) = [check for check in results if check.name == "label_leakage"]
    assert not found.passed
    assert found.blocking
    assert ("age = g7" if leak == "age" else "kind = g7") in found.description


def test_a_strong_marker_is_no_leak() -> None:
    matrix, split, labels = cohort()
    marker = (labels["kind"] == "b") * 4.0
    matrix["g7"] = (marker + np.random.default_rng(1).normal(size=SAMPLES) * 0.3).astype(np.float32)
    assert "label_leakage" not in failed(check_artefacts(matrix, split, labels))


def test_leakage_is_the_correlation_ratio() -> None:
    matrix, split, labels = cohort()
    targets = downstream_targets(labels, split)
    found = leakage(matrix, targets).set_index("label")
    codes = targets.classification[0].codes
    f, _ = f_classif(matrix, codes)
    ratio = f * 2 / (f * 2 + SAMPLES - 3)
    assert found.loc["kind", "explained"] == pytest.approx(ratio.max(), rel=1e-6)
    assert found.loc["kind", "feature"] == matrix.columns[ratio.argmax()]
    assert found.loc["age", "feature"] == "g30"
    r = pearsonr(matrix["g30"].astype(float), labels["age"]).statistic
    assert found.loc["age", "explained"] == pytest.approx(r**2, rel=1e-6)


def test_missing_values_hide_no_leak() -> None:
    matrix, split, labels = cohort()
    matrix["g7"] = labels["kind"].map({"a": 3.0, "b": 1.0, "c": 2.0}).astype(np.float32)
    matrix.iloc[:10, :7] = np.nan
    assert "label_leakage" in failed(check_artefacts(matrix, split, labels))


def scaled_by(matrix: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    grouped = matrix.groupby(groups)
    scaled = (matrix - grouped.transform("mean")) / grouped.transform("std")
    return scaled.astype(np.float32)


def test_scaling_within_cohorts_leaves_private_floors() -> None:
    matrix, split, labels = cohort()
    scaled = scaled_by(matrix, labels["kind"])
    assert {"cohorts_not_scaled_apart", "cohorts_not_centred_apart"} <= failed(
        check_artefacts(scaled, split, labels)
    )
    assert (
        failed(check_artefacts(scaled_by(matrix, pd.Series(0, matrix.index)), split, labels))
        == set()
    )


def test_centring_within_cohorts_is_seen_without_floors() -> None:
    matrix, split, labels = cohort()
    smooth = matrix + np.random.default_rng(2).normal(size=matrix.shape).astype(np.float32)
    trace = cohort_scaling(smooth, downstream_targets(labels, split)).iloc[0]
    assert trace["private_floors"] == 0
    assert trace["equal_means"] < 0.1
    trace = cohort_scaling(
        scaled_by(smooth, labels["kind"]), downstream_targets(labels, split)
    ).iloc[0]
    assert trace["private_floors"] == 0
    assert trace["equal_means"] == 1


@pytest.mark.parametrize("samples", [20, 40, 200])
def test_ties_of_discrete_values_are_no_trace_of_scaling(samples: int) -> None:
    index = pd.Index([f"s{i}" for i in range(samples)], name="sample_id")
    labels = pd.DataFrame({"kind": np.resize(["a", "b"], samples)}, index=index)
    labels.attrs = {"objective": {"type": ["kind"]}, "regression": []}
    parts = ["train"] * 4 + ["valid"] * 2 + ["test"] * 2
    split = pd.Series(np.resize(parts, samples), index=index)
    for seed in range(5):
        generator = np.random.default_rng(seed)
        matrix = pd.DataFrame(generator.random((samples, 100)) < 0.2, index=index)
        matrix = matrix.astype(np.float32)
        trace = cohort_scaling(matrix, downstream_targets(labels, split)).iloc[0]
        assert trace["equal_means"] == 0
        assert trace["private_floors"] == 0


def test_the_scaling_of_tcga_within_cancer_types_is_noticed(shared_data: Path) -> None:
    results = check_artefacts(*real(shared_data, "tcga rna"))
    assert failed(results) == {"cohorts_not_scaled_apart"}
    (found,) = [check for check in results if not check.passed]
    assert not found.blocking
    assert "CANCER_TYPE" in found.description
    assert "SEX" not in found.description


def with_batches(effect: float) -> tuple[pd.DataFrame, pd.Series, pd.DataFrame]:
    matrix, split, labels = cohort()
    generator = np.random.default_rng(3)
    batch = generator.integers(0, 2, SAMPLES)
    attrs = labels.attrs | {"technical": ["plate"]}
    labels = labels.assign(plate=np.array(["p1", "p2"])[batch])
    labels.attrs = attrs
    shift = effect * batch[:, None] * generator.normal(size=60)
    return (matrix + shift).astype(np.float32), split, labels


def test_a_batch_effect_far_above_the_labels_is_noticed() -> None:
    assert "batch_effect" in failed(check_artefacts(*with_batches(2.0)))
    assert failed(check_artefacts(*with_batches(0.0))) == set()
    found = batch_effect(*with_batches(2.0)).iloc[0]
    assert found["column"] == "plate"
    assert found["auc"] > 0.95
    assert batch_effect(*with_batches(0.0)).iloc[0]["auc"] < 0.65


def test_a_batch_that_is_told_no_better_than_the_labels_passes() -> None:
    matrix, split, labels = with_batches(2.0)
    position = labels["kind"].map({"a": 0, "b": 3, "c": -3}).to_numpy()[:, None]
    # Noise on top: a class moved as a whole would take its floors along, which is no biology.
    noise = np.random.default_rng(4).normal(size=matrix.shape)
    strong = (matrix + position + noise).astype(np.float32)
    assert failed(check_artefacts(strong, split, labels)) == set()


def test_a_first_landing_has_nothing_to_drift_from() -> None:
    results = check_drift(None, cohort()[0])
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in DRIFT_CHECKS]


def test_the_same_matrix_again_and_one_with_new_samples_pass() -> None:
    before, _, _ = cohort()
    assert failed(check_drift(before, before.copy())) == set()
    arrived = cohort(seed=1)[0].add_prefix("new ", axis=0)
    assert failed(check_drift(before, pd.concat([before, arrived]))) == set()
    assert failed(check_drift(before, before.iloc[::-1, ::-1])) == set()


def test_what_is_gone_or_changed_is_noticed() -> None:
    before, _, _ = cohort()
    assert failed(check_drift(before, before.iloc[1:])) == {"samples_kept"}
    assert failed(check_drift(before, before.iloc[:, 1:])) == {"features_kept"}
    changed = before.copy()
    changed.iloc[4, 2] += 1
    results = check_drift(before, changed)
    assert failed(results) == {"values_kept"}
    assert "g2" in next(c.description for c in results if not c.passed)
    missing = before.copy()
    missing.iloc[4, 2] = np.nan
    assert failed(check_drift(missing, missing)) == set()


def test_new_samples_on_another_scale_are_noticed() -> None:
    before, _, _ = cohort()
    arrived = (np.expm1(cohort(seed=1)[0]) * 3).add_prefix("new ", axis=0)
    assert failed(check_drift(before, pd.concat([before, arrived]))) == {"distributions_kept"}
    found = drift(before, pd.concat([before, arrived]))
    assert (found.distances > 0).mean() > 0.5


def test_the_halves_of_a_real_cohort_do_not_drift(shared_data: Path) -> None:
    matrix, _, _ = real(shared_data, "pbmc68k rna")
    shuffled = matrix.sample(frac=1, random_state=0)
    assert failed(check_drift(shuffled.iloc[:350], shuffled)) == set()
