"""The split: exact shares, no dependence on order, groups kept together, strata kept alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.datasets.split import (
    check_split_columns,
    draw_split,
    restrict_split,
    split_samples,
)
from aehpo_assets.errors import InputError
from aehpo_assets.study.data import Split


def ids(count: int) -> list[str]:
    return [f"s{i}" for i in range(count)]


def counts(split: pd.Series) -> list[int]:
    return [int((split == part).sum()) for part in SPLITS]


@given(st.integers(10, 400), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_shares_are_exact_and_complete(samples: int, seed: int) -> None:
    split = split_samples(ids(samples), Split(seed=seed), name="any")
    assert counts(split)[:2] == [round(0.7 * samples), round(0.1 * samples)]
    assert sum(counts(split)) == samples
    assert split.index.is_unique


def test_the_order_of_the_ids_does_not_matter() -> None:
    forward = split_samples(ids(50), Split(), name="any")
    assert forward.equals(split_samples(ids(50)[::-1], Split(), name="any"))


def test_seed_and_name_decide() -> None:
    draws = [
        split_samples(ids(50), Split(seed=seed), name=name).tolist()
        for seed, name in ((0, "a"), (0, "b"), (1, "a"))
    ]
    assert draws[0] != draws[1]
    assert draws[0] != draws[2]
    assert draws[0] == split_samples(ids(50), Split(), name="a").tolist()


def test_the_split_of_today_is_the_split_of_tomorrow() -> None:
    found = split_samples(ids(10), Split(), name="pinned")
    assert {k: v for k, v in found.items() if v != "train"} == {
        "s2": "test",
        "s4": "test",
        "s7": "valid",
    }


def test_a_task_gets_its_part_of_the_split() -> None:
    whole = split_samples(ids(100), Split(), name="any")
    task = pd.Index(ids(100)[::2][::-1])
    restricted = restrict_split(whole, task)
    assert restricted.index.equals(task)
    assert (restricted == whole[task]).all()


def test_too_few_samples_in_a_part_are_refused() -> None:
    whole = split_samples(ids(100), Split(), name="any")
    task = whole.index[whole != "valid"]
    with pytest.raises(InputError, match="0 fall into valid; 2 are needed"):
        restrict_split(whole, task)


@given(st.lists(st.integers(0, 12), min_size=20, max_size=120))
@settings(max_examples=50, deadline=None)
def test_a_group_is_never_split(groups: list[int]) -> None:
    names = ids(len(groups))
    column = pd.Series([f"p{group}" for group in groups], index=names)
    split = split_samples(names, Split(), name="any", groups=column)
    assert split.groupby(column.reindex(split.index)).nunique().eq(1).all()


def test_groups_of_two_meet_the_shares_nearly() -> None:
    column = pd.Series([f"p{i // 2}" for i in range(200)], index=ids(200))
    split = split_samples(ids(200), Split(), name="any", groups=column)
    assert np.allclose(counts(split), [140, 20, 40], atol=2)


def test_samples_without_a_group_stand_alone() -> None:
    column = pd.Series([None] * 100, index=ids(100), dtype="str")
    assert counts(split_samples(ids(100), Split(), name="any", groups=column)) == [70, 10, 20]


@given(st.lists(st.sampled_from(["a", "b", "c", None]), min_size=20, max_size=150))
@settings(max_examples=50, deadline=None)
def test_every_class_gets_the_shares(classes: list[str | None]) -> None:
    names = ids(len(classes))
    column = pd.Series(classes, index=names, dtype="str")
    split = split_samples(names, Split(), name="any", strata=column)
    total = len(classes)
    assert counts(split)[:2] == [round(0.7 * total), round(0.1 * total)]
    for name in {str(c) for c in classes}:
        members = split[column.reindex(split.index).fillna("None") == name]
        found = np.array(counts(members))
        exact = np.array(counts(split)) / total * len(members)
        assert (np.abs(found - exact) <= 2).all()


def clinical(rows: dict[str, str]) -> dict[str, str]:
    lines = ["id,kind,age,patient,part"]
    for i in range(12):
        lines.append(f"s{i},{'ab'[i % 2]},{i},p{i // 3},{rows.get(f's{i}', 'train')}")
    return {"clinical.csv": "\n".join(lines) + "\n"}


PARTS = {"s0": "valid", "s5": "valid", "s7": "test", "s9": "test"}


def test_a_dataset_is_split_as_the_study_says(make_dataset: Any) -> None:
    dataset = read_dataset(make_dataset(files=clinical(PARTS)))
    assert draw_split(dataset, Split()).equals(split_samples(ids(12), Split(), name="tiny"))
    by_patient = draw_split(dataset, Split(group="patient"))
    assert (
        by_patient.groupby([f"p{int(i[1:]) // 3}" for i in by_patient.index]).nunique().max() == 1
    )
    ready = draw_split(dataset, Split(column="part"))
    assert {k: v for k, v in ready.items() if v != "train"} == PARTS
    assert ready.name == "split"
    assert ready.index.name == "sample_id"
    stratified = draw_split(dataset, Split(train=0.5, valid=0.25, test=0.25, stratify="kind"))
    kinds = pd.Series(["ab"[int(i[1:]) % 2] for i in stratified.index], index=stratified.index)
    assert (stratified[kinds == "a"] == "train").sum() == 3


def test_a_mapping_names_the_column_of_each_dataset(make_dataset: Any) -> None:
    dataset = read_dataset(make_dataset(files=clinical(PARTS)))
    mapped = draw_split(dataset, Split(column={"tiny": "part"}))
    assert mapped.equals(draw_split(dataset, Split(column="part")))
    assert draw_split(dataset, Split(column={"other": "part"})).equals(draw_split(dataset, Split()))


@pytest.mark.parametrize(
    ("setting", "key", "words"),
    [
        ({"column": "parts"}, "split.column", "Did you mean part?"),
        ({"group": "patients"}, "split.group", "Did you mean patient?"),
        ({"stratify": "knd"}, "split.stratify", "Did you mean kind?"),
        ({"column": "kind"}, "kind", "12 samples are in no part of the split"),
    ],
)
def test_a_column_that_does_not_fit_is_named(
    make_dataset: Any, setting: dict[str, str], key: str, words: str
) -> None:
    dataset = read_dataset(make_dataset(files=clinical(PARTS)))
    with pytest.raises(InputError, match=words.replace("?", r"\?")) as caught:
        draw_split(dataset, Split(**setting))
    assert caught.value.key == key


def test_a_ready_made_split_must_have_every_sample(make_dataset: Any) -> None:
    dataset = read_dataset(make_dataset(files=clinical({"s4": ""})))
    with pytest.raises(InputError, match="s4 \\(no value\\)"):
        draw_split(dataset, Split(column="part"))


def test_a_mapping_may_not_name_a_dataset_there_is_not() -> None:
    study = Path("study.yaml")
    check_split_columns(Split(group={"tiny": "patient"}), ["tiny", "other"], study)
    check_split_columns(Split(group="patient"), ["tiny"], study)
    with pytest.raises(InputError, match=r"no data set 'tinny'\. Did you mean tiny") as caught:
        check_split_columns(Split(group={"tinny": "patient"}), ["tiny", "other"], study)
    assert caught.value.key == "split.group"
    assert caught.value.file == study


def test_ways_to_split_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="stratify and group exclude each other"):
        Split(stratify="kind", group="patient")
