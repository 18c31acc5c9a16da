"""The dataset.yaml contract: what is accepted, and how each mistake is named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import pytest

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.datasets.dataset import find_datasets, read_dataset, task_name
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.study.data import Split
from aehpo_assets.study.results import TrainSizes


def test_a_dataset_names_its_tasks(make_dataset: Any) -> None:
    dataset = read_dataset(make_dataset())
    assert [task_name(dataset, modality) for modality in dataset.modalities] == ["tiny_rna"]
    assert dataset.labels.columns == ["kind", "age"]


@pytest.mark.parametrize("name", ["coread", "tcga", "pbmc_cite", "pbmc68k"])
def test_the_real_datasets_are_accepted(shared_data: Path, name: str) -> None:
    assert read_dataset(shared_data / name).name == name


@pytest.mark.parametrize(
    ("changes", "key", "words"),
    [
        ({"settings": {"titel": "x"}}, "titel", "unknown key"),
        ({"modality": {"transfrom": "log1p"}}, "modalities.rna.transfrom", "unknown key"),
        ({"modality": {"kind": "text"}}, "modalities.rna.kind", "continuous"),
        ({"modality": {"file": "absent.csv"}}, "modalities.rna.file", "there is no file absent"),
        ({"labels": {"file": "absent.csv"}}, "labels.file", "there is no file absent"),
        ({"labels": {"objective": {}}}, "labels.objective", "at least 1"),
        ({"labels": {"regression": ["kind"]}}, "labels", "both in objective and in regression"),
        ({"settings": {"name": "no spaces"}}, "name", "pattern"),
        ({"modality": {"file": "../rna.csv"}}, "modalities.rna.file", "leads out"),
        ({"modality": {"file": "/etc/passwd"}}, "modalities.rna.file", "leads out"),
        ({"labels": {"file": "../clinical.csv"}}, "labels.file", "leads out"),
    ],
)
def test_a_mistake_is_named_with_file_and_key(
    make_dataset: Any, changes: dict[str, Any], key: str, words: str
) -> None:
    folder = make_dataset(**changes)
    with pytest.raises(InputError) as caught:
        read_dataset(folder)
    assert caught.value.file == folder / "dataset.yaml"
    assert key in str(caught.value)
    assert words in str(caught.value)
    assert caught.value.remedy


def test_words_that_yaml_takes_for_true_false_or_a_number_are_text(make_dataset: Any) -> None:
    folder = make_dataset()
    (folder / "dataset.yaml").write_text(
        "name: tiny\n"
        "modalities: {rna: {file: rna.csv}}\n"
        "labels:\n"
        "  file: clinical.csv\n"
        "  objective: {on: [no, 1.10, 2020-01-01]}\n"
        "  survival: {time: off, event: 012, event_value: yes}\n"
    )
    labels = read_dataset(folder).labels
    assert labels.objective == {"on": ["no", "1.10", "2020-01-01"]}
    assert labels.survival is not None
    assert labels.survival.time == "off"
    assert labels.survival.event == "012"
    assert labels.survival.event_value == "yes"


def test_null_where_text_is_expected_is_refused_with_the_remedy(make_dataset: Any) -> None:
    folder = make_dataset(labels={"missing_words": {"keep": [None]}})
    with pytest.raises(InputError, match="put it into quotes") as caught:
        read_dataset(folder)
    assert "labels.missing_words.keep" in str(caught.value)


def test_a_word_cannot_be_added_and_kept(make_dataset: Any) -> None:
    words = {"add": ["Unknown"], "keep": ["unknown"]}
    with pytest.raises(InputError, match="Unknown stands both in add and in keep"):
        read_dataset(make_dataset(labels={"missing_words": words}))


def test_a_folder_without_dataset_yaml_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no data set"):
        read_dataset(tmp_path)


@pytest.mark.parametrize("file", ["rna.csv", "clinical.csv", "dataset.yaml"])
def test_a_link_may_not_leave_the_folder(make_dataset: Any, tmp_path: Path, file: str) -> None:
    folder = make_dataset()
    (folder / file).rename(tmp_path / file)
    (folder / file).symlink_to(tmp_path / file)
    with pytest.raises(InputError, match="leads out of the data set's folder"):
        read_dataset(folder)


def test_a_link_within_the_folder_is_fine(make_dataset: Any) -> None:
    folder = make_dataset()
    (folder / "rna.csv").rename(folder / "rna_v2.csv")
    (folder / "rna.csv").symlink_to("rna_v2.csv")
    assert read_dataset(folder).modality_path("rna").is_file()


def test_an_hdf5_file_may_not_link_to_another(make_dataset: Any, tmp_path: Path) -> None:
    folder = make_dataset(modality={"file": "rna.h5ad"}, files={"rna.h5ad": ""})
    with h5py.File(folder / "rna.h5ad", "w") as file:
        file["X"] = h5py.ExternalLink(str(tmp_path / "secret.h5"), "/X")
    with pytest.raises(InputError, match="links to another file"):
        read_matrix(read_dataset(folder), "rna")


def test_an_hdf5_file_may_not_store_its_values_elsewhere(make_dataset: Any, tmp_path: Path) -> None:
    folder = make_dataset(modality={"file": "rna.h5ad"}, files={"rna.h5ad": ""})
    (tmp_path / "secret.bin").write_bytes(bytes(800))
    with h5py.File(folder / "rna.h5ad", "w") as file:
        external = [(str(tmp_path / "secret.bin"), 0, 800)]
        file.create_dataset("X", shape=(10, 10), dtype="f8", external=external)
    with pytest.raises(InputError, match="is stored in another file"):
        read_matrix(read_dataset(folder), "rna")


def test_datasets_are_found_below_roots_and_in_them(make_dataset: Any, tmp_path: Path) -> None:
    first, second = make_dataset(name="one"), make_dataset(name="two")
    (tmp_path / "no_dataset").mkdir()
    assert list(find_datasets([tmp_path])) == [first, second]
    assert list(find_datasets([second, tmp_path])) == [second, first]
    assert list(find_datasets([tmp_path / "absent"])) == []


def test_a_dataset_that_is_being_written_is_not_found_yet(
    make_dataset: Any, tmp_path: Path
) -> None:
    make_dataset().rename(tmp_path / ".tiny.x1.part")
    assert list(find_datasets([tmp_path])) == []


def test_two_datasets_may_not_make_the_same_task(make_dataset: Any, tmp_path: Path) -> None:
    rna = {"file": "rna.csv"}
    make_dataset(name="a", settings={"modalities": {"b_rna": rna}})
    make_dataset(name="a_b", settings={"modalities": {"rna": rna}})
    with pytest.raises(InputError, match="makes the task a_b_rna") as caught:
        available_tasks([tmp_path])
    assert caught.value.key == "name"


def test_validation_collects_what_is_wrong(make_dataset: Any) -> None:
    rna, absent = {"file": "rna.csv"}, {"file": "absent.csv"}
    folder = make_dataset(
        settings={"modalities": {"rna": rna, "meth": absent, "dna": {"file": "dna.csv"}}},
        labels={"objective": {"type": ["knid"]}},
        files={"dna.csv": "id,g\ns1,x\n"},
    )
    found = validate_dataset(folder)
    text = "\n".join(map(str, found))
    assert len(found) == 3
    assert "there is no file absent.csv" in text
    assert "'x' (row s1) is no number" in text
    assert "Did you mean kind?" in text


def test_validation_can_be_of_some_modalities_only(make_dataset: Any) -> None:
    folder = make_dataset(
        settings={"modalities": {"rna": {"file": "rna.csv"}, "dna": {"file": "dna.csv"}}},
        files={"dna.csv": "id,g\ns1,x\n"},
    )
    assert len(validate_dataset(folder)) == 1
    assert validate_dataset(folder, modalities=["rna"]) == []


def test_validation_of_a_good_dataset_finds_and_writes_nothing(make_dataset: Any) -> None:
    folder = make_dataset()
    before = sorted(folder.iterdir())
    assert validate_dataset(folder) == []
    assert sorted(folder.iterdir()) == before


def test_validation_tells_whether_a_study_can_split_the_dataset(make_dataset: Any) -> None:
    folder = make_dataset()
    (few,) = validate_dataset(folder, Split())
    assert few.key == "split"
    assert few.file == folder / "rna.csv"
    assert "rna: of 12 samples, 1 fall into valid" in str(few)
    thirds = Split(train=0.34, valid=0.33, test=0.33, stratify="kind")
    assert validate_dataset(folder, thirds) == []
    (sizes,) = validate_dataset(folder, thirds, train_sizes=TrainSizes(sizes=[2]))
    assert (sizes.file, sizes.key) == (None, "train_sizes.sizes")
    assert "2 train samples of tiny_rna are too few" in str(sizes)
    (unknown,) = validate_dataset(folder, Split(group="patient"))
    assert unknown.key == "split.group"


def test_validation_finds_labels_of_one_class_among_the_samples_of_a_modality(
    make_dataset: Any, tmp_path: Path
) -> None:
    rows = "".join(f"s{i},a,{i}\n" for i in range(12)) + "t1,b,1\n"
    (problem,) = validate_dataset(make_dataset(files={"clinical.csv": f"id,kind,age\n{rows}"}))
    assert problem.key == "labels.objective"
    assert problem.file == tmp_path / "tiny" / "clinical.csv"
    assert "of the 12 samples of rna.csv, every label of the objective has one class" in str(
        problem
    )
    assert "(kind a only)" in str(problem)


def test_validation_finds_a_split_in_which_nothing_can_be_scored(make_dataset: Any) -> None:
    rows = "".join(f"s{i},{'b' if i == 0 else 'a'},{i}\n" for i in range(12))
    folder = make_dataset(files={"clinical.csv": f"id,kind,age\n{rows}"})
    (problem,) = validate_dataset(folder, Split(train=0.5, valid=0.25, test=0.25))
    assert problem.key == "split"
    assert "rna: no label of the objective can be scored: kind=b" in str(problem)


def test_validation_names_what_is_wrong_with_dataset_yaml(make_dataset: Any) -> None:
    (problem,) = validate_dataset(make_dataset(settings={"titel": "x"}))
    assert problem.key == "titel"
