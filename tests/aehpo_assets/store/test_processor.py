"""The processor is named, with what the environment tells its matrix libraries."""

from __future__ import annotations

import pytest

from aehpo_assets.store.processor import ARITHMETIC_SETTINGS, arithmetic, processor_name


def test_settings_that_change_the_rounding_are_part_of_the_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ARITHMETIC_SETTINGS:
        monkeypatch.delenv(name, raising=False)
    assert arithmetic() == processor_name() != ""
    monkeypatch.setenv("MKL_CBWR", "AVX2,STRICT")
    assert arithmetic() == f"{processor_name()}, MKL_CBWR=AVX2,STRICT"
