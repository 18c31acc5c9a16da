"""Reading labels: aligned to the matrix, cleaned, and every mistake named."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.read_labels import read_label_column, read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.errors import InputError

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


def kinds_of(words: list[str], make_dataset: Any, **labels: Any) -> list[str | None]:
    rows = "".join(f"s{i},{word},{i}\n" for i, word in enumerate([*words, "x", "y"]))
    folder = make_dataset(labels=labels, files={"clinical.csv": f"id,kind,age\n{rows}"})
    samples = pd.Index([f"s{i}" for i in range(len(words))])
    read_kinds = read(folder, samples)["kind"]
    return [None if pd.isna(kind) else kind for kind in read_kinds]


def test_the_words_of_portals_mean_missing_in_any_case(make_dataset: Any) -> None:
    words = ["[Not Available]", "[NOT APPLICABLE]", "[Unknown]", "'--", "--", ".", "?", "Nan"]
    words += ["not reported", "Not_Reported", "#N/A", "NULL", "[Discrepancy]", "[Not Evaluated]"]
    assert kinds_of(words, make_dataset) == [None] * len(words)


def test_words_that_may_be_classes_are_classes(make_dataset: Any) -> None:
    words = ["None", "Unknown", "No", "-", "missing"]
    assert kinds_of(words, make_dataset) == words


def test_the_dataset_may_add_and_keep_words(make_dataset: Any) -> None:
    words = ["None", "UNKNOWN", "NA", "-9", "-9.0", "a"]
    settings = {"add": ["unknown", "-9"], "keep": ["na"]}
    read_kinds = kinds_of(words, make_dataset, missing_words=settings)
    assert read_kinds == ["None", None, "NA", None, None, "a"]


def test_no_word_for_missing_is_a_number(make_dataset: Any) -> None:
    text = "id,kind,age\ns1,a,None\ns2,b,unknown\ns3,a,-\ns4,b,7\n"
    folder = make_dataset(
        labels={"missing_words": {"keep": ["None"]}}, files={"clinical.csv": text}
    )
    ages = read(folder, pd.Index(["s1", "s2", "s3", "s4"]))["age"]
    assert ages.isna().tolist() == [True, True, True, False]


@pytest.mark.parametrize("event", ["yes", "1", "1.0", "true"])
def test_the_event_is_named_as_it_stands_in_the_file(make_dataset: Any, event: str) -> None:
    text = f"id,kind,age,days,dead\ns1,a,1,10,{event}\ns2,b,2,20,other\ns3,a,3,5,{event}\n"
    folder = make_dataset(files={"clinical.csv": text})
    settings = (folder / "dataset.yaml").read_text()
    survival = f"  survival: {{time: days, event: dead, event_value: {event}}}\n"
    (folder / "dataset.yaml").write_text(settings + survival)
    assert read(folder).loc["s1", "dead"] == event


def test_an_event_spelt_in_another_way_is_refused_with_the_right_one(make_dataset: Any) -> None:
    survival = {"time": "age", "event": "kind", "event_value": "Dead"}
    text = "id,kind,age\ns1,dead,1\ns2,alive,2\n"
    folder = make_dataset(labels={"survival": survival}, files={"clinical.csv": text})
    with pytest.raises(InputError, match=r"Did you mean survival\.event_value: 'dead'"):
        read(folder)


@pytest.mark.parametrize("rename", [str.upper, "{}.0".format, " {}".format, "s-{0[1]}".format])
def test_ids_that_differ_in_spelling_only_are_refused(make_dataset: Any, rename: Any) -> None:
    ids = [f"s{i}" for i in range(4)]
    rows = "".join(f"{rename(n) if i > 1 else n},{'ab'[i % 2]},{i}\n" for i, n in enumerate(ids))
    folder = make_dataset(files={"clinical.csv": f"id,kind,age\n{rows}"})
    with pytest.raises(InputError) as caught:
        read_labels(read_dataset(folder), pd.Index(ids), "rna")
    assert "2 of 4 samples of rna.csv have no row in clinical.csv (the first is s2" in str(
        caught.value
    )
    assert "Write ids alike in both files" in str(caught.value)


def barcoded(make_dataset: Any, rows: list[str], level: str | None) -> Path:
    text = "id,kind,age\n" + "".join(f"{r},{'ab'[i % 2]},{i}\n" for i, r in enumerate(rows))
    ids = {"ids": {"tcga": level}} if level else {}
    return Path(make_dataset(labels=ids, files={"clinical.csv": text}))


ALIQUOTS = pd.Index([f"TCGA-02-000{i}-01A-11R-0001-01" for i in range(4)])


def test_barcodes_of_different_lengths_are_refused_with_the_setting_that_joins_them(
    make_dataset: Any,
) -> None:
    folder = barcoded(make_dataset, [f"TCGA-02-000{i}-01" for i in range(4)], None)
    with pytest.raises(InputError, match=r"Set ids: \{tcga: sample\} for labels"):
        read(folder, ALIQUOTS)
    folder = barcoded(make_dataset, [f"TCGA-02-000{i}" for i in range(4)], None)
    with pytest.raises(InputError, match=r"Set ids: \{tcga: patient\} for labels"):
        read(folder, ALIQUOTS)


@pytest.mark.parametrize(("level", "ending"), [("sample", "-01"), ("patient", "")])
def test_barcodes_are_joined_at_a_level(make_dataset: Any, level: str, ending: str) -> None:
    folder = barcoded(make_dataset, [f"TCGA-02-000{i}{ending}" for i in range(4)], level)
    labels = read(folder, ALIQUOTS)
    assert labels.index.equals(ALIQUOTS)
    assert labels["kind"].tolist() == ["a", "b", "a", "b"]


def test_label_rows_that_fall_together_are_refused(make_dataset: Any) -> None:
    rows = ["TCGA-02-0001-01", "TCGA-02-0001-11", "TCGA-02-0002-01"]
    with pytest.raises(InputError) as caught:
        read(barcoded(make_dataset, rows, "patient"), ALIQUOTS)
    assert caught.value.key == "labels.ids"
    assert "TCGA-02-0001-01 and TCGA-02-0001-11 are both TCGA-02-0001" in str(caught.value)


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
    survival = {"time": "days", "event": "dead", "event_value": "1", "covariates": ["age"]}
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
        ("id,kind,age\ns1,NA,1\ns2,b,2\n", {}, "kind", "1 values are 'NA'"),
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


@pytest.mark.parametrize("orientation", ["samples_by_features", "features_by_samples"])
def test_a_matrix_that_is_turned_the_wrong_way_is_told_which_way(
    make_dataset: Any, orientation: str
) -> None:
    folder = make_dataset()
    if orientation == "samples_by_features":
        table = pd.read_csv(folder / "rna.csv", index_col=0)
        make_dataset(files={"rna.csv": table.T.to_csv(index_label="gene")})
    else:
        make_dataset(modality={"orientation": orientation})
    dataset = read_dataset(folder)
    with pytest.raises(InputError) as caught:
        read_labels(dataset, read_matrix(dataset, "rna").index, "rna")
    (other,) = {"samples_by_features", "features_by_samples"} - {orientation}
    assert f"set orientation: {other} for modalities.rna" in str(caught.value)


def test_a_column_that_has_the_sample_ids_is_named(make_dataset: Any) -> None:
    rows = "".join(f"{i + 7},s{i},{'ab'[i % 2]},{i}\n" for i in range(12))
    folder = make_dataset(files={"clinical.csv": "patient_no,sample,kind,age\n" + rows})
    dataset = read_dataset(folder)
    with pytest.raises(InputError, match="Its column sample has them: set ids: sample for labels"):
        read_labels(dataset, read_matrix(dataset, "rna").index, "rna")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("id, kind,age", "Did you mean ' kind'?"),
        ("Title,,", "has 2 columns without a name"),
    ],
)
def test_a_header_that_is_none_is_told_so(make_dataset: Any, header: str, said: str) -> None:
    text = f"{header}\ns0,a,1\ns1,b,2\n"
    with pytest.raises(InputError, match=re.escape(said)):
        read_label_table(read_dataset(make_dataset(files={"clinical.csv": text})))


def test_a_label_table_with_samples_in_columns_is_told_so(make_dataset: Any) -> None:
    text = "id,s0,s1\nkind,a,b\nage,1,2\n"
    with pytest.raises(InputError, match="write one row a sample"):
        read_label_table(read_dataset(make_dataset(files={"clinical.csv": text})))


def test_ids_that_differ_in_what_cannot_be_seen_are_escaped(make_dataset: Any) -> None:
    rows = "".join(f"s{i}\u00a0,{'ab'[i % 2]},{i}\n" for i in range(12))
    dataset = read_dataset(make_dataset(files={"clinical.csv": "id,kind,age\n" + rows}))
    with pytest.raises(InputError, match=r"s0 or 's0\\xa0'"):
        read_labels(dataset, read_matrix(dataset, "rna").index, "rna")
