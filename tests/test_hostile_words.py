"""No word that others wrote is markup, or acts on the terminal, whatever the command.

Every command is driven with paths, titles, ids and names that hold rich's markup, an escape code
that clears the screen, and a mark that turns the direction of writing.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import pandas as pd
import pytest
import yaml

from aehpo_assets.cli import main as cli
from aehpo_assets.datasets import sources
from aehpo_assets.datasets.catalogue import available_tasks
from aehpo_assets.datasets.sources import Source
from aehpo_assets.running.runner import StudyRun, Work, prepare
from aehpo_assets.store.home import Home
from aehpo_assets.study import read_study

pytestmark = pytest.mark.usefixtures("same_process")

ACTS = "\x1b[2J\u202e\x07\n"
WORD = f"[/][/nope][bold]{ACTS}[link=file:///etc]"
FOLDER = Path("a[") / f"b]{ACTS}"
"""The two make ``[/b]`` of a path, a closing tag of nothing."""

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Command:
    """Run a command as the shell does; returns its exit code and all that it printed."""

    def run(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["aehpo", *map(str, arguments)])
        monkeypatch.setattr(cli.app, "registered_commands", [*cli.app.registered_commands])
        with pytest.raises(SystemExit) as stopped:
            cli.main()
        printed = capsys.readouterr()
        text = printed.out + printed.err
        assert not set(text) & {"\x1b", "\u202e", "\x07"}, text
        return int(stopped.value.code or 0), text

    return run


@pytest.fixture(scope="module")
def place(tiny_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A hostile folder with a study, a hostile data set, and a home with what is read from it."""
    place = tmp_path_factory.mktemp("hostile") / FOLDER
    folder = place / "data" / "toy"
    shutil.copytree(tiny_root / "data" / "toy", folder)
    shutil.copy(tiny_root / "tiny.yaml", place)
    (folder / "rna.parquet").rename(folder / f"rna[bold]{ACTS}.parquet")
    content = yaml.safe_load((folder / "dataset.yaml").read_text())
    content["title"] = WORD
    content["modalities"]["rna"]["file"] = f"rna[bold]{ACTS}.parquet"
    (folder / "dataset.yaml").write_text(yaml.safe_dump(content))
    home, file = Home(place / "home"), place / "tiny.yaml"
    home.record_data_roots([place / "data"])
    tasks = available_tasks(home.data_roots())
    study_run = StudyRun(home, prepare(read_study(file), home, tasks, file=file), tasks)
    for asset in ("omics_matrix", "sample_labels"):
        assert study_run.materialize(Work((asset,), ("toy_rna",), "wanted")).error is None
    return place


def test_every_command_is_driven_here() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    commands = [*cli.app.registered_commands]
    for entry in entry_points(group="aehpo.commands"):
        commands += entry.load().registered_commands
    names = {c.name or str(getattr(c.callback, "__name__", "")) for c in commands}
    names |= {
        str(c.name or getattr(c.callback, "__name__", "").removeprefix("dataset_"))
        for c in cli.dataset_app.registered_commands
    }
    assert len(names) >= 17
    for name in names:
        assert f'"{name}"' in text, name


@pytest.mark.slow
def test_paths_are_printed_as_they_are(place: Path, command: Command, tmp_path: Path) -> None:
    home = ("--home", place / "home")
    shown = r"\x1b[2J\u202e\x07\n"
    good = [
        ("dataset", "check", place / "data" / "toy"),
        ("sample", place / "tiny.yaml", "--out", place / "sampled"),
        ("status", *home),
        ("trace", "omics_matrix/toy_rna", *home),
        ("plan", place / "tiny.yaml", *home),
        ("dataset", "add", place / "data" / "toy", "--home", place / "other"),
        ("dataset", "demo", place / "demo"),
        ("dataset", "sources"),
    ]
    for arguments in good:
        code, text = command(*arguments)
        assert code == 0, text
        if arguments[0] not in ("plan", "status") and arguments[-1] != "sources":
            assert shown in text.replace("\n", ""), text
    bad = [
        ("run", place / "none.yaml", *home),
        ("status", "--home", place / "none"),
        ("next-round", *home),
        ("recommend", WORD, *home),
        ("export", "--out", place / "exported", *home),
        ("report", "--out", place / "page", *home),
        ("bundle", "--out", place / "crate", *home),
        ("import", place / "none", "--out", place / "imported"),
        ("reproduce", f"omics_matrix/{WORD}", *home),
        ("trace", f"omics_matrix/{WORD}", *home),
        ("tune", WORD, "varix", *home),
        ("export-model", "toy_rna", WORD, "0", "--out", place / "model", *home),
        ("dataset", "fetch", WORD),
        ("dataset", "remove", WORD, *home),
        ("dataset", "add", place / "data", *home),
        ("dataset", "check", place / "data"),
    ]
    for arguments in bad:
        code, text = command(*arguments)
        assert code == 1, (arguments, text)
        assert "Traceback" not in text
    with Home(place / "home").served():
        code, text = command("ui", *home)
        assert (code, "is served by another" in text) == (1, True)


@pytest.mark.slow
def test_what_is_wrong_with_a_data_set_is_printed_as_it_is(
    place: Path, command: Command, tmp_path: Path
) -> None:
    folder = tmp_path / "toy"
    shutil.copytree(place / "data" / "toy", folder)
    file = next(folder.glob("*.parquet"))
    matrix = pd.read_parquet(file)
    study = place / "tiny.yaml"
    for harmed in (
        matrix.rename(columns={"g0": WORD}).assign(g1=WORD),
        pd.concat([matrix, matrix.iloc[:1]]).rename(index={"P000": WORD}),
        matrix.rename(index={name: WORD + name for name in matrix.index}),
    ):
        harmed.to_parquet(file)
        for arguments in (
            ("dataset", "check", folder),
            ("run", study, "--data", folder, "--home", tmp_path / "home"),
            ("plan", study, "--data", folder, "--home", tmp_path / "home"),
        ):
            code, text = command(*arguments)
            assert "Traceback" not in text
            if arguments[0] != "plan":
                assert code == 1
    content = yaml.safe_load((folder / "dataset.yaml").read_text())
    for key in ("name", "modalities", WORD):
        (folder / "dataset.yaml").write_text(yaml.safe_dump(content | {key: WORD}))
        code, text = command("dataset", "check", folder)
        assert code == 1
        assert "dataset.yaml" in text


def test_what_others_name_in_results_and_records_is_printed_as_it_is(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "results").mkdir()
    (tmp_path / "results" / "x_result.json").write_text(json.dumps({"HYPERPARAMETERS": WORD}))
    code, text = command("import", tmp_path / "results", "--out", tmp_path / "out")
    assert (code, "x_result.json" in text) == (1, True)
    record = {"files": [{"key": WORD, "links": {"self": WORD}, "checksum": WORD, "size": 1}]}
    monkeypatch.setattr(sources, "read_url", lambda url: json.dumps(record).encode())
    source = Source("hostile", WORD, WORD, record="https://zenodo.org/x")
    monkeypatch.setitem(sources.SOURCES, "hostile", source)
    code, text = command("dataset", "fetch", "hostile", "--out", tmp_path / "fetched")
    assert (code, "is no file name" in text) == (1, True)
