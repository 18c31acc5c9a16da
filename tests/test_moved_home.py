"""A home that is moved, copied or sent is the same home: nothing in it is made again."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.space import configurations_of
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study


@pytest.fixture(scope="module")
def with_data(finished_tiny: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished home whose data set lies in it, and was given with --data as well.

    Its configurations come from a file beside the study file, by its whole path. It is a copy in
    which what names the place of the data set, or of the configurations, is made again.
    """
    root = tmp_path_factory.mktemp("moved") / "study"
    shutil.copytree(finished_tiny, root)
    (root / "home" / "data_roots.json").unlink()
    for asset in ("omics_matrix", "sample_labels", "feature_ontology", "data_split"):
        shutil.rmtree(root / "home" / "store" / asset)
    study = read_study(root / "tiny.yaml")
    configurations_of(study, "vanillix").to_parquet(root / "mine.parquet")
    content = yaml.safe_load((root / "tiny.yaml").read_text())
    content["configurations"] |= {"source": str(root / "mine.parquet")}
    (root / "tiny.yaml").write_text(yaml.safe_dump(content))
    home = Home(root / "home")
    shutil.move(root / "data", home.data)
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    assert run_headless(root / "tiny.yaml", home, [home.data], console), printed.getvalue()
    assert str(finished_tiny) not in "".join(file.read_text() for file in records(home.root))
    return root


def records(home: Path) -> list[Path]:
    return [*home.rglob("*.json"), *home.rglob("*.yaml")]


def run(file: Path, home: Path, *data: Path) -> str:
    printed = io.StringIO()
    console = Console(file=printed, width=200)
    assert run_headless(file, Home(home), list(data), console), printed.getvalue()
    return printed.getvalue()


def test_a_copy_stands_beside_the_original(with_data: Path, tmp_path: Path) -> None:
    shutil.copytree(with_data / "home", tmp_path / "copy")
    assert "0 made" in run(with_data / "tiny.yaml", tmp_path / "copy")
    assert Home(tmp_path / "copy").data_roots()[-1] == tmp_path / "copy" / "data"


def test_a_copy_is_whole_where_the_original_is_gone(with_data: Path, tmp_path: Path) -> None:
    shutil.copytree(with_data / "home", tmp_path / "copy")
    (with_data / "home").rename(with_data / "away")
    (with_data / "mine.parquet").rename(with_data / "mine")
    try:
        assert "0 made" in run(tmp_path / "copy" / "study.yaml", tmp_path / "copy")
        command = [sys.executable, "-m", "aehpo_assets.cli.main", "trace"]
        traced = subprocess.run(
            [*command, "recommendations/vanillix/toy_rna", "--home", str(tmp_path / "copy")],
            capture_output=True,
            text=True,
            env=os.environ | {"COLUMNS": "200"},
        )
        assert traced.returncode == 0, traced.stdout
        assert "data/toy/rna.parquet" in traced.stdout
        assert str(with_data) not in traced.stdout
    finally:
        (with_data / "away").rename(with_data / "home")
        (with_data / "mine").rename(with_data / "mine.parquet")


def test_data_that_were_moved_make_nothing_stale(with_data: Path, tmp_path: Path) -> None:
    """What lies outside the home is found where it is now, by its content."""
    shutil.copytree(with_data / "home", tmp_path / "copy")
    shutil.move(tmp_path / "copy" / "data", tmp_path / "elsewhere")
    assert "0 made" in run(with_data / "tiny.yaml", tmp_path / "copy", tmp_path / "elsewhere")
