"""Data sets that land: noticed once, looked at when whole, added to a home or refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml

from aehpo_assets.datasets import landing
from aehpo_assets.datasets.landing import add_dataset, landed
from aehpo_assets.errors import InputError
from aehpo_assets.store.home import Home


def write_dataset(folder: Path, name: str = "toy", modality: str = "rna") -> Path:
    """Forty samples, six features, one label."""
    source = np.random.default_rng(0)
    ids = pd.Index([f"P{i:02d}" for i in range(40)], name="sample_id")
    folder.mkdir(parents=True)
    matrix = pd.DataFrame(source.normal(size=(40, 6)), ids, [f"g{i}" for i in range(6)])
    matrix.to_csv(folder / "matrix.csv")
    pd.DataFrame({"sex": ["f", "m"] * 20}, ids).to_csv(folder / "clinical.csv")
    content = {
        "name": name,
        "modalities": {modality: {"file": "matrix.csv"}},
        "labels": {"file": "clinical.csv", "objective": {"sex": ["sex"]}},
    }
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    return folder


@pytest.fixture(autouse=True)
def settled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every data set count as settled at once, and no data root of the user's be known."""
    monkeypatch.setattr(landing, "SETTLED_SECONDS", 0.0)
    monkeypatch.delenv("AEHPO_DATA", raising=False)


def test_a_data_set_is_noticed_once_and_again_when_a_file_changes(tmp_path: Path) -> None:
    folder = write_dataset(tmp_path / "toy")
    (first,) = landed([tmp_path], {})
    assert first.problem is None
    assert list(first.tasks) == ["toy_rna"]
    seen = {str(first.folder): first.signature}
    assert not list(landed([tmp_path], seen))
    with (folder / "clinical.csv").open("a") as stream:
        stream.write("P99,f\n")
    (again,) = landed([tmp_path], seen)
    assert again.signature != first.signature


def test_a_data_set_that_is_still_written_is_left_for_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_dataset(tmp_path / "toy")
    monkeypatch.setattr(landing, "SETTLED_SECONDS", 60.0)
    assert not list(landed([tmp_path], {}))


def test_a_broken_data_set_says_what_is_wrong_and_hides_no_other(tmp_path: Path) -> None:
    write_dataset(tmp_path / "good", name="good")
    broken = write_dataset(tmp_path / "broken", name="broken")
    (broken / "dataset.yaml").write_text("name: broken\nmodalities: {}\n")
    found = {landed_set.folder.name: landed_set for landed_set in landed([tmp_path], {})}
    assert list(found["good"].tasks) == ["good_rna"]
    assert found["broken"].tasks == {}
    assert "modalities" in str(found["broken"].problem)


def test_two_data_sets_of_one_name_are_reported_at_the_second(tmp_path: Path) -> None:
    write_dataset(tmp_path / "a")
    write_dataset(tmp_path / "b")
    found = {landed_set.folder.name: landed_set for landed_set in landed([tmp_path], {})}
    assert found["a"].problem is None
    assert "as" in str(found["b"].problem)
    assert "Rename" in str(found["b"].problem)


def test_a_data_set_is_added_to_the_data_root_of_the_home(tmp_path: Path) -> None:
    source, home = write_dataset(tmp_path / "source"), Home(tmp_path / "home")
    (source / ".cache").write_text("hidden")
    (source / "leads_out").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere").write_text("secret")
    target = add_dataset(source, home)
    assert target == home.data / "toy"
    assert sorted(p.name for p in target.iterdir()) == [
        "clinical.csv",
        "dataset.yaml",
        "matrix.csv",
    ]
    (found,) = landed([root for root in home.data_roots() if root == home.data], {})
    assert list(found.tasks) == ["toy_rna"]


def test_a_linked_data_set_stays_where_it_is(tmp_path: Path) -> None:
    source, home = write_dataset(tmp_path / "source"), Home(tmp_path / "home")
    target = add_dataset(source, home, link=True)
    assert target.is_symlink()
    assert target.resolve() == source
    (found,) = landed([home.data], {})
    assert found.folder == source


def test_a_data_set_that_is_there_is_replaced_only_if_asked(tmp_path: Path) -> None:
    source, home = write_dataset(tmp_path / "source"), Home(tmp_path / "home")
    add_dataset(source, home)
    with pytest.raises(InputError, match="the same content"):
        add_dataset(source, home)
    (source / "clinical.csv").write_text((source / "clinical.csv").read_text() + "P99,f\n")
    with pytest.raises(InputError, match="--replace"):
        add_dataset(source, home)
    target = add_dataset(source, home, replace=True)
    assert "P99" in (target / "clinical.csv").read_text()
    assert add_dataset(source, home, replace=True, link=False) == target


def test_a_broken_data_set_and_a_taken_name_are_refused_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    broken = write_dataset(tmp_path / "broken")
    (broken / "matrix.csv").unlink()
    with pytest.raises(InputError, match=r"matrix\.csv"):
        add_dataset(broken, home)
    write_dataset(tmp_path / "root" / "first")
    monkeypatch.setenv("AEHPO_DATA", str(tmp_path / "root"))
    with pytest.raises(InputError, match="Rename"):
        add_dataset(write_dataset(tmp_path / "second"), home)
    assert not home.root.exists()


def test_a_copy_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, home = write_dataset(tmp_path / "source"), Home(tmp_path / "home")

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(landing.shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space"):
        add_dataset(source, home)
    assert list(home.data.iterdir()) == []
