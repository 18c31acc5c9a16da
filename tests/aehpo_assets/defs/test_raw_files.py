"""The graph of a study begins at the files of its data sets."""

from __future__ import annotations

import shutil
from pathlib import Path

import dagster as dg
import yaml

from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.raw_files import RAW_FILES, told
from aehpo_assets.store.hashes import file_hash
from aehpo_assets.store.home import Home


def test_what_was_read_stands_in_the_ui_with_its_hashes(
    finished_tiny: Path, tmp_path: Path
) -> None:
    shutil.copytree(finished_tiny / "home", tmp_path / "home")
    instance = open_instance(Home(tmp_path / "home"))
    wanted = dg.AssetRecordsFilter(dg.AssetKey(RAW_FILES), asset_partitions=["toy_rna"])
    (record, *_) = instance.fetch_materializations(wanted, limit=5).records
    event = record.asset_materialization
    assert event is not None
    files = str(event.metadata["files"].value)
    for name in ("rna.parquet", "clinical.csv", "dataset.yaml"):
        assert name in files
        assert file_hash(finished_tiny / "data" / "toy" / name) in files


def test_another_content_is_another_version_and_words_are_shown_as_they_are(
    tiny_root: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "toy"
    shutil.copytree(tiny_root / "data" / "toy", folder)
    content = yaml.safe_load((folder / "dataset.yaml").read_text())
    content |= {"source": "[a](javascript:b)", "licence": "CC BY 4.0"}
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))

    def event() -> dg.AssetMaterialization:
        data_set = read_dataset(folder)
        path = data_set.modality_path("rna")
        return told(data_set, "toy_rna", {path: file_hash(path)})

    first = event()
    assert first.metadata["licence"].value == "CC BY 4.0"
    assert first.metadata["source"].value == "`[a](javascript:b)`"
    (folder / "rna.parquet").write_bytes(b"another")
    assert event().tags != first.tags
