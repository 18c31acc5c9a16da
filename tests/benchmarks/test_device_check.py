"""The device check makes all its checks on a CPU as well, and a part that fails is a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import device_check
from benchmarks.device_check import PARTS, check_part, failed, in_a_process, table_of


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_every_part_is_passed_or_says_what_it_needs(part: str, tmp_path: Path) -> None:
    lines = check_part(part, True, tmp_path / "lines.json")
    assert lines
    assert not [name for name, line in lines.items() if failed(line)]
    assert json.loads((tmp_path / "lines.json").read_text()).keys() == lines.keys()
    assert table_of({part: lines}).row_count == len(lines)


def test_all_parts_together_take_at_most_eight_minutes() -> None:
    assert sum(PARTS.values()) <= 480


def test_a_part_that_runs_over_keeps_its_lines_and_is_no_success() -> None:
    lines = in_a_process("facts", True, 0.1)
    assert failed(lines["end"])
    assert "over its 0 s" in lines["end"]["error"]


def test_a_check_that_raises_is_a_line_and_the_others_are_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from benchmarks.device import facts

    def broken() -> dict[str, object]:
        raise ValueError("no such device")

    checks = [("broken", broken), ("whole", lambda: {"ok": True})]
    monkeypatch.setattr(facts, "checks", lambda smoke: checks)
    lines = check_part("facts", True, tmp_path / "lines.json")
    assert lines["broken"]["error"] == "ValueError: no such device"
    assert lines["broken"]["at"].startswith("test_device_check.py:")
    assert lines["whole"]["ok"]
    assert device_check.failed(lines["broken"])
    assert not device_check.failed(lines["whole"])
