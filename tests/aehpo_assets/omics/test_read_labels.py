"""Reading labels: aligned to the matrix, cleaned, and every mistake named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.omics.dataset import read_dataset
from aehpo_assets.omics.read import read_label_column, read_labels

SAMPLES = pd.Index(["s3", "s1", "nobody"], name="sample_id")


def read(folder: Path, samples: pd.Index = SAMPLES) -> pd.DataFrame:
    return read_labels(read_dataset(folder), samples)


def test_labels_come_in_the_order_of_the_matrix(make_dataset: Any) -> None:
    labels = read(make_dataset())
    assert labels.index.equals(SAMPLES)
    assert labels.loc["s3"].tolist() == ["b", 3.0]
    assert labels.loc["s1"].tolist() == ["b", 1.0]
    assert labels.loc["nobody"].isna().all()
    assert labels.attrs == {
        "objective": {"type": ["kind"]},
        "regression": ["age"],
        "survival": None,
    }


def test_words_that_mean_missing_are_missing(make_dataset: Any) -> None:
    text = "id,kind,age\ns1,NA,1\ns2, ,2\ns3,a,n/a\ns4,b,4\ns5,null,5\n"
    labels = read(
        make_dataset(files={"clinical.csv": text}), pd.Index([f"s{i}" for i in (1, 2, 3, 4, 5)])
    )
    assert labels["kind"].isna().tolist() == [True, True, False, False, True]
    assert labels["age"].isna().tolist() == [False, False, True, False, False]
    assert labels["age"].dtype == float


def test_whole_numbers_are_classes_as_they_are_written(make_dataset: Any) -> None:
    text = "id,kind,age\ns1,01,1\ns2,,2\ns3,2,3\n"
    labels = read(make_dataset(files={"clinical.csv": text}))
    assert labels.loc["s1", "kind"] == "01"


def test_whole_numbers_beside_missing_ones_stay_whole_in_parquet(make_dataset: Any) -> None:
    folder = make_dataset(labels={"file": "clinical.parquet"}, files={"clinical.parquet": ""})
    table = pd.DataFrame({"id": ["s1", "s2", "s3"], "kind": [1.0, None, 2.0], "age": [1, 2, 3]})
    table.to_parquet(folder / "clinical.parquet")
    labels = read(folder)
    assert labels.loc["s1", "kind"] == "1"
    assert labels.loc["s3", "kind"] == "2"


def test_technical_and_survival_columns_are_kept(make_dataset: Any) -> None:
    survival = {"time": "days", "event": "dead", "event_value": 1, "covariates": ["age"]}
    text = "id,kind,age,days,dead,batch\ns1,a,1,10,1,x\ns2,b,2,20,0,y\ns3,a,3,,1,x\n"
    folder = make_dataset(
        labels={"survival": survival, "technical": ["batch"]}, files={"clinical.csv": text}
    )
    labels = read(folder)
    assert labels.loc["s1", ["days", "dead", "batch"]].tolist() == [10.0, "1", "x"]
    assert labels.attrs["survival"] == survival
    assert labels.attrs["technical"] == ["batch"]


@pytest.mark.parametrize(
    ("text", "labels", "key", "words"),
    [
        ("id,kind,age\nx1,a,1\nx2,b,2\n", {}, "labels.file", "is a sample of the matrix"),
        ("id,kind,age\ns1,a,1\ns2,a,2\n", {}, "kind", "one class only ('a')"),
        ("id,kind,age\ns1,,1\ns2,NA,2\n", {}, "kind", "no value at all"),
        ("id,kind,age\ns1,a,old\ns2,b,2\n", {}, "age", "'old' is no number"),
        ("id,kind,age\ns1,a,1\ns1,b,2\n", {}, "s1", "occurs more than once"),
        ("id,kind,age,age\ns1,a,1,1\ns2,b,2,2\n", {}, "age", "occurs more than once"),
        ("id,kinds,age\ns1,a,1\ns2,b,2\n", {}, "labels.objective.type", "Did you mean kinds?"),
        ("id,kind\ns1,a\ns2,b\n", {}, "labels.regression", "Columns: kind"),
        ("id,kind,age\ns1,a,1\n,b,2\n", {}, None, "row 2 has no id"),
        (
            "id,kind,age\ns1,a,1\ns2,b,2\n",
            {"survival": {"time": "age", "event": "kind", "event_value": "dead"}},
            "kind",
            "no sample has the event 'dead'",
        ),
        (
            "id,kind,age\ns1,a,1\ns2,b,2\n",
            {"technical": ["batch"]},
            "labels.technical",
            "no column 'batch'",
        ),
    ],
)
def test_a_mistake_is_named(
    make_dataset: Any, text: str, labels: dict[str, Any], key: str | None, words: str
) -> None:
    folder = make_dataset(labels=labels, files={"clinical.csv": text})
    with pytest.raises(InputError) as caught:
        read(folder)
    assert caught.value.key == key
    assert words in str(caught.value)
    assert caught.value.remedy


def test_a_label_nobody_of_one_modality_has_is_no_error(make_dataset: Any) -> None:
    text = "id,kind,age\ns1,,1\ns2,a,2\ns3,,3\ns4,b,4\n"
    labels = read(make_dataset(files={"clinical.csv": text}))
    assert labels["kind"].isna().all()


def test_a_column_of_the_whole_table_is_read_by_name(make_dataset: Any) -> None:
    dataset = read_dataset(make_dataset())
    assert read_label_column(dataset, "kind", "split.group").loc["s2"] == "a"
    with pytest.raises(InputError, match="Did you mean kind") as caught:
        read_label_column(dataset, "knd", "split.group")
    assert caught.value.key == "split.group"
