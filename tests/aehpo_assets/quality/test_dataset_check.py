"""What ``aehpo dataset check`` says was read: every silent fault can be seen on its page."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner

from aehpo_assets.cli.main import app
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.label_facts import describe_labels
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.datasets.split import draw_split
from aehpo_assets.quality.dataset import Examination, examine_dataset
from aehpo_assets.study.data import Split

SAMPLES = 120
Bend = Callable[[pd.DataFrame, pd.DataFrame, dict[str, Any]], Any]


def cohort(folder: Path, bend: Bend | None = None) -> Path:
    """A sound cohort of 120 samples x 24 features, bent in one place."""
    source = np.random.default_rng(0)
    ids = pd.Index([f"P{i:03d}" for i in range(1, SAMPLES + 1)], name="id")
    values = source.normal(5, 2, (SAMPLES, 24)).clip(0).round(3)
    matrix = pd.DataFrame(values, index=ids, columns=[f"GENE{i}" for i in range(1, 25)])
    table = pd.DataFrame(
        {
            "kind": source.permutation(np.repeat(["A", "B"], SAMPLES // 2)),
            "sex": source.permutation(np.repeat(["F", "M"], SAMPLES // 2)),
            "age": source.integers(30, 85, SAMPLES),
        },
        index=ids,
    )
    settings: dict[str, Any] = {
        "name": "cohort",
        "modalities": {"rna": {"file": "rna.csv"}},
        "labels": {
            "file": "clinical.csv",
            "objective": {"kind": ["kind"], "sex": ["sex"]},
            "regression": ["age"],
        },
    }
    if bend is not None:
        bend(matrix, table, settings)
        matrix = settings.pop("matrix", matrix)
    folder.mkdir(exist_ok=True)
    matrix.to_csv(folder / "rna.csv")
    table.to_csv(folder / "clinical.csv")
    (folder / "dataset.yaml").write_text(yaml.safe_dump(settings))
    return folder


def examined(folder: Path, bend: Bend | None = None) -> Examination:
    return examine_dataset(cohort(folder, bend))


def everything(found: Examination) -> str:
    return "\n".join([found.page(), *found.warnings, *found.wrong])


def test_a_sound_data_set_is_described_and_nothing_is_wrong(tmp_path: Path) -> None:
    found = examined(tmp_path)
    page = found.page()
    for words in [
        "120 samples x 24 features of rna.csv",
        "samples: P001, P002 … P120",
        "features: GENE1, GENE2 … GENE24",
        "0.0% missing",
        "11 KiB",
        "120 of 120 samples have a row in clinical.csv",
        "0 of 120 rows belong to no sample",
        "split: 84 train, 12 valid, 24 test",
        "no two samples are known to be of one patient",
        "A 60 (",
        "30 to 84",
    ]:
        assert words in page
    assert found.wrong == []
    assert found.warnings == []


def words_for_missing(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table.iloc[:40, 1] = "[Not Available]"
    table.iloc[40:60, 1] = "Not Reported"


def none_is_a_therapy(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table["sex"] = np.repeat(["None", "Chemo", "Radio"], SAMPLES // 3)[np.argsort(table["age"])]


def na_is_a_class(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table.iloc[::2, 1] = "NA"


def na_is_the_other_class(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table["sex"] = table["sex"].replace("F", "NA")


def two_spellings(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table.iloc[::3, 1] = table.iloc[::3, 1].str.lower()


def half_of_the_ids(matrix: pd.DataFrame, _: pd.DataFrame, settings: dict[str, Any]) -> None:
    names = [n.lower() if i % 2 == 0 else n for i, n in enumerate(matrix.index)]
    matrix.index = pd.Index(names, name="id")


def other_half_of_the_ids(matrix: pd.DataFrame, _: pd.DataFrame, settings: dict[str, Any]) -> None:
    names = [
        f"Q{'abcdefgh'[i % 8]}x" * (i // 8 + 1) if i % 2 else n for i, n in enumerate(matrix.index)
    ]
    matrix.index = pd.Index(names, name="id")


def one_class_left(matrix: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table["sex"] = table["kind"].map({"A": "F", "B": "M"})
    settings["matrix"] = matrix[table["kind"] == "A"]


def two_samples_a_patient(
    matrix: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]
) -> None:
    ids = [f"TCGA-AA-{i % 60:04d}-{'01A' if i < 60 else '11A'}" for i in range(SAMPLES)]
    matrix.index = table.index = pd.Index(ids, name="id")


def labels_of_others(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table.index = pd.Index([f"row-{i}" for i in range(SAMPLES)], name="id")


def a_code_for_missing(_: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
    table.iloc[:10, 2] = -999


def a_column_that_is_no_feature(
    matrix: pd.DataFrame, _: pd.DataFrame, settings: dict[str, Any]
) -> None:
    matrix.insert(0, "Entrez_Gene_Id", np.arange(100_000, 100_000 + SAMPLES))


@pytest.mark.parametrize(
    ("bend", "words"),
    [
        (
            words_for_missing,
            ["[Not Available] 40, Not Reported 20", "| sex   | objective.sex  | 60 "],
        ),
        (none_is_a_therapy, ["None 40", "taken as classes, may mean missing", "{add: [None]}"]),
        (na_is_a_class, ["NA 60", "read as missing", "missing_words: {keep: [NA]}"]),
        (na_is_the_other_class, ["one class only ('M'); 60 values are 'NA'", "{keep: ['NA']}"]),
        (two_spellings, ["clinical.csv: sex: ", "M/m (", "F/f (", "Write each class in one way"]),
        (
            half_of_the_ids,
            [
                "60 of 120 samples of rna.csv have no row in clinical.csv (the first is p001; "
                "clinical.csv has P001), and 60 of its 120 rows belong to no sample",
                "Write ids alike",
            ],
        ),
        (other_half_of_the_ids, ["60 of 120 samples of rna.csv have no row", "60 of 120 rows"]),
        (
            one_class_left,
            ["of the 60 samples of rna.csv", "in clinical.csv (kind A only, sex F only)"],
        ),
        (
            two_samples_a_patient,
            ["60 have several samples, by TCGA barcodes", "several parts", "split.group"],
        ),
        (labels_of_others, ["none of its 120 ids is a sample", "'P001' in rna.csv"]),
        (a_code_for_missing, ["-999 to 84"]),
        (a_column_that_is_no_feature, ["x 25 features", "Entrez_Gene_Id, GENE1", "to 100119"]),
    ],
)
def test_what_a_sound_looking_table_hides_stands_on_the_page(
    tmp_path: Path, bend: Bend, words: list[str]
) -> None:
    text = everything(examined(tmp_path, bend))
    for word in words:
        assert word in text


@pytest.mark.parametrize("bend", [half_of_the_ids, one_class_left, labels_of_others])
def test_what_stops_a_run_is_wrong(tmp_path: Path, bend: Bend) -> None:
    assert examined(tmp_path, bend).wrong


def test_patients_that_a_column_names_are_counted(tmp_path: Path) -> None:
    def bend(matrix: pd.DataFrame, table: pd.DataFrame, settings: dict[str, Any]) -> None:
        table["patient"] = [f"x{i // 2}" for i in range(SAMPLES)]

    text = everything(examined(tmp_path, bend))
    assert "60 have several samples, by the column patient of clinical.csv" in text
    assert "patients_in_one_part" in text
    dataset = read_dataset(tmp_path)
    table = read_label_table(dataset)
    ids = table.written.index
    reading = describe_labels(dataset, "rna", table, read_labels(dataset, ids, "rna", table))
    assert reading.patients is not None
    apart = reading.patients.parts(draw_split(dataset, Split()))
    together = reading.patients.parts(draw_split(dataset, Split(group="patient")))
    assert (apart > 1).any()
    assert (together == 1).all()


def test_the_command_says_the_same_as_json_and_writes_nothing(tmp_path: Path) -> None:
    folder = cohort(tmp_path / "cohort", two_spellings)
    before = sorted(tmp_path.rglob("*"))
    shown = CliRunner().invoke(app, ["dataset", "check", str(folder)])
    assert shown.exit_code == 0
    assert "# cohort" in shown.output
    assert "Nothing is wrong; " in shown.output
    assert "one_spelling_a_class" in shown.output
    told = CliRunner().invoke(app, ["dataset", "check", str(folder), "--json"])
    facts = json.loads(told.stdout)
    assert facts["modalities"]["rna"]["matrix"]["samples"] == SAMPLES
    sex = facts["modalities"]["rna"]["labels"]["sex"]
    assert sum(sex["classes"].values()) == SAMPLES
    assert len(sex["spellings"]) == 2
    assert sum(sex["parts"]["M"].values()) == sex["classes"]["M"]
    assert facts["wrong"] == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("option", [[], ["--json"]])
def test_the_command_fails_if_something_is_wrong(tmp_path: Path, option: list[str]) -> None:
    folder = cohort(tmp_path, half_of_the_ids)
    result = CliRunner().invoke(app, ["dataset", "check", str(folder), *option])
    assert result.exit_code == 1
    assert "60 of 120 samples of rna.csv have no row in clinical.csv" in result.output


def test_a_broken_dataset_yaml_is_told_in_both_forms(tmp_path: Path) -> None:
    (tmp_path / "dataset.yaml").write_text("name: x\nmodalitys: {}\n")
    for option in ([], ["--json"]):
        result = CliRunner().invoke(app, ["dataset", "check", str(tmp_path), *option])
        assert result.exit_code == 1
        assert "unknown key" in result.output
