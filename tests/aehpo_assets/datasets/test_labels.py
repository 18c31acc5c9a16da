"""Which labels are scored, with which classes and which weight."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aehpo_assets.datasets.labels import SPLITS, downstream_targets, label_weights

TCGA_GROUPS = {
    "histology": ["CANCER_TYPE", "SUBTYPE", "ONCOTREE_CODE"],
    "sex": ["SEX"],
    "stage": ["AJCC_PATHOLOGIC_TUMOR_STAGE"],
    "grade": ["GRADE"],
    "n_stage": ["PATH_N_STAGE"],
    "disease_specific_survival": ["DSS_STATUS"],
    "overall_survival": ["OS_STATUS"],
}
SCHC_GROUPS = {"author_cell_type": ["author_cell_type"], "age_group": ["age_group"], "sex": ["sex"]}


def table(
    objective: dict[str, list[str]], regression: list[str] | None = None, samples: int = 60
) -> pd.DataFrame:
    """Labels of two classes that alternate, so that each split has plenty of both."""
    names = [name for group in objective.values() for name in group]
    ids = pd.Index([f"s{i}" for i in range(samples)], name="sample_id")
    labels = pd.DataFrame({name: np.resize(["a", "b"], samples) for name in names}, index=ids)
    for name in regression or []:
        labels[name] = np.arange(samples, dtype=float)
    labels.attrs = {"objective": objective, "regression": regression or [], "survival": None}
    return labels


def thirds(labels: pd.DataFrame) -> pd.Series:
    """First third train, then valid, then test."""
    parts = np.repeat(SPLITS, len(labels) // 3)
    return pd.Series(parts, index=labels.index, name="split")


def weights(labels: pd.DataFrame) -> dict[str, float]:
    targets = downstream_targets(labels, thirds(labels))
    return {target.label: target.weight for target in targets.classification}


def test_the_seven_groups_of_tcga_give_the_weights_of_the_study() -> None:
    histology = dict.fromkeys(TCGA_GROUPS["histology"], 1 / 21)
    others = {names[0]: 1 / 7 for group, names in TCGA_GROUPS.items() if group != "histology"}
    assert weights(table(TCGA_GROUPS)) == pytest.approx(histology | others)


def test_the_three_groups_of_schc_count_a_third_each() -> None:
    assert weights(table(SCHC_GROUPS)) == pytest.approx(
        {"author_cell_type": 1 / 3, "age_group": 1 / 3, "sex": 1 / 3}
    )


@pytest.mark.parametrize("short", SPLITS)
def test_a_class_without_two_samples_in_each_split_is_dropped(short: str) -> None:
    labels = table({"type": ["type"]})
    split = thirds(labels)
    for part in SPLITS:
        few = split.index[split == part][: 1 if part == short else 2]
        labels.loc[few, "type"] = "rare"
    targets = downstream_targets(labels, split)
    (target,) = targets.classification
    assert target.classes == ("a", "b")
    assert short in targets.dropped["type=rare"]
    rare = (labels["type"] == "rare").to_numpy()
    assert (target.codes[rare] == -1).all()
    assert (target.codes[~rare] >= 0).all()


def test_a_class_with_two_samples_in_each_split_is_kept() -> None:
    labels = table({"type": ["type"]})
    split = thirds(labels)
    for part in SPLITS:
        labels.loc[split.index[split == part][:2], "type"] = "rare"
    (target,) = downstream_targets(labels, split).classification
    assert target.classes == ("a", "b", "rare")
    assert [target.classes[code] for code in target.codes] == labels["type"].tolist()


def test_samples_without_the_label_are_left_out_of_it_alone() -> None:
    labels = table({"type": ["type"], "sex": ["sex"]})
    labels.loc["s3", "type"] = np.nan
    kind, sex = downstream_targets(labels, thirds(labels)).classification
    assert kind.codes[3] == -1
    assert (np.delete(kind.codes, 3) >= 0).all()
    assert (sex.codes >= 0).all()
    assert kind.codes.dtype == np.int64


def test_a_label_left_with_one_class_leaves_its_group_and_weights_renormalise() -> None:
    labels = table(TCGA_GROUPS)
    labels["SUBTYPE"] = "only"
    found = weights(labels)
    assert "SUBTYPE" not in found
    assert found["CANCER_TYPE"] == pytest.approx(1 / 14)
    assert found["SEX"] == pytest.approx(1 / 7)
    assert "SUBTYPE" in downstream_targets(labels, thirds(labels)).dropped


def test_a_group_left_without_labels_leaves_the_average() -> None:
    labels = table(TCGA_GROUPS)
    labels["SEX"] = np.nan
    found = weights(labels)
    assert found["GRADE"] == pytest.approx(1 / 6)
    assert found["CANCER_TYPE"] == pytest.approx(1 / 18)
    assert sum(found.values()) == pytest.approx(1)


def test_nothing_to_score_is_no_crash() -> None:
    labels = table({"sex": ["sex"]})
    labels["sex"] = np.nan
    targets = downstream_targets(labels, thirds(labels))
    assert targets.classification == ()
    assert "sex" in targets.dropped


def test_regression_labels_are_no_part_of_the_average() -> None:
    labels = table({"sex": ["sex"]}, regression=["age", "height"])
    labels.loc["s1", "age"] = np.nan
    labels.loc[thirds(labels) == "valid", "height"] = np.nan
    targets = downstream_targets(labels, thirds(labels))
    assert [t.label for t in targets.classification] == ["sex"]
    (age,) = targets.regression
    assert age.label == "age"
    assert np.isnan(age.values[1])
    assert age.values.dtype == np.float64
    assert "height" in targets.dropped


groups = st.dictionaries(
    st.text("abc", min_size=1, max_size=2),
    st.lists(st.text("xyz", min_size=1, max_size=2), max_size=4, unique=True),
    max_size=5,
)


@given(groups)
def test_weights_add_up_to_one_and_groups_count_the_same(given: dict[str, list[str]]) -> None:
    filled = [names for names in given.values() if names]
    found = label_weights(given)
    assert set(found) == {name for names in filled for name in names}
    if filled:
        assert sum(found.values()) == pytest.approx(1)
    alone = [name for name in found if sum(name in names for names in filled) == 1]
    for name in alone:
        (home,) = (names for names in filled if name in names)
        assert found[name] == pytest.approx(1 / len(filled) / len(home))
