"""Commands whose folder cannot be written: one line with folder, option and remedy."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from aehpo_assets.cli import main as cli

pytestmark = pytest.mark.usefixtures("same_process")

COMMANDS = {
    "run STUDY --data DATA --home": "--home",
    "sample STUDY --out": "--out",
    "dataset add DATASET --home": "--home",
    "dataset add DATASET --link --home": "--home",
    "ui --home": "--home",
    "dataset remove toy --home": "--home",
    "next-round --home": "--home",
    "export --out": "--out",
    "import DATA --out": "--out",
    "dataset demo": "DIR",
    "dataset fetch gtex_v8 --out": "--out",
    "export-model toy_rna vanillix 0 --out": "--out",
}
"""A command to the option that names the folder it writes into, which comes last."""


def told(
    arguments: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> str:
    """What a command that ends with exit code 1 says."""
    monkeypatch.setattr("sys.argv", ["aehpo", *arguments])
    monkeypatch.delenv("AEHPO_HOME", raising=False)
    with pytest.raises(SystemExit) as stopped:
        cli.main()
    said = capsys.readouterr()
    assert stopped.value.code == 1, said
    assert said.out == ""
    return said.err


@pytest.mark.parametrize("place", ["file/new", "/proc/nope/new", "file"])
@pytest.mark.parametrize("command", COMMANDS)
def test_a_folder_that_cannot_be_written_is_one_line(
    command: str,
    place: str,
    tiny_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("kept")
    words = {
        "STUDY": tiny_root / "tiny.yaml",
        "DATA": tiny_root / "data",
        "DATASET": tiny_root / "data" / "toy",
    }
    arguments = [str(words.get(word, word)) for word in command.split()]
    said = told([*arguments, str(tmp_path / place)], monkeypatch, capsys)
    assert said.count("\n") == 1
    assert f"{tmp_path / place}: {COMMANDS[command]}: cannot be written (" in said
    assert "name" in said.lower()
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EPERM])
def test_a_refusal_met_later_is_one_line_too(
    code: int,
    tiny_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, "refused", str(tmp_path / "lock"))

    monkeypatch.setattr("aehpo_assets.cli.run.run_headless", refuse)
    said = told(["run", str(tiny_root / "tiny.yaml"), "--home", str(tmp_path)], monkeypatch, capsys)
    assert f"{tmp_path}/lock: cannot be read or written (refused). Correct" in said
    assert said.count("\n") == 1
