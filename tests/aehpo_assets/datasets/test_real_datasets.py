"""The real data sets: read whole, with what is known of each."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from aehpo_assets.datasets.dataset import Dataset, read_dataset
from aehpo_assets.datasets.labels import downstream_targets
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix, read_sample_ids
from aehpo_assets.datasets.split import draw_split, restrict_split, split_samples
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.errors import InputError
from aehpo_assets.omics.preprocess import preprocess
from aehpo_assets.study.data import Preprocessing, Split


@pytest.mark.parametrize(
    ("task", "samples", "features"),
    [
        ("coread rna", 121, 500),
        ("coread mut", 121, 200),
        ("coread cna", 121, 100),
        ("tcga rna", 3951, 1529),
        ("tcga meth", 948, 100),
        ("pbmc_cite rna", 6661, 1000),
        ("pbmc_cite protein", 6661, 14),
        ("pbmc68k rna", 700, 765),
    ],
)
def test_a_task_goes_from_files_to_a_finite_matrix(
    shared_data: Path, task: str, samples: int, features: int
) -> None:
    name, modality = task.split()
    dataset = read_dataset(shared_data / name)
    matrix = read_matrix(dataset, modality)
    assert matrix.shape == (samples, features)
    labels = read_labels(dataset, matrix.index)
    split = restrict_split(
        split_samples(read_sample_ids(dataset), Split(), name=name), matrix.index
    )
    targets = downstream_targets(labels, split)
    assert sum(target.weight for target in targets.classification) == pytest.approx(1)
    prepared = preprocess(matrix, split, Preprocessing())
    assert np.isfinite(prepared.to_numpy()).all()
    train = prepared[split == "train"]
    np.testing.assert_allclose(train.mean(), 0, atol=1e-4)


def with_missing(folder: Path, target: Path, treatment: str) -> Dataset:
    """Copy of the data set of which the copy-number modality says how to treat gaps."""
    shutil.copytree(folder, target)
    file = target / "dataset.yaml"
    file.chmod(0o644)
    content = yaml.safe_load(file.read_text())
    content["modalities"] = {"cna": content["modalities"]["cna"] | {"missing": treatment}}
    target.chmod(0o755)
    file.write_text(yaml.safe_dump(content))
    return read_dataset(target)


def test_gaps_in_copy_numbers_are_refused_by_default(shared_data: Path) -> None:
    (problem,) = validate_dataset(shared_data / "tcga")
    assert problem.key == "modalities.cna.missing"
    assert problem.file == shared_data / "tcga" / "cna.parquet"
    assert "38205 values are missing" in str(problem)
    with pytest.raises(InputError, match="impute_median"):
        read_matrix(read_dataset(shared_data / "tcga"), "cna")


@pytest.mark.parametrize("treatment", ["impute_median", "drop_samples"])
def test_gaps_in_copy_numbers_are_accepted_when_the_dataset_says_how(
    shared_data: Path, tmp_path: Path, treatment: str
) -> None:
    dataset = with_missing(shared_data / "tcga", tmp_path / "tcga", treatment)
    matrix = read_matrix(dataset, "cna")
    split = restrict_split(
        split_samples(read_sample_ids(dataset), Split(), name="tcga"), matrix.index
    )
    prepared = preprocess(matrix, split, Preprocessing())
    assert (len(matrix) == 9058) == (treatment == "impute_median")
    assert np.isfinite(prepared.to_numpy()).all()


def test_a_patient_is_in_the_same_split_for_every_modality(shared_data: Path) -> None:
    dataset = read_dataset(shared_data / "tcga")
    whole = split_samples(read_sample_ids(dataset), Split(), name="tcga")
    matrices = [read_matrix(dataset, modality) for modality in ("rna", "meth")]
    parts = [restrict_split(whole, matrix.index) for matrix in matrices]
    shared = parts[0].index.intersection(parts[1].index)
    assert len(shared) > 100
    assert parts[0][shared].equals(parts[1][shared])


def test_clipping_keeps_the_outliers_of_tcga_from_ruling_the_reconstruction(
    shared_data: Path,
) -> None:
    """The remedy is ``clip``: genes silent in most samples make a robust scale tiny."""
    dataset = read_dataset(shared_data / "tcga")
    matrix = read_matrix(dataset, "rna")
    split = restrict_split(draw_split(dataset, Split()), matrix.index)

    def share_of_one_in_a_hundred(chosen: Preprocessing) -> float:
        squares = (preprocess(matrix, split, chosen).to_numpy()[split != "train"] ** 2).sum(axis=1)
        return float(np.sort(squares)[-len(squares) // 100 :].sum() / squares.sum())

    assert share_of_one_in_a_hundred(Preprocessing()) > 0.5
    assert share_of_one_in_a_hundred(Preprocessing(scaler="robust")) > 0.5
    assert share_of_one_in_a_hundred(Preprocessing(clip=10)) < 0.1
    assert share_of_one_in_a_hundred(Preprocessing(scaler="robust", clip=10)) < 0.1
