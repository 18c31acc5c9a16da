"""The demo's data sets: what the checks and a study need is in them, the same each time."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aehpo_assets.datasets.dataset import Dataset, read_dataset
from aehpo_assets.datasets.labels import downstream_targets
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.simulate import simulate_cohort, write_demo_data
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.datasets.validate import validate_dataset
from aehpo_assets.omics.preprocess import preprocess
from aehpo_assets.study.data import Preprocessing, Split
from benchmarks.cohort_truth import truth, weighted


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("demo")
    write_demo_data(root)
    return root


@pytest.fixture
def cohort(demo: Path) -> Dataset:
    return read_dataset(demo / "cohort")


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.mark.parametrize("name", ["cohort", "pbmc68k"])
def test_both_datasets_are_valid(demo: Path, name: str) -> None:
    assert validate_dataset(demo / name) == []


def test_the_same_seed_gives_the_same_bytes(demo: Path, tmp_path: Path) -> None:
    write_demo_data(tmp_path)
    assert hashes(tmp_path) == hashes(demo)
    write_demo_data(tmp_path / "other", seed=1)
    other, first = hashes(tmp_path / "other"), hashes(demo)
    assert other["cohort/rna.parquet"] != first["cohort/rna.parquet"]


def test_what_is_there_already_is_left_alone(tmp_path: Path) -> None:
    written = write_demo_data(tmp_path)
    (tmp_path / "cohort" / "clinical.csv").write_text("mine")
    assert write_demo_data(tmp_path) == written
    assert (tmp_path / "cohort" / "clinical.csv").read_text() == "mine"
    assert not list(tmp_path.glob(".*"))


def test_modalities_share_some_samples_and_not_all() -> None:
    modalities, _ = simulate_cohort()
    rna, meth = (set(modalities[name].index) for name in ("rna", "meth"))
    assert len(rna & meth) > 400
    assert rna - meth
    assert meth - rna


def test_the_modalities_are_of_their_kinds() -> None:
    modalities, _ = simulate_cohort()
    rna, meth, dna = (modalities[name].to_numpy() for name in ("rna", "meth", "dna"))
    assert rna.dtype.kind == "i"
    assert rna.min() == 0
    assert 0.1 < (rna == 0).mean() < 0.6
    assert meth.min() > 0
    assert meth.max() < 1
    assert set(np.unique(dna)) == {0, 1}
    assert (np.ptp(rna, axis=0) == 0).sum() == 1


def test_labels_have_a_rare_class_and_gaps(cohort: Dataset) -> None:
    table = read_label_table(cohort).read
    shares = table["subtype"].value_counts(normalize=True)
    assert 0 < shares["rare"] < 0.1
    assert 0.03 < table["grade"].isna().mean() < 0.2
    samples = read_matrix(cohort, "rna").index
    assert 0 < len(samples.difference(table.index)) < 0.1 * len(samples)


def scores(cohort: Dataset, modality: str, components: int) -> Iterator[tuple[str, float]]:
    """Test AUC of a logistic regression on principal components, by label."""
    matrix = read_matrix(cohort, modality)
    split = restrict_split(draw_split(cohort, Split()), matrix.index)
    values = preprocess(matrix, split, Preprocessing()).to_numpy()
    train, test = ((split == part).to_numpy() for part in ("train", "test"))
    latents = PCA(components, random_state=0).fit(values[train]).transform(values)
    for target in downstream_targets(read_labels(cohort, matrix.index), split).classification:
        known = target.codes >= 0
        model = LogisticRegression(class_weight="balanced", max_iter=2000)
        model.fit(latents[train & known], target.codes[train & known])
        chances = model.predict_proba(latents[test & known])
        if len(target.classes) == 2:
            chances = chances[:, 1]
        yield (
            target.label,
            roc_auc_score(target.codes[test & known], chances, multi_class="ovo"),
        )


@pytest.mark.slow
@pytest.mark.parametrize("modality", ["rna", "meth", "dna"])
def test_labels_are_learnable_and_not_trivial(cohort: Dataset, modality: str) -> None:
    few = pd.Series(dict(scores(cohort, modality, 2)))
    many = pd.Series(dict(scores(cohort, modality, 32)))
    assert 0.7 < many.mean() < 0.9
    assert many.mean() > few.mean() + 0.05
    assert many["subtype"] > 0.75
    assert many["sex"] > few["sex"]


@pytest.mark.slow
def test_along_curves_there_is_more_to_gain_than_along_lines() -> None:
    """Told by the programmes themselves beside linear components, before anything is trained."""
    found = weighted(truth(0)).set_index("modality")["to_gain"]
    assert abs(found["rna"]) < 0.02
    assert found["meth"] > 0.05


@pytest.mark.slow
def test_labels_depend_on_linear_functions_of_the_programmes() -> None:
    found = truth(1)
    assert (found["with_products"] < found["programmes"] + 0.03).all()
