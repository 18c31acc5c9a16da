"""Samples of one patient: by a column, by TCGA barcodes, by the ends of ids; or none."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.datasets.patients import Patients, find_patients


def found(ids: list[str], **columns: list[str]) -> Patients | None:
    index = pd.Index(ids)
    return find_patients(index, pd.DataFrame(columns, index=index), "clinical.csv")


NUMBERS = [f"{i:03d}" for i in range(20)]
PLAIN = [f"S{n}" for n in NUMBERS]


@pytest.mark.parametrize(
    "column", ["patient", "PATIENT_ID", "Subject.ID", "donor", "case_submitter_id", "caseID"]
)
def test_a_column_of_people_is_believed(column: str) -> None:
    patients = found(PLAIN, **{column: [f"x{i // 2}" for i in range(20)]})
    assert patients is not None
    assert patients.source == f"the column {column} of clinical.csv"
    assert patients.repeated.to_dict() == {f"x{i}": 2 for i in range(10)}


def test_a_column_of_what_people_are_is_not_taken_for_who_they_are() -> None:
    assert found(PLAIN, case=["case", "control"] * 10) is None
    assert found(PLAIN, patient_status=["sick", "well", "dead", "lost"] * 5) is None
    assert found(PLAIN, patient=PLAIN) is None


def test_barcodes_name_the_patient() -> None:
    ids = [f"TCGA-02-0{n}-{kind}A" for n in NUMBERS for kind in ("01", "11")]
    patients = found(ids)
    assert patients is not None
    assert patients.source == "TCGA barcodes"
    assert len(patients.repeated) == 20
    assert found(ids[::2]) is None


@pytest.mark.parametrize("ends", [("_T", "_N"), ("-1", "-2"), (".rep1", ".rep2"), ("a", "b")])
def test_ids_that_differ_in_a_short_end_are_of_one_patient(ends: tuple[str, str]) -> None:
    patients = found([f"P{n}{end}" for n in NUMBERS for end in ends])
    assert patients is not None
    assert patients.repeated.to_dict() == {f"P{n}": 2 for n in NUMBERS}


@pytest.mark.parametrize(
    "ids",
    [
        PLAIN,
        [f"sample_{n}" for n in NUMBERS],
        [f"plate{p}_{w}" for p in range(4) for w in range(40)],
        [f"{row}{column:02d}" for row in "ABCDEFGH" for column in range(1, 13)],
        ["".join(np.random.default_rng(i).choice(list("ACGT"), 16)) + "-1" for i in range(50)],
    ],
)
def test_other_ids_are_not(ids: list[str]) -> None:
    assert found(ids) is None


def test_patients_over_parts_are_counted() -> None:
    ids = ["P1_T", "P1_N", "P2_T", "P2_N", "P3_T", "P3_N"]
    patients = found(ids)
    assert patients is not None
    split = pd.Series(["train", "test", "train", "train", "valid", "valid"], index=ids)
    assert patients.parts(split).to_dict() == {"P1": 2, "P2": 1, "P3": 1}
