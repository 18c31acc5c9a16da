"""Openings of the test: each further look is counted, and the same look is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.store.openings import Openings


def test_another_look_is_counted_and_the_same_is_not(tmp_path: Path) -> None:
    openings = Openings(tmp_path / "openings")
    assert openings.known("varix", "toy_rna") == []
    assert openings.note("varix", "toy_rna", ["a", "b"], "test_results") == 1
    assert openings.note("varix", "toy_rna", ["b", "a", "a"], "test_results") == 1
    assert openings.note("varix", "toy_rna", ["a", "c"], "aehpo export") == 2
    assert openings.note("varix", "toy_rna", ["a", "b"], "test_results") == 1
    assert openings.note("vanillix", "toy_rna", ["a", "c"], "test_results") == 1
    known = Openings(tmp_path / "openings").known("varix", "toy_rna")
    assert [(one["by"], one["count"]) for one in known] == [
        ("test_results", 2),
        ("aehpo export", 2),
    ]


@pytest.mark.parametrize("content", ["[", "{}", '[{"by": "test_results"}]', "[1]"])
def test_a_damaged_count_is_named_and_not_begun_again(tmp_path: Path, content: str) -> None:
    openings = Openings(tmp_path)
    path = openings.path("varix", "toy_rna")
    path.parent.mkdir()
    path.write_text(content)
    with pytest.raises(InputError, match=r"toy_rna\.json"):
        openings.note("varix", "toy_rna", ["a"], "test_results")
    assert path.read_text() == content
