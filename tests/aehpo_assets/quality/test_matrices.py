"""Checks of matrices, labels and splits: each has data that trips it, and data that does not."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.datasets.dataset import Dataset, Labels, Modality
from aehpo_assets.datasets.label_facts import LabelReading, describe_labels
from aehpo_assets.datasets.patients import Patients
from aehpo_assets.datasets.read_labels import LabelTable
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.quality.codes import missing_code
from aehpo_assets.quality.labels import LABEL_CHECKS, SPLIT_CHECKS, check_labels, check_split
from aehpo_assets.quality.matrix import (
    MATRIX_CHECKS,
    PREPROCESSED_CHECKS,
    check_matrix,
    check_preprocessed,
    refuse_overflow,
)
from aehpo_assets.quality.unlike import unlike_features
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.study.data import Preprocessing

SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}


def matrix(samples: int = 100, features: int = 8) -> pd.DataFrame:
    values = np.random.default_rng(0).normal(size=(samples, features)).astype(np.float32)
    index = pd.Index([f"s{i}" for i in range(samples)], name="sample_id")
    return pd.DataFrame(values, index=index, columns=[f"g{i}" for i in range(features)])


def failed(results: list[CheckResult]) -> set[str]:
    return {check.name for check in results if not check.passed}


def set_cell(value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def bend(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[3, 2] = value
        return frame

    return bend


def set_block(rows: slice, columns: slice, value: float) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def bend(frame: pd.DataFrame) -> pd.DataFrame:
        frame.iloc[rows, columns] = value
        return frame

    return bend


EVERYTHING = slice(None)

MATRIX_TRIPS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "unique_sample_ids": lambda f: f.rename(index={"s1": "s0"}),
    "unique_feature_names": lambda f: f.rename(columns={"g1": "g0"}),
    "finite_values": set_cell(np.inf),
    "missing_values_treated": set_cell(np.nan),
    "missing_share_of_samples": set_block(slice(3, 4), slice(0, 6), np.nan),
    "missing_share_of_features": set_block(slice(0, 60), slice(2, 3), np.nan),
    "zero_share_of_samples": set_block(slice(3, 4), EVERYTHING, 0),
    "constant_features": set_block(EVERYTHING, slice(2, 3), 1),
    "duplicated_samples": lambda f: pd.concat([f, f.head(1).rename(index={"s0": "twin"})]),
    "samples_are_samples": set_block(slice(3, 4), EVERYTHING, 5000),
    "features_are_features": lambda f: f.assign(age=np.resize(np.arange(30.0, 80.0), len(f))),
    "ids_are_no_row_numbers": lambda f: f.reset_index(drop=True),
    "codes_for_missing": set_block(slice(3, 5), slice(2, 3), -999),
}


def test_a_good_matrix_passes_every_check() -> None:
    results = check_matrix(matrix(), Modality(file="rna.csv"))
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in MATRIX_CHECKS]


@pytest.mark.parametrize("name", MATRIX_TRIPS)
def test_a_bad_matrix_trips_its_check(name: str) -> None:
    results = check_matrix(MATRIX_TRIPS[name](matrix()), Modality(file="rna.csv"))
    assert name in failed(results)
    declared = {check.name: check for check in MATRIX_CHECKS}
    assert all(check.blocking == declared[check.name].blocking for check in results)


def test_every_check_of_a_matrix_is_tripped_by_something() -> None:
    assert {check.name for check in MATRIX_CHECKS} == set(MATRIX_TRIPS) | {"value_range"}


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [("counts", 4, 4.5), ("counts", 0, -1), ("binary", 1, 2), ("binary", 0, 0.5)],
)
def test_values_must_be_of_their_kind(kind: str, good: float, bad: float) -> None:
    frame = (matrix() > 0).astype(np.float32)
    settings = Modality(file="rna.csv", kind=kind)
    assert "value_range" not in failed(check_matrix(set_cell(good)(frame), settings))
    assert "value_range" in failed(check_matrix(set_cell(bad)(frame), settings))


def test_missing_values_that_will_be_imputed_are_treated() -> None:
    settings = Modality(file="rna.csv", missing="impute_median")
    assert failed(check_matrix(set_cell(np.nan)(matrix()), settings)) == set()


def split_of(frame: pd.DataFrame) -> pd.Series:
    sizes = [round(share * len(frame)) for share in SHARES.values()]
    return pd.Series(np.repeat(list(SHARES), sizes), index=frame.index, name="split")


def preprocessed() -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    frame = matrix()
    fitted = fit_preprocessing(frame, split_of(frame), Preprocessing())
    return fitted.apply(frame), split_of(frame), fitted.score


PREPROCESSED_TRIPS: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "unique_sample_ids": lambda f: f.set_axis(["s1", *f.index[1:]]),
    "finite_values": set_cell(np.nan),
    "features_vary": set_block(slice(0, 70), slice(2, 3), 0.5),
    "outliers": set_cell(1e4),
    "train_test_twins": lambda f: f.assign(**f.iloc[:1].iloc[0].to_dict()),
}


def test_a_good_preprocessed_matrix_passes_every_check() -> None:
    results = check_preprocessed(*preprocessed())
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in PREPROCESSED_CHECKS]


@pytest.mark.parametrize("name", PREPROCESSED_TRIPS)
def test_a_bad_preprocessed_matrix_trips_its_check(name: str) -> None:
    frame, split, score = preprocessed()
    assert name in failed(check_preprocessed(PREPROCESSED_TRIPS[name](frame), split, score))


def test_features_out_of_order_are_noticed() -> None:
    frame, split, score = preprocessed()
    assert "ordered_by_the_filter" in failed(check_preprocessed(frame, split, score.iloc[::-1]))
    covered = set(PREPROCESSED_TRIPS) | {"ordered_by_the_filter"}
    assert {check.name for check in PREPROCESSED_CHECKS} == covered


@pytest.mark.parametrize("filter_name", ["mad", "corr", "varcorr", "nonzerovar"])
def test_the_order_of_every_filter_is_accepted(filter_name: str) -> None:
    frame = matrix()
    fitted = fit_preprocessing(frame, split_of(frame), Preprocessing(filter=filter_name))
    assert failed(check_preprocessed(fitted.apply(frame), split_of(frame), fitted.score)) == set()


def labels(kinds: list[str | None] | None = None) -> pd.DataFrame:
    index = matrix().index
    values = kinds if kinds is not None else list(np.resize(["a", "b"], len(index)))
    table = pd.DataFrame({"kind": values}, index=index)
    table.attrs = {"objective": {"type": ["kind"]}, "regression": []}
    return table


def reading_of(table: pd.DataFrame, rows: pd.Index | None = None, **words: Any) -> LabelReading:
    """What would have been read of a label table with these labels; with other rows if given."""
    named = {"file": "clinical.csv", "objective": {"type": ["kind"]}, **words}
    settings = Labels.model_validate(named)
    dataset = Dataset(Path("tiny"), "tiny", "", {"rna": Modality(file="rna.csv")}, settings)
    written = table if rows is None else table.set_axis(rows, axis=0)
    written = written[~written.index.duplicated()]
    return describe_labels(dataset, "rna", LabelTable(written, written), table)


def kinds(*counts: tuple[str, int]) -> pd.DataFrame:
    return labels([name for name, count in counts for _ in range(count)])


def with_ages(ages: Sequence[float]) -> pd.DataFrame:
    table = labels()
    table["age"] = np.asarray(ages, dtype=float)
    return table


def with_written(word: str, count: int) -> tuple[pd.DataFrame, LabelReading]:
    """Labels of which some were a word that means missing in the file."""
    written = labels([word] * count + list(np.resize(["a", "b"], 100 - count)))
    read = written.replace(word, np.nan)
    read.attrs = written.attrs
    settings = Labels(file="clinical.csv", objective={"type": ["kind"]})
    dataset = Dataset(Path("tiny"), "tiny", "", {"rna": Modality(file="rna.csv")}, settings)
    return read, describe_labels(dataset, "rna", LabelTable(written, read), read)


def without_rows(rename: Callable[[str], str], count: int) -> tuple[pd.DataFrame, LabelReading]:
    """Labels whose first samples stand under other ids in the label table."""
    table = labels()
    rows = pd.Index([rename(n) if i < count else n for i, n in enumerate(table.index)])
    return table, reading_of(table, rows)


def repeated_sample() -> tuple[pd.DataFrame, LabelReading]:
    return labels().set_axis(["s1", *labels().index[1:]]), reading_of(labels())


def read_as(table: pd.DataFrame) -> tuple[pd.DataFrame, LabelReading]:
    return table, reading_of(table)


LABEL_TRIPS: dict[str, Callable[[], tuple[pd.DataFrame, LabelReading]]] = {
    "unique_sample_ids": repeated_sample,
    "samples_have_a_label_row": lambda: without_rows(lambda name: f"other{name}", 1),
    "ids_are_alike": lambda: without_rows(lambda name: f"{name}-01A", 2),
    "something_has_classes": lambda: read_as(kinds(("a", 100))),
    "labels_have_classes": lambda: read_as(kinds(("a", 100))),
    "labelled_share": lambda: read_as(labels([*(["a", "b"] * 5), *([None] * 90)])),
    "smallest_class": lambda: read_as(kinds(("rare", 3), ("a", 48), ("b", 49))),
    "one_spelling_a_class": lambda: read_as(kinds(("a", 50), ("A", 50))),
    "words_taken_as_classes": lambda: read_as(kinds(("None", 50), ("a", 50))),
    "words_taken_as_missing": lambda: with_written("[Not Available]", 30),
    "codes_for_missing": lambda: read_as(with_ages([999, 999, *range(20, 118)])),
}


def test_good_labels_pass_every_check() -> None:
    results = check_labels(*read_as(labels()))
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in LABEL_CHECKS]
    assert {check.name for check in LABEL_CHECKS} == set(LABEL_TRIPS)


@pytest.mark.parametrize("name", LABEL_TRIPS)
def test_bad_labels_trip_their_check(name: str) -> None:
    assert name in failed(check_labels(*LABEL_TRIPS[name]()))


def test_a_failed_check_of_labels_names_the_offenders_and_the_remedy() -> None:
    said = {
        check.name: check.description
        for trip in LABEL_TRIPS.values()
        for check in check_labels(*trip())
        if not check.passed
    }
    for name, words in {
        "samples_have_a_label_row": ["of 100 samples of rna.csv", "clinical.csv", "s0"],
        "ids_are_alike": ["s0, s0-01A", "ids: {tcga: patient}"],
        "something_has_classes": ["rna.csv", "clinical.csv", "kind a only", "labels.objective"],
        "smallest_class": ["kind=rare 3"],
        "one_spelling_a_class": ["kind: a/A (a 50, A 50)", "Write each class in one way"],
        "words_taken_as_classes": ["None 50", "missing_words: {add: [None]}", "{keep: [None]}"],
        "words_taken_as_missing": ["[Not Available] 30", "{keep: ['[Not Available]']}"],
    }.items():
        for word in words:
            assert word in said[name], name


def test_a_word_that_the_dataset_keeps_is_a_class_without_a_warning() -> None:
    table = kinds(("None", 50), ("a", 50))
    reading = reading_of(table, missing_words={"keep": ["none"]})
    assert failed(check_labels(table, reading)) == set()


def rare_in_train(count: int) -> pd.DataFrame:
    return labels(["rare"] * count + list(np.resize(["a", "b"], 100 - count)))


SPLIT_TRIPS: dict[str, Callable[[pd.Series], tuple[pd.Series, pd.DataFrame]]] = {
    "disjoint": lambda s: (pd.concat([s, s.head(1).replace("train", "test")]), labels()),
    "known_splits": lambda s: (s.replace("valid", "validation"), labels()),
    "complete": lambda s: (s.iloc[1:], labels()),
    "shares": lambda s: (s.where(s != "test", "train").where(s.index != "s99", "test"), labels()),
    "labels_scored": lambda s: (s, labels(["a"] * 90 + ["b"] * 10)),
    "classes_dropped": lambda s: (s, rare_in_train(5)),
    "something_is_scored": lambda s: (s, labels(["a"] * 100)),
}


def pairs(apart: int = 0) -> Patients:
    """The samples of train by twos, and so many more of which one is in train and one in test."""
    split = split_of(matrix())
    inside = split.index[split == "train"]
    across = split.index[split == "test"][:apart]
    names = [f"p{i // 2}" for i in range(len(inside))] + [f"p{i}" for i in range(apart)]
    return Patients(pd.Series(names, index=[*inside, *across]), "the column donor of clinical.csv")


def test_a_good_split_passes_every_check() -> None:
    frame = matrix()
    results = check_split(split_of(frame), frame.index, labels(), SHARES, pairs())
    assert failed(results) == set()
    assert [check.name for check in results] == [check.name for check in SPLIT_CHECKS]
    assert {check.name for check in SPLIT_CHECKS} == {*SPLIT_TRIPS, "patients_in_one_part"}


@pytest.mark.parametrize("name", SPLIT_TRIPS)
def test_a_bad_split_trips_its_check(name: str) -> None:
    frame = matrix()
    split, table = SPLIT_TRIPS[name](split_of(frame))
    assert name in failed(check_split(split, frame.index, table, SHARES, None))


def test_patients_in_several_parts_are_counted_and_the_remedy_is_named() -> None:
    frame = matrix()
    results = check_split(split_of(frame), frame.index, labels(), SHARES, pairs(apart=3))
    (check,) = [check for check in results if not check.passed]
    assert check.name == "patients_in_one_part"
    assert not check.blocking
    assert "35 patients have several samples (the column donor of clinical.csv" in check.description
    assert "3 of them have samples in several parts of the split (p0, p1, p2)" in check.description
    assert "split.group" in check.description


def test_a_failed_check_says_where() -> None:
    results = check_matrix(set_cell(np.inf)(matrix()), Modality(file="rna.csv"))
    (check,) = [check for check in results if check.name == "finite_values"]
    assert check.blocking
    assert "g2" in check.description
    assert check.values["observed"] == 1


def test_a_wide_matrix_is_validated_through_summaries() -> None:
    """One validation of a summary: twenty times the features is not twenty times the work."""

    def seconds(features: int) -> float:
        frame = matrix(50, features)
        begun = time.perf_counter()
        check_matrix(frame, Modality(file="rna.csv"))
        return time.perf_counter() - begun

    seconds(10)
    assert seconds(20_000) < 20 * seconds(1_000) + 1


@pytest.mark.parametrize(
    ("largest", "fits"), [(1e31, False), (1e19, False), (1e17, True), (0, True)]
)
def test_values_too_large_for_single_precision_are_refused_with_the_setting(
    largest: float, fits: bool
) -> None:
    values = np.full((4, 30), largest)
    if fits:
        refuse_overflow(values, "none")
        assert np.isfinite((values.astype(np.float32) ** 2).sum(axis=1)).all()
        return
    with pytest.raises(InputError, match=r"preprocessing.scaler: .*scaler none.*Set scaler"):
        refuse_overflow(values, "none")


@pytest.mark.parametrize(
    ("values", "code"),
    [
        ([0.5, 3, -999, -999, np.nan], "-999"),
        ([30, 84, -9, -9], "-9"),
        ([30, 84, 999, 999.0], "999"),
        ([0, 1, 9, 1, 9], "9"),
        ([-2.5, 3, -9, -9], "-9"),
        ([-5, 3, -9, -9], None),
        ([30, 84, 999], None),
        ([98, 97, 30, 99, 99], None),
        ([0, 1, 2, 8, 9, 9], None),
        ([np.nan, np.nan], None),
        ([-999, -999], None),
    ],
)
def test_a_code_for_missing_is_far_from_all_other_numbers(
    values: list[float], code: str | None
) -> None:
    assert missing_code(np.array(values, dtype=np.float32)) == code


@pytest.mark.parametrize(
    ("values", "unlike"),
    [([1, 2, 3], True), ([0, 1, 2, 3], True), ([0, 0, 0, 0, 0, 1, 2], False), ([0, 1], False)],
)
def test_few_whole_numbers_among_fractions_are_unlike_unless_most_are_zero(
    values: list[int], unlike: bool
) -> None:
    table = matrix().assign(batch=np.resize(np.array(values, dtype=np.float32), 100))
    assert unlike_features(table, logged=False).tolist() == [False] * 8 + [unlike]
