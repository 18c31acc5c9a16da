"""What is said beside test scores of how they were opened."""

from __future__ import annotations

from aehpo_assets.analysis.opening import opening_sentence


def test_only_a_further_look_or_an_open_test_needs_words() -> None:
    assert opening_sentence(1) == ""
    assert "opening 3" in opening_sentence(3)
    assert "open" in opening_sentence(1, test_is_open=True)
