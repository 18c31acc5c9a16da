"""Replicates: one test part, train and valid drawn again, the same however many there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.labels import SPLITS, downstream_targets
from aehpo_assets.datasets.replicates import (
    redraw,
    replicate_split,
    replicate_table,
    scored_samples,
    split_name,
)
from aehpo_assets.datasets.split import draw_split, split_columns, split_samples
from aehpo_assets.errors import InputError
from aehpo_assets.quality.check import worst
from aehpo_assets.quality.replicates import check_replicates
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.study.data import Split

COUNT = 4


def labels_of(values: list[Any], objective: tuple[str, ...] = ("kind",)) -> pd.DataFrame:
    index = pd.Index([f"s{i:03d}" for i in range(len(values))], name="sample_id")
    labels = pd.DataFrame({"kind": pd.Series(values, index=index, dtype="str")})
    labels.attrs = {"objective": {"kind": list(objective)}, "regression": [], "survival": None}
    return labels


def table_of(
    labels: pd.DataFrame, seed: int = 0, replicates: int = COUNT, **columns: pd.Series
) -> pd.DataFrame:
    split = split_samples(
        list(labels.index),
        Split(seed=seed),
        name="any",
        groups=columns.get("group"),
        strata=columns.get("stratify"),
    )
    return replicate_table(split, columns, labels, seed, replicates)


def sizes(split: pd.Series) -> list[int]:
    return [int((split == part).sum()) for part in SPLITS]


@given(
    st.lists(st.sampled_from(["a", "b", "c", None]), min_size=40, max_size=150), st.integers(0, 3)
)
@settings(max_examples=40, deadline=None)
def test_test_stays_and_the_sizes_are_those_of_the_first(kinds: list[Any], seed: int) -> None:
    labels = labels_of(kinds)
    table = table_of(labels, seed)
    for replicate in range(1, COUNT):
        split = table[split_name(replicate)]
        assert ((split == "test") == (table["split"] == "test")).all()
        assert sizes(split) == sizes(table["split"])
        assert not split.equals(table["split"].rename(split.name))
    assert all(check.passed for check in check_replicates(table, labels, None))


def test_a_replicate_depends_neither_on_their_number_nor_on_the_order() -> None:
    labels = labels_of(["ab"[i % 2] for i in range(80)])
    few, many = table_of(labels, replicates=2), table_of(labels, replicates=7)
    assert few["split_1"].equals(many["split_1"])
    assert replicate_split(few, labels, 0, 6).equals(many["split_6"].rename("split"))
    assert replicate_split(few, labels, 0, 0).equals(many["split"])
    turned = labels.iloc[::-1]
    turned.attrs = labels.attrs
    assert redraw(few.iloc[::-1], turned, 0, 1).sort_index().equals(few["split_1"].rename("split"))
    drawn = {tuple(many[split_name(r)]) for r in range(7)}
    assert len(drawn) == 7
    assert not redraw(few, labels, 1, 1).equals(few["split_1"].rename("split"))


def test_one_replicate_is_the_table_of_before() -> None:
    labels = labels_of(["ab"[i % 2] for i in range(40)])
    groups = pd.Series([f"p{i // 2}" for i in range(40)], index=labels.index)
    alone = table_of(labels, replicates=1, group=groups)
    assert list(alone) == ["split"]


@given(st.lists(st.integers(0, 40), min_size=80, max_size=200))
@settings(max_examples=30, deadline=None)
def test_groups_stay_whole(of: list[int]) -> None:
    labels = labels_of(["ab"[i % 2] for i in range(len(of))])
    groups = pd.Series([f"p{i}" for i in of], index=labels.index)
    try:
        table = table_of(labels, group=groups)
    except InputError:
        return  # too coarse: refused, not drawn all the same
    for replicate in range(COUNT):
        assert table[split_name(replicate)].groupby(groups).nunique().eq(1).all()
        assert abs(sizes(table[split_name(replicate)])[1] - sizes(table["split"])[1]) <= 14
    assert check_replicates(table, labels, None)[1].passed


def test_strata_get_their_shares_in_every_replicate() -> None:
    kinds = pd.Series(["abbc"[i % 4] for i in range(120)])
    labels = labels_of(kinds.tolist())
    table = table_of(labels, stratify=labels["kind"])
    for replicate in range(COUNT):
        counts = pd.crosstab(labels["kind"], table[split_name(replicate)])
        assert np.abs(counts["valid"].to_numpy() - np.array([3, 6, 3])).max() <= 1


def test_a_scored_class_has_two_samples_in_each_part_of_each_replicate() -> None:
    labels = labels_of(["rare"] * 15 + ["common"] * 85)
    for seed in range(15):
        table = table_of(labels, seed, replicates=6)
        if "kind=rare" not in scored_samples(table, labels):
            continue
        for replicate in range(6):
            split = table[split_name(replicate)]
            assert (split[labels["kind"] == "rare"].value_counts() >= 2).all()
            assert set(split[labels["kind"] == "rare"]) == set(SPLITS)


def test_what_is_scored_is_the_same_whatever_the_split(make_dataset: Any) -> None:
    rows = [f"s{i},{'rare' if i < 15 else 'common' if i < 88 else 'lone'}" for i in range(100)]
    matrix = "id,g0,g1\n" + "\n".join(f"s{i},{i},{i * i}" for i in range(100)) + "\n"
    files = {"clinical.csv": "id,kind\n" + "\n".join(rows) + "\n", "rna.csv": matrix}
    dataset = read_dataset(
        make_dataset(
            modality={"file": "rna.csv"},
            labels={"objective": {"kind": ["kind"]}, "regression": []},
            files=files,
        )
    )
    labels = labels_of([row.split(",")[1] for row in rows])
    labels.index = pd.Index([row.split(",")[0] for row in rows], name="sample_id")
    short = 0
    for seed in range(12):
        split = draw_split(dataset, Split(seed=seed))
        plain = split_samples(list(split.index), Split(seed=seed), name="tiny")
        here = labels.reindex(split.index)
        here.attrs = labels.attrs
        assert [t.classes for t in downstream_targets(here, split).classification] == [
            ("common", "rare")
        ]
        # Where the draw alone gives each part two, it stays as it was.
        enough = pd.crosstab(here["kind"], plain).loc[["common", "rare"]].to_numpy().min() >= 2
        assert split.equals(plain) == enough
        short += not enough
    assert 0 < short < 12


def test_a_ready_made_split_is_the_first_and_its_test_stays(make_dataset: Any) -> None:
    parts = (["train"] * 6 + ["valid"] * 2 + ["test"] * 2) * 6
    rows = [f"s{i},{'ab'[i % 2]},p{i // 2},{parts[i // 2 * 2]}" for i in range(60)]
    matrix = "id,g0,g1\n" + "\n".join(f"s{i},{i},{i * i}" for i in range(60)) + "\n"
    header = "id,kind,patient,part\n"
    files = {"clinical.csv": header + "\n".join(rows) + "\n", "rna.csv": matrix}
    dataset = read_dataset(
        make_dataset(
            modality={"file": "rna.csv"},
            labels={"objective": {"kind": ["kind"]}, "regression": []},
            files=files,
        )
    )
    ways = Split(column="part", group="patient")
    split = draw_split(dataset, ways)
    labels = labels_of([row.split(",")[1] for row in rows])
    labels.index = pd.Index([row.split(",")[0] for row in rows], name="sample_id")
    labels = labels.reindex(split.index)
    labels.attrs = labels_of(["a"]).attrs
    columns = split_columns(dataset, ways, list(split.index))
    table = replicate_table(split, columns, labels, 0, 3)
    assert list(table) == ["split", "group", "split_1", "split_2"]
    named = pd.Series({row.split(",")[0]: row.split(",")[3] for row in rows})
    assert (table["split"] == named.reindex(table.index)).all()
    for name in ("split_1", "split_2"):
        assert ((table[name] == "test") == (table["split"] == "test")).all()
        assert table[name].groupby(table["group"]).nunique().eq(1).all()
        assert not table[name].equals(table["split"].rename(name))


def test_groups_that_leave_a_class_short_are_refused() -> None:
    # Train and valid of the first split hold two each; no other arrangement of whole groups does.
    kinds = ["a"] * 20 + ["b"] * 60
    labels = labels_of(kinds)
    parts = ["train"] * 12 + ["valid"] * 4 + ["test"] * 4 + ["train"] * 44 + ["valid"] * 4
    split = pd.Series([*parts, *["test"] * 12], index=labels.index, name="split")
    groups = pd.Series(["all a"] * 16 + [f"p{i}" for i in range(64)], index=labels.index)
    with pytest.raises(InputError, match=r"no draw of replicate 1 gives (train|valid) 2 of kind=a"):
        replicate_table(split, {"group": groups}, labels, 0, 2)


def test_checks_see_what_is_wrong() -> None:
    labels = labels_of(["ab"[i % 2] for i in range(80)])
    groups = pd.Series([f"p{i // 4}" for i in range(80)], index=labels.index)
    good = table_of(labels, replicates=3, group=groups)
    failed = {
        "replicates_share_test": good.assign(split_1=good["split_1"].to_numpy()[::-1]),
        "replicates_have_classes": good.assign(
            split_2=good["split"].where(good["split"] == "test", "train")
        ),
    }
    member = good.index[good["split_1"] == "valid"][0]
    torn = good.copy()
    torn.loc[member, "split_1"] = "train"
    failed["replicates_keep_groups"] = torn
    for name, table in failed.items():
        outcomes = {check.name: check for check in check_replicates(table, labels, None)}
        assert not outcomes[name].passed, name


def test_of_all_replicates_the_first_that_failed_is_told() -> None:
    def outcome(passed: bool, text: str) -> CheckResult:
        return CheckResult(name="finite", passed=passed, blocking=True, description=text)

    good = outcome(True, "fine")
    assert worst({"": [good], "replicate 1": [good]}) == [good]
    broken, too = outcome(False, "broken"), outcome(False, "too")
    (found,) = worst({"": [good], "replicate 1": [good], "replicate 2": [broken], "3": [too]})
    assert not found.passed
    assert found.description == "replicate 2: broken"
