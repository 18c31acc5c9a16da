"""Texts that differ and are the same to a person, and those that are not."""

from __future__ import annotations

import pytest

from aehpo_assets.datasets.reading.spelling import class_key, kin_ids, same_ids, spellings


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Male", "male"),
        ("Stage II", "stage  ii"),
        ("T-cell", "T cell"),
        ("not_treated", "Not treated"),
        ("1", "1.0"),
        ("Café", "Cafe\N{COMBINING ACUTE ACCENT}"),
    ],
)
def test_one_class_in_two_spellings(first: str, second: str) -> None:
    assert spellings({first: 3, second: 2, "other": 1}) == [{first: 3, second: 2}]


@pytest.mark.parametrize(
    ("first", "second"), [("1", "-1"), ("1-2", "12"), ("+", "-"), ("T+", "T-"), ("I", "II")]
)
def test_different_classes(first: str, second: str) -> None:
    assert class_key(first) != class_key(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("p001", "P001"),
        ("P001 ", "P001"),
        ("TCGA.02.0001", "TCGA-02-0001"),
        ("X12", "12"),
        ("12.0", "12"),
        ("1", "001"),
    ],
)
def test_one_id_in_two_spellings(first: str, second: str) -> None:
    assert same_ids([first], [second, "other"]) == {first: second}


def test_ids_that_more_than_one_could_be_are_not_matched() -> None:
    assert same_ids(["p1"], ["P1", "P-1"]) == {}
    assert same_ids(["1-23"], ["12-3"]) == {}
    assert same_ids(["p1"], ["p10", "p2"]) == {}


def test_ids_with_an_ending_more_or_less_are_kin() -> None:
    assert kin_ids(["P001-01A", "run3_P002", "P9"], ["P001", "P002", "P9-T"]) == {
        "P001-01A": "P001",
        "run3_P002": "P002",
        "P9": "P9-T",
    }
    assert kin_ids(["sample_7", "s1"], ["sample_8", "s12"]) == {}
