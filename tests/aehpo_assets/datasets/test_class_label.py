"""The label of a class loss: which column may be one, and what is said of one that may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.datasets.class_label import with_class_label
from aehpo_assets.datasets.dataset import Dataset, read_dataset
from aehpo_assets.datasets.label_facts import describe_labels
from aehpo_assets.datasets.labels import class_codes
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.errors import InputError
from aehpo_assets.running.preflight import check_study, check_tasks
from aehpo_assets.store.hashes import content_hash
from aehpo_assets.study import read_study
from aehpo_assets.study.data import ClassLoss
from tests.aehpo_assets.datasets.test_joint import write_cohort, write_study

JOINED = [{"dataset": "toy", "modalities": ["rna", "mut"]}]
XMODALIX = {"tasks": [], "fusion": JOINED, "architectures": ["xmodalix"], "epochs": 3}
WEIGHED = {"k_filter": [64], "delta_class": [0, 5]}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The samples of ``write_cohort`` with further columns, of which ``site`` may be a label."""
    folder = write_cohort(tmp_path / "toy")
    table = pd.read_csv(folder / "clinical.csv", index_col=0)
    at = np.arange(len(table))
    further = {
        "site": np.where(at % 5 == 0, "", np.array(["north", "south", "east"])[at % 3]),
        "clinic": np.array(["one", "two", "three"])[at % 3],
        "ward": np.array(["a", "b", "c", "d"])[at % 4],
        "age": 30 + at * 1.0,
        "dose": at % 2 + 0.5,
        "stage": at % 3,
        "name": [f"n{i}" for i in at],
        "country": "DE",
        "nothing": "",
    }
    table.assign(**further).to_csv(folder / "clinical.csv")
    file = folder / "dataset.yaml"
    content = yaml.safe_load(file.read_text())
    content["labels"]["regression"] = ["age"]
    file.write_text(yaml.safe_dump(content))
    return folder


def labelled(dataset: Dataset, label: Any, missing: str = "refuse") -> pd.DataFrame:
    ids = pd.Index([f"P{i:02d}" for i in range(4, 40)], name="sample_id")
    labels = read_labels(dataset, ids)
    return with_class_label(dataset, labels, ClassLoss(label=label, missing=missing))


def test_a_column_beside_the_scored_ones_comes_along(folder: Path) -> None:
    dataset = read_dataset(folder)
    table = read_label_table(dataset)
    labels = labelled(dataset, {"toy": "clinic"})
    assert list(labels) == ["sex", "age", "clinic"]
    assert labels.attrs["objective"] == {"sex": ["sex"]}
    codes = class_codes(labels)
    assert codes is not None
    assert [("one", "three", "two")[code] for code in codes] == labels["clinic"].tolist()
    reading = describe_labels(dataset, "rna", table, labels)
    assert reading.labels["clinic"].role == "class_loss"
    assert reading.labels["age"].role == "regression"
    assert sum(reading.labels["clinic"].classes.values()) == 36
    # Whole numbers may be names of classes.
    codes = class_codes(labelled(dataset, "stage"))
    assert codes is not None
    assert sorted(set(codes)) == [0, 1, 2]


def test_samples_without_it_are_left_out_if_the_study_says_so(folder: Path) -> None:
    dataset = read_dataset(folder)
    with pytest.raises(InputError, match=r"7 of 36 samples of toy have no site.*leave_out"):
        labelled(dataset, "site")
    labels = labelled(dataset, "site", "leave_out")
    codes = class_codes(labels)
    assert codes is not None
    assert (codes == -1).tolist() == labels["site"].isna().tolist()
    assert (codes == -1).sum() == 7


