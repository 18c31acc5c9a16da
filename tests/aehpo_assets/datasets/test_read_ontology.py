"""Ontologies of modalities: what is read of a file, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from aehpo_assets.datasets.dataset import Dataset, read_dataset
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.read_ontology import task_ontology
from aehpo_assets.datasets.simulate import FEATURES, ontology, simulate_cohort, write_cohort
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.running.preflight import check_tasks
from aehpo_assets.study import Study
from tests.conftest import write_tiny

GENES = pd.Index([f"g{number}" for number in range(20)])


def toy(tmp_path: Path, text: str | None, **modality: object) -> Dataset:
    """The tiny data set with an ontology of some lines."""
    write_tiny(tmp_path)
    folder = tmp_path / "data" / "toy"
    file = folder / "dataset.yaml"
    content = yaml.safe_load(file.read_text())
    content["modalities"]["rna"] |= modality
    if text is not None:
        (folder / "ontology.tsv").write_text(text)
        content["modalities"]["rna"]["ontology"] = "ontology.tsv"
    file.write_text(yaml.safe_dump(content))
    return read_dataset(folder)


def test_edges_of_the_matrix_are_read_and_features_without_one_are_there(tmp_path: Path) -> None:
    rows = ["feature node parent", "g0 a A", "g0 a A", "g0 b B", "g19 NA A", "TP53 b B"]
    text = "\n".join(rows).replace(" ", "\t")
    table = task_ontology(toy(tmp_path, text), "rna", GENES)
    assert [" ".join(row) for row in table[:3].to_numpy()] == ["g0 a A", "g0 b B", "g19 NA A"]
    assert table["feature"][3:].tolist() == list(GENES[1:19])
    assert (table.loc[3:, ["node", "parent"]] == "").all(axis=None)


def test_features_of_a_joint_task_are_named_by_their_modality(tmp_path: Path) -> None:
    write_cohort(tmp_path)
    dataset = read_dataset(tmp_path)
    parts = {name: read_matrix(dataset, name).columns for name in ("rna", "dna")}
    features = pd.Index([f"{name}:{one}" for name, own in parts.items() for one in own])
    table = task_ontology(dataset, "rna+dna", features)
    assert set(table["feature"]) == set(features)
    # A programme is one node, whatever the modality.
    assert set(table["node"]) == {"", *(f"programme_{number}" for number in range(5))}


def test_a_task_of_which_one_modality_has_none_has_none(tmp_path: Path) -> None:
    assert task_ontology(toy(tmp_path, None), "rna", GENES).empty


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("feature\tnode\nTP53\ta\nBRCA1\tb\n", r"0 of the 20 features .* \(0% .*'g0'.*'TP53'"),
        (
            "feature\tnode\n" + "\n".join(f"X{n}\ta" for n in range(30)) + "\ng3\ta\n",
            r"1 of the 20 features of rna are among the 31 .* \(5% of the fewer\)",
        ),
        ("gene\tnode\ng0\ta\n", r"has the columns gene, node.*feature, node and.*parent"),
        ("feature,node\ng0,a\n", r"has the columns feature,node.*separated by tabs"),
        ("feature\tnode\ng0\ta\ng1\t\n", r"line 3 has no node.*take the line out"),
        ("feature\tnode\tparent\ng0\ta\t\n", r"line 2 has no parent.*or the column out"),
        ("feature\tnode\n", r"has no line"),
        ("", r"is no table of tab-separated values"),
    ],
)
def test_what_is_no_ontology_of_the_matrix_is_refused(
    tmp_path: Path, text: str, problem: str
) -> None:
    dataset = toy(tmp_path, text)
    said = rf"(?s)ontology\.tsv.*modalities\.rna\.ontology: {problem}"
    with pytest.raises(InputError, match=said):
        task_ontology(dataset, "rna", GENES)
    # Whoever looks at the data set is told the same.
    (found,) = validate_dataset(dataset.folder)
    assert found.key == "modalities.rna.ontology"


def test_a_file_that_is_not_there_is_told_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"modalities.rna.ontology: there is no file other.tsv"):
        toy(tmp_path, None, ontology="other.tsv")


def test_an_architecture_that_needs_one_is_refused_without(tmp_path: Path) -> None:
    content = {"name": "s", "tasks": "all", "configurations": {"count": 2}, "epochs": 1}
    study = Study.model_validate(content | {"architectures": ["varix", "ontix"]})
    tasks = {"toy_rna": (toy(tmp_path, None), "rna")}
    with pytest.raises(
        InputError, match=r"s.yaml.*ontix needs an ontology, and the modality rna of toy_rna has"
    ):
        check_tasks(study, tasks, Path("s.yaml"))
    check_tasks(study.model_copy(update={"architectures": ["varix"]}), tasks, Path("s.yaml"))
    crossed = study.model_copy(update={"architectures": ["varix", "xmodalix"]})
    with pytest.raises(InputError, match=r"xmodalix translates .* toy_rna has one.*tasks: \[\]"):
        check_tasks(crossed, tasks, Path("s.yaml"))


def test_the_simulator_says_what_its_features_follow() -> None:
    table = ontology()
    assert not table.duplicated().any()
    modalities, _ = simulate_cohort()
    assert set(table["feature"]) <= {one for matrix in modalities.values() for one in matrix}
    # In meth every feature follows one programme, elsewhere each programme about a third of them.
    counts = table.groupby(table["feature"].str.split("_").str[0])["node"].value_counts()
    assert counts["meth"].tolist() == [FEATURES["meth"] / 5] * 5
    assert counts["rna"].between(0.25 * FEATURES["rna"], 0.45 * FEATURES["rna"]).all()
