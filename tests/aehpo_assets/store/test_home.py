"""The home: one folder, one study, one headless run at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aehpo_assets.errors import HomeBusyError, InputError
from aehpo_assets.store.freshness import study_settings
from aehpo_assets.store.home import Home, keep_study
from aehpo_assets.study import Study, read_study

STUDY = Study.model_validate(
    {
        "name": "tiny",
        "tasks": "all",
        "architectures": ["vanillix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
)


def test_the_adopted_study_is_the_study_of_the_home(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with pytest.raises(InputError, match="holds no study"):
        home.study()
    home.adopt(STUDY, Path("tiny.yaml"))
    assert home.study() == STUDY
    changed = STUDY.model_copy(update={"epochs": 5})
    home.adopt(changed, Path("tiny.yaml"))
    assert home.study().epochs == 5


def test_a_study_takes_its_file_of_configurations_along(tmp_path: Path) -> None:
    source = tmp_path / "mine.parquet"
    source.write_bytes(b"first")
    content = {"configurations": {"count": 4, "source": str(source)}}
    study = Study.model_validate(STUDY.model_dump(mode="json") | content)
    home = Home(tmp_path / "home")
    home.adopt(study, tmp_path / "study.yaml")
    (tmp_path / "home").rename(tmp_path / "moved")
    moved = Home(tmp_path / "moved")
    assert str(tmp_path) not in moved.study_file.read_text()
    kept = Path(moved.study().configurations.source)
    assert kept == moved.root / "configurations.parquet"
    assert kept.read_bytes() == b"first"
    key = ["configurations.source"]
    assert study_settings(study, key) == study_settings(moved.study(), key)
    source.write_bytes(b"second")
    moved.adopt(study, tmp_path / "study.yaml")
    assert kept.read_bytes() == b"second"
    # What is sent on runs as well; without the file, one sentence says what is missing.
    keep_study(moved.study(), tmp_path / "sent")
    assert read_study(tmp_path / "sent" / "study.yaml").name == study.name
    kept.unlink()
    with pytest.raises(InputError, match=r"configurations.source: cannot be read .* Put it back"):
        keep_study(moved.study(), tmp_path / "again")


def test_a_study_of_another_name_is_refused_with_the_remedy(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.adopt(STUDY, Path("tiny.yaml"))
    other = STUDY.model_copy(update={"name": "other"})
    with pytest.raises(InputError, match="--home"):
        home.adopt(other, Path("other.yaml"))
    assert home.study() == STUDY


def test_a_second_process_on_the_same_home_is_refused(tmp_path: Path) -> None:
    script = (
        "import sys\nfrom aehpo_assets.store.home import Home\n"
        f"with Home({str(tmp_path)!r}).locked():\n"
        "    print('held', flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(HomeBusyError, match=f"process {other.pid}"),
            Home(tmp_path).locked(),
        ):
            pass
        other.communicate("")
    with Home(tmp_path).locked():
        pass


def test_data_roots_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, first, second = Home(tmp_path / "home"), tmp_path / "one", tmp_path / "two"
    first.mkdir()
    second.mkdir()
    home.record_data_roots([first])
    monkeypatch.setenv("AEHPO_DATA", str(second))
    roots = Home(tmp_path / "home").data_roots()
    assert first in roots
    assert second in roots
    with pytest.raises(InputError, match="no such folder"):
        home.check_data_roots([tmp_path / "absent"])


@pytest.mark.parametrize("content", [b'["/data"', b'{"a": 1}', b"[1]", b"\xff"])
def test_damaged_data_roots_are_named_with_the_remedy(tmp_path: Path, content: bytes) -> None:
    home = Home(tmp_path)
    file = tmp_path / "data_roots.json"
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"data_roots\.json: cannot be read .*--data"):
        home.data_roots()
    with pytest.raises(InputError, match=r"data_roots\.json: cannot be read .*Remove it"):
        home.record_data_roots([tmp_path])
    assert file.read_bytes() == content


def test_whether_a_home_is_held_is_asked_without_holding_it(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    assert not home.is_locked
    assert not home.is_served
    with home.locked():
        assert home.is_locked
        assert not home.is_served
        with home.served(), pytest.raises(HomeBusyError, match="another UI"), home.served():
            pass
    assert not home.is_locked
    assert not home.is_served
