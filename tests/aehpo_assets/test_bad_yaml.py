"""YAML that is impossible, endless, or no file: a sentence with its line, and the others go on."""

from __future__ import annotations

import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from aehpo_assets import limits
from aehpo_assets.cli.run import run_headless
from aehpo_assets.cli.status import print_status
from aehpo_assets.datasets.catalogue import usable_tasks
from aehpo_assets.datasets.dataset import read_dataset
from aehpo_assets.datasets.landing import landed
from aehpo_assets.errors import InputError
from aehpo_assets.settings import read_yaml
from aehpo_assets.store.home import Home
from aehpo_assets.study import Study, read_study

LAUGHS = "a0: &a0 [lol, lol, lol, lol, lol, lol, lol, lol, lol, lol]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
)

BAD: dict[str, tuple[bytes, str]] = {
    "month": (
        b"name: toy\ntitle: !!timestamp 2024-13-45\n",
        r"line 2: .*'2024-13-45' is no timestamp",
    ),
    "number": (b"title: !!int abc", r"line 1: .*'abc' is no int"),
    "date": (b"title: !!timestamp abc", r"line 1: .*'abc' is no timestamp"),
    "truth": (b"title: !!bool abc", r"line 1: .*'abc' is no bool"),
    "digits": (b"title: !!int " + b"9" * 5000, r"line 1: .*is no int"),
    "hexadecimal": (b"title: !!int 0x" + b"f" * 30_000, r"line 1: .*is no int"),
    "brackets": (b"title: " + b"[" * 3000 + b"]" * 3000, r"line 1: .*32 deep"),
    "open brackets": (b"title: " + b"[" * 100_000, r"line 1: .*32 deep"),
    "braces": (b"title: " + b"{a: " * 3000, r"line 1: .*32 deep"),
    "encoding": (b"title: \xff\xfe", r"cannot be read .*utf-8"),
    "control": (b"title: \x01", "cannot be read"),
    "list as key": (b"? [a]\n: b\n", r"line 1: .*cannot be a key"),
    "laughs": (LAUGHS.encode(), r"line \d+: .*aliases stand for more"),
    "itself": (b"title: &x [*x]", r"line 1: .*'x' stands inside"),
    "size": (b"#" * (limits.YAML_BYTES + 1), "larger than 256 KiB"),
    "nothing": (b"", "must be a mapping"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_yaml_is_one_sentence_at_once(tmp_path: Path, name: str) -> None:
    content, message = BAD[name]
    file = tmp_path / "dataset.yaml"
    file.write_bytes(content)
    started = time.process_time()
    for read in (read_yaml, read_study, lambda path: read_dataset(path.parent)):
        with pytest.raises(InputError, match=message) as caught:
            read(file)
        text = str(caught.value)
        assert text.startswith(str(file))
        assert caught.value.remedy
        assert len(text) < 1000
        assert "\n" not in text
    assert time.process_time() - started < 10, "the laughs took minutes"


def test_a_title_is_no_book(tmp_path: Path) -> None:
    file = tmp_path / "dataset.yaml"
    file.write_text("name: toy\ntitle: " + "9" * 100_000)
    with pytest.raises(InputError, match="title: String should have at most 1000") as caught:
        read_dataset(tmp_path)
    assert len(str(caught.value)) < 1000


def test_a_title_may_look_like_a_date_that_is_none(good: Path) -> None:
    file = good / "dataset.yaml"
    file.write_text(file.read_text() + "title: 2024-13-45\n")
    assert read_dataset(good).title == "2024-13-45"
    with pytest.raises(InputError, match="'2024-13-45' is no timestamp"):
        read_yaml(file)


def folder_of(path: Path) -> None:
    path.mkdir()


def dangling(path: Path) -> None:
    path.symlink_to(path.parent / "nothing")


def leading_to_itself(path: Path) -> None:
    path.symlink_to(path)


@pytest.mark.parametrize("make", [folder_of, dangling, leading_to_itself])
def test_what_is_called_dataset_yaml_and_is_no_file_is_named(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    (tmp_path / "odd").mkdir()
    make(tmp_path / "odd" / "dataset.yaml")
    tasks, problems = usable_tasks([tmp_path])
    assert not tasks
    (problem,) = problems.values()
    assert "odd/dataset.yaml" in str(problem)
    assert problem.remedy


@pytest.mark.parametrize("file", ["a\0b", "x" * 5000, "loop", "."])
def test_a_file_that_can_be_none_is_a_mistake_of_the_data_set(good: Path, file: str) -> None:
    (good / "loop").symlink_to(good / "loop")
    content = yaml.safe_load((good / "dataset.yaml").read_text())
    content["modalities"]["rna"]["file"] = file
    (good / "dataset.yaml").write_text(yaml.safe_dump(content))
    with pytest.raises(InputError, match=r"modalities\.rna\.file"):
        read_dataset(good)


@pytest.fixture
def good(tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set in the data root of a home."""
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    monkeypatch.setattr("aehpo_assets.datasets.landing.SETTLED_SECONDS", 0.0)
    folder = tmp_path / "home" / "data" / "toy"
    shutil.copytree(tiny_root / "data" / "toy", folder)
    return folder


def spoil(root: Path) -> None:
    """Put every kind of bad data set beside the good one."""
    for name, (content, _) in BAD.items():
        (root / f"a {name}").mkdir()
        (root / f"a {name}" / "dataset.yaml").write_bytes(content)
    for make in (folder_of, dangling, leading_to_itself):
        (root / f"b {make.__name__}").mkdir()
        make(root / f"b {make.__name__}" / "dataset.yaml")


def test_the_others_land_and_each_bad_one_is_named(good: Path) -> None:
    spoil(good.parent)
    found = {one.folder.name: one for one in landed([good.parent], {})}
    assert list(found.pop("toy").tasks) == ["toy_rna"]
    assert len(found) == len(BAD) + 3
    assert all(isinstance(one.problem, InputError) and one.problem.remedy for one in found.values())


def test_status_goes_on_and_names_what_is_left_out(good: Path) -> None:
    home = Home(good.parents[1])
    study: dict[str, Any] = {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 2},
        "epochs": 2,
    }
    home.adopt(Study.model_validate(study), Path("tiny.yaml"))
    spoil(good.parent)
    printed = io.StringIO()
    print_status(home, Console(file=printed, width=400))
    assert "toy_rna" in printed.getvalue()
    assert printed.getvalue().count("left out") == len(BAD) + 3
    assert "'2024-13-45' is no timestamp" in printed.getvalue()


def test_a_run_names_a_bad_data_set_that_it_was_given_and_stops(
    good: Path, tiny_root: Path, tmp_path: Path
) -> None:
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "dataset.yaml").write_text("title: !!timestamp 2024-13-45\n")
    home, console = Home(good.parents[1]), Console(file=io.StringIO())
    with pytest.raises(InputError, match="2024-13-45"):
        run_headless(tiny_root / "tiny.yaml", home, [bad], console)
    listed = yaml.safe_load((tiny_root / "tiny.yaml").read_text()) | {"tasks": ["bad_rna"]}
    (tmp_path / "listed.yaml").write_text(yaml.safe_dump(listed))
    (good.parent / "bad").mkdir()
    (good.parent / "bad" / "dataset.yaml").write_text("title: !!timestamp 2024-13-45\n")
    with pytest.raises(InputError, match=r"unknown task 'bad_rna'; .*2024-13-45"):
        run_headless(tmp_path / "listed.yaml", home, [], console)
    assert not home.store.root.exists()