def test_without_a_class_loss_labels_are_what_they_were(folder: Path) -> None:
    dataset = read_dataset(folder)
    labels = read_labels(dataset, pd.Index(["P04", "P05"], name="sample_id"))
    version = content_hash(labels)
    assert with_class_label(dataset, labels, None) is labels
    assert class_codes(labels) is None
    assert content_hash(labels) == version


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("sex", r"sex is what latents of toy are scored by \(labels.objective.sex\)"),
        ("age", r"age is what latents of toy are scored by \(labels.regression\)"),
        ("ward", r"ward says the label sex of toy"),
        ("clinik", r"no column 'clinik' in clinical.csv.*Did you mean clinic"),
        ("dose", r"dose holds numbers, from 0.5 to 1.5"),
        ("name", r"name has 36 values among 36 samples, such as 'n4'"),
        ("country", r"country has one class \(clinical.csv of toy\)"),
        ("nothing", r"36 of 36 samples of toy have no nothing"),
        ({"other": "clinic"}, r"names no column for the data set toy.*Add toy: COLUMN"),
    ],
)
def test_what_may_be_no_label_is_refused_in_a_sentence(folder: Path, label: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"class_loss.label: .*{said}"):
        labelled(read_dataset(folder), label)


def test_a_column_that_is_empty_is_none_even_if_left_out(folder: Path) -> None:
    with pytest.raises(InputError, match=r"nothing has no value \(clinical"):
        labelled(read_dataset(folder), "nothing", "leave_out")


def test_a_study_is_refused_before_anything_is_written(folder: Path, tmp_path: Path) -> None:
    def check(label: Any) -> None:
        file = write_study(
            tmp_path, **XMODALIX, space=WEIGHED, class_loss={"label": label, "missing": "leave_out"}
        )
        study = read_study(file)
        tasks = available_tasks([folder], study.fusion)
        tasks = {name: task for name, task in tasks.items() if name == "toy_rna+mut"}
        check_study(study, file, tasks)
        check_tasks(study, tasks, file)

    check("clinic")
    check({"toy": "site"})
    with pytest.raises(InputError, match=r"study.yaml: class_loss.label: sex is what latents"):
        check("sex")
    with pytest.raises(InputError, match=r"study.yaml: class_loss.label: there is no column"):
        check("clin")
    with pytest.raises(InputError, match=r"no task of the study is of the data set 'tpy'.*toy"):
        check({"toy": "clinic", "tpy": "clinic"})


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"space": WEIGHED}, "names no label for it: add class_loss"),
        ({"space": {"delta_class": {"uniform": [0, 1]}}}, "names no label for it"),
        ({"class_loss": {"label": "clinic"}}, r"weighed by delta_class.*delta_class: \[0, 5\]"),
        ({"class_loss": {"label": "clinic", "missing": "drop"}, "space": WEIGHED}, "missing"),
        ({"class_loss": {"labels": "clinic"}, "space": WEIGHED}, "labels"),
        ({"class_loss": {"label": ["clinic"]}, "space": WEIGHED}, "class_loss.label"),
    ],
)
def test_a_study_file_that_says_half_of_it_is_refused(
    tmp_path: Path, settings: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError, match=said):
        read_study(write_study(tmp_path, **(XMODALIX | settings)))


@pytest.mark.parametrize(
    ("epochs", "said"),
    [([0, 3], "allows 3, which is no less than the study's 3 epochs"), ([1.5], "whole numbers")],
)
def test_pretraining_is_shorter_than_a_run(tmp_path: Path, epochs: list[float], said: str) -> None:
    space = {"k_filter": [64], "pretrain_epochs": epochs}
    file = write_study(tmp_path, **XMODALIX, space=space)
    with pytest.raises(InputError, match=f"space.pretrain_epochs: .*{said}"):
        check_study(read_study(file), file, ["toy_rna+mut"])
    # How many epochs so many steps are is another matter for each run.
    space = {"k_filter": [64], "pretrain_epochs": [0, 3]}
    file = write_study(tmp_path, **XMODALIX | {"epochs": None, "steps": 3}, space=space)
    check_study(read_study(file), file, ["toy_rna+mut"])


def test_a_study_whose_architectures_have_no_class_loss_is_refused(tmp_path: Path) -> None:
    file = write_study(tmp_path, space={"delta_class": [0, 5]}, class_loss={"label": "clinic"})
    with pytest.raises(InputError, match="read by none of the study's architectures"):
        check_study(read_study(file), file, ["toy_rna"])
    # Nothing is weighed by zero.
    read_study(write_study(tmp_path, **XMODALIX, space={"delta_class": [0]}))
