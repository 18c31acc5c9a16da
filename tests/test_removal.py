"""A data set whose files are gone keeps what was made of it; one that is removed is archived."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import pytest
import yaml
from rich.console import Console

from aehpo_assets.cli.run import run_headless
from aehpo_assets.cli.status import print_status
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.datasets.landing import add_dataset
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.errors import InputError
from aehpo_assets.running.removal import remove_dataset
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study

pytestmark = pytest.mark.slow


def run(file: Path, home: Home) -> tuple[bool, str]:
    printed = io.StringIO()
    ok = run_headless(file, home, [], Console(file=printed, width=200))
    return ok, printed.getvalue()


def status(home: Home) -> str:
    printed = io.StringIO()
    print_status(home, Console(file=printed, width=200))
    return printed.getvalue()


def add_copies(source: Path, folder: Path, home: Home, *names: str) -> None:
    """Add copies of a data set to a home, under other names."""
    for name in names:
        shutil.copytree(source, folder / name)
        content = yaml.safe_load((source / "dataset.yaml").read_text())
        (folder / name / "dataset.yaml").write_text(yaml.safe_dump(content | {"name": name}))
        add_dataset(folder / name, home)


@pytest.fixture(scope="module")
def read(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with two data sets of its own, and the matrices and labels of both."""
    folder = tmp_path_factory.mktemp("removal")
    home = Home(folder / "home")
    add_copies(tiny_root / "data" / "toy", folder, home, "toy", "second")
    file = tiny_root / "tiny.yaml"
    tasks = available_tasks([home.data])
    instance = prepare(read_study(file), home, tasks, file=file)
    study_run = StudyRun(home, instance, tasks)
    for assets, partition in study_run.works():
        if assets[0] in ("omics_matrix", "sample_labels"):
            assert study_run.materialize(Work(assets, partition, "wanted")).error is None
    instance.dispose()
    return home.root


@pytest.fixture
def begun(read: Path, tmp_path: Path) -> Home:
    """A copy of it."""
    shutil.copytree(read, tmp_path / "home")
    return Home(tmp_path / "home")


def test_a_data_set_that_is_gone_is_kept_until_it_is_removed(
    finished_tiny: Path, tmp_path: Path
) -> None:
    """To a finished home a second data set is added."""
    file = finished_tiny / "tiny.yaml"
    home = Home(tmp_path / "home")
    shutil.copytree(finished_tiny / "home", home.root)
    add_copies(finished_tiny / "data" / "toy", tmp_path, home, "second")
    (home.data / "bad").mkdir()
    (home.data / "bad" / "dataset.yaml").write_text("title: !!timestamp 2024-13-45\n")
    ok, printed = run(file, home)
    assert not ok
    assert "left out" in printed
    assert "bad/dataset.yaml: line 1: is no valid YAML ('2024-13-45' is no timestamp" in printed
    assert ", 0 failed." in printed, "the others are made"
    shutil.rmtree(home.data / "bad")
    blackbox = home.store.provenance("blackbox", ("vanillix",))
    shutil.rmtree(home.data / "second")
    ok, printed = run(file, home)
    assert ok, printed
    assert "kept second_rna: its data set is gone" in printed
    assert "0 made" in printed
    assert "kept second_rna" in status(home)
    assert home.store.provenance("blackbox", ("vanillix",)) == blackbox

    removed = remove_dataset("second", home)
    assert removed.tasks == ["second_rna"]
    archived = removed.archive / "store" / "run_results" / "vanillix" / "second_rna.parquet"
    assert archived.is_file()
    assert removed.archive.is_relative_to(home.root)
    assert open_instance(home).get_dynamic_partitions("task") == ["toy_rna"]
    assert "run_results/vanillix/second_rna is gone" in status(home)
    ok, printed = run(file, home)
    assert ok, printed
    assert "blackbox [vanillix]" in printed
    assert "second" not in printed
    again = home.store.provenance("blackbox", ("vanillix",))
    assert again is not None
    assert not any("second" in name for name in again.inputs)
    assert "stale" not in status(home)
    with pytest.raises(InputError, match=r"knows no data set 'second'.*Data sets: toy"):
        remove_dataset("second", home)


def test_what_leads_elsewhere_is_no_data_set(tiny_root: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    home.adopt(read_study(tiny_root / "tiny.yaml"), tiny_root / "tiny.yaml")
    (home.data / "bad").mkdir(parents=True)
    (home.data / "bad" / "dataset.yaml").write_text("title: [")
    for name in ("", ".", "..", "../data/bad", "bad/", "/etc"):
        with pytest.raises(InputError, match="knows no data set"):
            remove_dataset(name, home)
    assert (home.data / "bad").is_dir()
    assert not (home.root / "archive").exists()
    assert remove_dataset("bad", home).tasks == []
    assert not (home.data / "bad").exists()


def test_a_data_set_that_is_there_is_archived_with_its_folder(begun: Home) -> None:
    removed = remove_dataset("second", begun)
    assert removed.tasks == ["second_rna"]
    assert removed.artefacts == 2
    assert (removed.archive / "data" / "second" / "dataset.yaml").is_file()
    assert (removed.archive / "store" / "omics_matrix" / "second_rna.parquet").is_file()
    assert not (begun.data / "second").exists()
    assert begun.store.partitions("omics_matrix") == [("toy_rna",)]


def test_a_data_set_that_the_study_would_find_again_or_lists_is_not_removed(
    begun: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    shutil.move(begun.data / "second", tmp_path / "elsewhere" / "second")
    monkeypatch.setenv("AEHPO_DATA", str(tmp_path / "elsewhere"))
    with pytest.raises(InputError, match=r"elsewhere/second: lies below .* Move the folder out of"):
        remove_dataset("second", begun)
    listed = yaml.safe_load(begun.study_file.read_text()) | {"tasks": ["toy_rna", "second_rna"]}
    begun.study_file.write_text(yaml.safe_dump(listed))
    monkeypatch.delenv("AEHPO_DATA")
    with pytest.raises(InputError, match=r"study\.yaml: tasks: the study lists second_rna. Take"):
        remove_dataset("second", begun)
    assert begun.store.partitions("omics_matrix") == [("second_rna",), ("toy_rna",)]
    assert not (begun.root / "archive").exists()


def test_tasks_of_two_data_sets_with_one_beginning_are_not_removed_together(
    begun: Home, tmp_path: Path
) -> None:
    """``second`` and ``second_b`` are gone: the task second_b_rna may be of either."""
    file, other = begun.study_file, tmp_path / "second_b"
    shutil.copytree(begun.data / "second", other)
    content = yaml.safe_load((other / "dataset.yaml").read_text())
    (other / "dataset.yaml").write_text(yaml.safe_dump(content | {"name": "second_b"}))
    add_dataset(other, begun)
    tasks = available_tasks([begun.data])
    study_run = StudyRun(begun, prepare(read_study(file), begun, tasks, file=file), tasks)
    for asset in ("omics_matrix", "sample_labels"):
        assert study_run.materialize(Work((asset,), ("second_b_rna",), "wanted")).error is None
    for name in ("second", "second_b"):
        shutil.rmtree(begun.data / name)
    with pytest.raises(
        InputError, match=r"are of different data sets. Remove .* longer name first"
    ):
        remove_dataset("second", begun)
    assert remove_dataset("second_b", begun).tasks == ["second_b_rna"]
    assert remove_dataset("second", begun).tasks == ["second_rna"]
