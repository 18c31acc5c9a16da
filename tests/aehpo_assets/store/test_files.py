"""Files and folders: what cannot be written is said before anything is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.store.files import atomic_file, atomic_folder, check_writable


def test_a_folder_that_can_be_made_is_not_made_by_asking(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "deeper", "--home")
    check_writable(tmp_path, "--home")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "is no folder"),
        ("file/below", "is no folder"),
        ("dangling", "is no folder"),
        ("dangling/below", "is no folder"),
        ("x" * 300, "File name too long"),
        ("new/" + "x" * 300, "File name too long"),
        ("/proc/nope/below", "No such file or directory"),
        ("/dev/null/below", "is no folder"),
    ],
)
def test_a_place_where_nothing_can_be_written_is_named(
    tmp_path: Path, name: str, reason: str
) -> None:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InputError) as caught:
        check_writable(tmp_path / name, "--home")
    assert f"{tmp_path / name}: --home: cannot be written" in str(caught.value)
    assert reason in str(caught.value)
    assert caught.value.remedy
    assert sorted(path.name for path in tmp_path.iterdir()) == ["dangling", "file"]


@pytest.mark.parametrize("write", [atomic_file, atomic_folder])
def test_a_writer_names_the_place_that_refuses_it(tmp_path: Path, write) -> None:
    (tmp_path / "file").write_text("kept")
    with (
        pytest.raises(InputError, match=r"file/new: cannot be written .*Correct the permissions"),
        write(tmp_path / "file" / "new"),
    ):
        raise AssertionError("there is no place to write to")
    assert (tmp_path / "file").read_text() == "kept"


def without_privileges() -> list[str]:
    """What a command begins with that may not write everywhere, as root may."""
    if os.geteuid() != 0:
        return []
    if shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv to give that up")
    return ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]


@pytest.mark.parametrize("name", ["locked", "locked/new"])
def test_permissions_are_told_with_the_setting_and_the_remedy(tmp_path: Path, name: str) -> None:
    prefix = without_privileges()
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    if prefix:
        os.chown(locked, 65534, 65534)
    script = (
        "import sys, pathlib\n"
        "from aehpo_assets.errors import InputError\n"
        "from aehpo_assets.store.files import check_writable\n"
        "try:\n    check_writable(pathlib.Path(sys.argv[1]), '--out')\n"
        "except InputError as error:\n    print(error)\n"
    )
    told = subprocess.run(
        [*prefix, sys.executable, "-c", script, str(tmp_path / name)],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert told.startswith(f"{tmp_path / name}: --out: cannot be written (Permission denied). ")
    assert "name" in told.lower()
    assert list(locked.iterdir()) == []
