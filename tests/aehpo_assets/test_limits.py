"""How much memory is free, as the kernel tells it of cgroups of both versions."""

from __future__ import annotations

from pathlib import Path

import psutil
import pytest

from aehpo_assets.limits import free_memory, size_of


def write(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    return tmp_path / "own"


def test_without_cgroups_it_is_what_the_machine_has(tmp_path: Path, own: Path) -> None:
    here = psutil.virtual_memory()
    assert 0 < free_memory(tmp_path / "absent", own) <= here.total
    write(tmp_path / "cgroup", memory__max="max\n", memory__current="5", memory__stat="")
    own.write_text("0::/\n")
    assert free_memory(tmp_path / "cgroup", own) > 1 << 20


def test_the_narrowest_cgroup_of_version_2_counts_and_its_page_cache_does_not(
    tmp_path: Path, own: Path
) -> None:
    own.write_text("0::/slice/job\n")
    outer, inner = tmp_path / "slice", tmp_path / "slice" / "job"
    write(inner, memory__max="8000", memory__current="5000", memory__stat="inactive_file 1000\n")
    assert free_memory(tmp_path, own) == 4000
    write(outer, memory__max="6000", memory__current="5500", memory__stat="inactive_file 1000\n")
    assert free_memory(tmp_path, own) == 1500


def test_a_cgroup_of_version_1_counts(tmp_path: Path, own: Path) -> None:
    own.write_text("5:cpu,cpuacct:/\n4:memory:/outside/the/container\n")
    write(
        tmp_path / "memory",
        memory__limit_in_bytes="9000",
        memory__usage_in_bytes="7000",
        memory__stat="inactive_file 1\ntotal_inactive_file 500\n",
    )
    assert free_memory(tmp_path, own) == 2500


def test_sizes_are_written_for_a_person() -> None:
    assert [size_of(n) for n in (5, 2048, 3 << 20, 3 << 29, 5 << 40)] == [
        "5 B",
        "2 KiB",
        "3 MiB",
        "1.5 GiB",
        "5.0 TiB",
    ]
