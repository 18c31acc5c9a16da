"""TCGA barcodes cut to what names the patient or the sample."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aehpo_assets.datasets.barcodes import common_level, cut_barcode, cut_barcodes
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_matrix import read_matrix, read_sample_ids
from aehpo_assets.errors import InputError

ALIQUOT = "TCGA-02-0001-01C-01D-0182-01"


@pytest.mark.parametrize(
    ("barcode", "patient", "sample"),
    [
        (ALIQUOT, "TCGA-02-0001", "TCGA-02-0001-01"),
        ("tcga.02.0001.01", "TCGA-02-0001", "TCGA-02-0001-01"),
        ("TCGA-A6-2672", "TCGA-A6-2672", None),
        ("GTEX-02-0001", None, None),
        ("TCGA-02-00011", None, None),
    ],
)
def test_a_barcode_is_cut(barcode: str, patient: str | None, sample: str | None) -> None:
    assert cut_barcode(barcode, "patient") == patient
    assert cut_barcode(barcode, "sample") == sample


def test_the_finest_common_level_is_found() -> None:
    assert common_level([ALIQUOT], ["TCGA-02-0001-01"]) == "sample"
    assert common_level([ALIQUOT], ["TCGA-02-0001"]) == "patient"
    assert common_level([ALIQUOT], ["TCGA-02-0002"]) is None
    assert common_level(["P1"], ["P2"]) is None


@pytest.mark.parametrize(
    ("ids", "level", "words"),
    [
        (["P1"], "patient", "P1 is no TCGA barcode. Leave tcga out of ids."),
        (["TCGA-02-0001"], "sample", "names a patient and no sample. Set tcga: patient."),
        (["TCGA-02-0001-01A", "TCGA-02-0001-11A"], "patient", "are both TCGA-02-0001 when cut"),
        (["TCGA-02-0001-01A", "TCGA-02-0001-01B"], "sample", "are both TCGA-02-0001-01 when cut"),
    ],
)
def test_what_cannot_be_cut_is_refused(ids: list[str], level: str, words: str) -> None:
    with pytest.raises(InputError) as caught:
        cut_barcodes(pd.Index(ids), level, Path("rna.csv"), "modalities.rna.ids")
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_modality_may_be_cut_too(make_dataset: Any) -> None:
    text = f"id,g\n{ALIQUOT},1\n{ALIQUOT.replace('0001', '0002')},2\n"
    folder = make_dataset(modality={"ids": {"tcga": "sample"}}, files={"rna.csv": text})
    dataset = read_dataset(folder)
    cut = ["TCGA-02-0001-01", "TCGA-02-0002-01"]
    assert read_matrix(dataset, "rna").index.tolist() == cut
    assert read_sample_ids(dataset) == cut
