"""Homes of other versions: migrated once and step by step, or refused in one sentence."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aehpo_assets import __version__
from aehpo_assets.cli.main import app
from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.store import home_schema
from aehpo_assets.store.home import Home
from aehpo_assets.store.home_schema import Migration, begin, migrate
from aehpo_assets.study import Study
from aehpo_gpu.cli.main import app as gpu_app

STUDY = Study.model_validate(
    {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
)


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A home as it was before homes had a version."""
    home = Home(tmp_path / "home")
    home.adopt(STUDY, Path("tiny.yaml"))
    (home.root / "home.json").unlink()
    return home.root


def write_version(root: Path, number: object) -> bytes:
    content = json.dumps({"version": number, "aehpo": "9.8.7"}).encode()
    (root / "home.json").write_bytes(content)
    return content


def version(root: Path) -> int:
    return json.loads((root / "home.json").read_text())["version"]


def files(root: Path) -> dict[str, bytes]:
    return {str(p.relative_to(root)): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def add_line(name: str) -> Migration:
    """A step that can be called again: it adds a line to a file once."""

    def step(root: Path) -> None:
        file = root / "lines.txt"
        lines = file.read_text().splitlines() if file.exists() else []
        if name not in lines:
            file.write_text("\n".join([*lines, name]) + "\n")

    return Migration(f"wrote {name}", step)


def test_a_new_home_says_its_version_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()  # `aehpo dataset demo` may come first
    with Home(tmp_path).locked():
        assert version(tmp_path) == home_schema.present_version()
    told: list[str] = []
    migrate(tmp_path, told.append)
    assert told == []


def test_what_is_no_home_gets_nothing(tmp_path: Path) -> None:
    for folder in (tmp_path / "absent", tmp_path):
        migrate(folder, lambda line: pytest.fail(line))
        Home(folder)
    assert list(tmp_path.iterdir()) == []


def test_a_home_without_a_version_is_recorded_once_and_otherwise_left_as_it_is(old: Path) -> None:
    before, told = files(old), []
    assert Home(old).study() == STUDY
    assert files(old) == before
    migrate(old, told.append)
    migrate(old, told.append)
    assert told == [f"{old}: a home from before homes had a version: recorded as version 1."]
    after = files(old)
    assert json.loads(after.pop("home.json")) == {"version": 1, "aehpo": __version__}
    assert {name: after[name] for name in before} == before


def test_steps_are_done_in_order_each_once(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(home_schema, "MIGRATIONS", (add_line("first"), add_line("second")))
    with pytest.raises(InputError, match=r"home of version 1.*homes of version 3.*`aehpo run"):
        Home(old)
    told: list[str] = []
    migrate(old, told.append)
    assert [line.partition(": ")[2] for line in told[1:]] == [
        "migrated to version 2 of homes: wrote first.",
        "migrated to version 3 of homes: wrote second.",
    ]
    assert Home(old).study() == STUDY
    assert (old / "lines.txt").read_text() == "first\nsecond\n"
    (old / "lines.txt").unlink()
    migrate(old, lambda line: pytest.fail(line))
    assert not (old / "lines.txt").exists()


def test_a_kill_between_steps_repeats_nothing_that_was_done(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = (
        "import os, signal, sys\nfrom pathlib import Path\n"
        "from aehpo_assets.store import home_schema\n"
        "from aehpo_assets.store.home_schema import Migration, migrate\n"
        "first = Migration('first', lambda root: (root / 'first').touch())\n"
        "killed = Migration('second', lambda root: os.kill(os.getpid(), signal.SIGKILL))\n"
        "home_schema.MIGRATIONS = (first, killed)\n"
        "migrate(Path(sys.argv[1]), lambda line: print(line, flush=True))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, str(old)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    assert len(ended.stdout.splitlines()) == 2
    assert version(old) == 2
    assert (old / "first").exists()
    never = Migration("first", lambda root: pytest.fail("the first step was done already"))
    monkeypatch.setattr(home_schema, "MIGRATIONS", (never, add_line("second")))
    with pytest.raises(InputError, match="home of version 2"):
        Home(old)
    migrate(old, lambda line: None)
    assert version(old) == 3
    assert (old / "lines.txt").read_text() == "second\n"


def test_a_step_that_fails_leaves_the_version_before_it(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(root: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(home_schema, "MIGRATIONS", (add_line("first"), Migration("full", full)))
    with pytest.raises(OSError, match="No space"):
        migrate(old, lambda line: None)
    assert version(old) == 2


@pytest.mark.parametrize("lock", ["locked", "served", "worked_on"])
def test_a_home_in_use_is_not_migrated(old: Path, lock: str) -> None:
    home = Home(old)
    with getattr(home, lock)(), pytest.raises(HomeBusyError, match="in use"):
        migrate(old, lambda line: pytest.fail(line))
    assert not (old / "home.json").exists()
    migrate(old, lambda line: None)
    assert version(old) == 1


def test_a_newer_home_is_refused_with_what_to_install(old: Path) -> None:
    content = write_version(old, 7)
    for enter in (lambda: Home(old), lambda: migrate(old, lambda line: None)):
        with pytest.raises(
            InputError, match=r"version 7, made by aehpo 9\.8\.7.*up to version 1\. Install aehpo 9"
        ):
            enter()
    assert (old / "home.json").read_bytes() == content


@pytest.mark.parametrize(
    "content", [b"", b"{", b"3", b"{}", b'{"version": "1", "aehpo": "0"}', b"[" * 100_000]
)
def test_a_damaged_version_is_named_and_left(old: Path, content: bytes) -> None:
    (old / "home.json").write_bytes(content)
    with pytest.raises(InputError, match=r"home\.json: does not say the version.*Bring it back"):
        Home(old)
    with pytest.raises(InputError, match=r"home\.json: does not say"):
        migrate(old, lambda line: None)
    assert (old / "home.json").read_bytes() == content


WAYS_IN = {
    "run": (app, ["run", "STUDY"]),
    "status": (app, ["status"]),
    "next-round": (app, ["next-round"]),
    "trace": (app, ["trace", "run_results/vanillix/toy_rna"]),
    "reproduce": (app, ["reproduce", "run_results/vanillix/toy_rna"]),
    "ui": (app, ["ui"]),
    "results": (app, ["results"]),
    "recommend": (app, ["recommend", "toy_rna"]),
    "report": (app, ["report"]),
    "export": (app, ["export", "--out", "OUT"]),
    "bundle": (app, ["bundle", "--out", "OUT"]),
    "dataset add": (app, ["dataset", "add", "DATASET"]),
    "dataset remove": (app, ["dataset", "remove", "toy"]),
    "plan": (gpu_app, ["plan", "STUDY"]),
    "tune": (gpu_app, ["tune", "toy_rna", "vanillix"]),
    "export-model": (gpu_app, ["export-model", "toy_rna", "vanillix", "0", "--out", "OUT"]),
}


@pytest.mark.parametrize("way", WAYS_IN)
def test_every_command_refuses_a_newer_home_and_writes_nothing(
    old: Path, tiny_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    monkeypatch.setenv("AEHPO_HOME", str(old))
    write_version(old, 7)
    before = files(old)
    commands, arguments = WAYS_IN[way]
    places = {
        "STUDY": tiny_root / "tiny.yaml",
        "DATASET": tiny_root / "data" / "toy",
        "OUT": tmp_path / "out",
    }
    ended = CliRunner().invoke(commands, [str(places.get(a, a)) for a in arguments])
    assert isinstance(ended.exception, InputError), ended.output
    assert "home of version 7" in str(ended.exception)
    assert files(old) == before


def test_no_command_that_enters_a_home_was_forgotten() -> None:
    elsewhere = {"sample", "import", "dataset check", "dataset demo", "dataset sources"}
    elsewhere |= {"dataset fetch"}
    named = set()
    for prefix, commands in (
        ("", app.registered_commands + gpu_app.registered_commands),
        ("dataset ", app.registered_groups[0].typer_instance.registered_commands),
    ):
        for command in commands:
            own = command.name or command.callback.__name__.replace("_", "-")
            named.add(prefix + own.removeprefix("dataset-"))
    assert named == elsewhere | set(WAYS_IN)


def test_assets_and_sensors_refuse_a_newer_home(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from aehpo_assets.defs.resource import StudyResource

    monkeypatch.setenv("AEHPO_HOME", str(old))
    write_version(old, 7)
    for read in (lambda: StudyResource().home, lambda: StudyResource().store):
        with pytest.raises(InputError, match="home of version 7"):
            read()


def test_a_command_that_writes_says_what_it_migrated(
    old: Path, tiny_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEHPO_HOME", str(old))
    monkeypatch.setattr(home_schema, "MIGRATIONS", (add_line("first"),))
    ended = CliRunner().invoke(app, ["dataset", "remove", "nothing"])
    assert "recorded as version 1" in ended.output
    assert "migrated to version 2 of homes: wrote first" in ended.output
    assert version(old) == 2


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_home_that_is_read_only_is_read_and_not_migrated(old: Path) -> None:
    old.chmod(0o555)
    try:
        assert Home(old).study() == STUDY
        ended = CliRunner().invoke(app, ["next-round", "--home", str(old)])
        assert "cannot be written" in str(ended.exception)
    finally:
        old.chmod(0o755)
    assert not (old / "home.json").exists()


def test_a_folder_gets_its_version_once(tmp_path: Path) -> None:
    begin(tmp_path / "home")
    content = write_version(tmp_path / "home", 1)
    begin(tmp_path / "home")
    assert (tmp_path / "home" / "home.json").read_bytes() == content
