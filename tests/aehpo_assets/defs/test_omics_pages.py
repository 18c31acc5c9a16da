"""What was read of a data set is shown in the UI, beside the matrix, its labels and the split."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study

ASSETS = ("omics_matrix", "sample_labels", "data_split")


@pytest.fixture(scope="module")
def shown(
    tiny_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, Mapping[str, Any]]:
    """Metadata of the first three assets of the tiny study."""
    home = Home(tmp_path_factory.mktemp("pages") / "home")
    home.record_data_roots([tiny_root / "data"])
    tasks = available_tasks(home.data_roots())
    file = tiny_root / "tiny.yaml"
    instance = prepare(read_study(file), home, tasks, file=file)
    run = StudyRun(home, instance, tasks)
    found = {}
    for assets, partition in run.works():
        if assets[0] in ASSETS:
            assert run.materialize(Work(assets, partition, "wanted")).error is None
            event = instance.get_latest_materialization_event(dg.AssetKey(assets[0]))
            assert event is not None
            assert event.asset_materialization is not None
            found[assets[0]] = event.asset_materialization.metadata
    return found


def test_the_matrix_says_what_was_read(shown: Mapping[str, Mapping[str, Any]]) -> None:
    metadata = shown["omics_matrix"]
    assert metadata["samples"].value == 80
    assert metadata["last_features"].value == ["g19"]
    page = metadata["what was read"].value
    assert "80 samples x 20 features of rna.parquet" in page
    assert "P000, P001 … P079" in page


def test_the_labels_say_what_was_read(shown: Mapping[str, Mapping[str, Any]]) -> None:
    metadata = shown["sample_labels"]
    assert metadata["samples_with_a_row"].value == 80
    page = metadata["what was read"].value
    assert "80 of 80 samples have a row in clinical.csv" in page
    assert "| sex   | objective.sex | 80 " in page


def test_the_split_says_how_classes_fall_into_parts(
    shown: Mapping[str, Mapping[str, Any]],
) -> None:
    page = shown["data_split"]["labels by part"].value
    assert "56 train, 8 valid, 16 test" in page
    assert "classes (train/valid/test)" in page
