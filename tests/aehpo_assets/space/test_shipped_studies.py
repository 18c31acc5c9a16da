"""The study files that come along: what they search, and that nothing in them is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from aehpo_assets.running.preflight import check_study
from aehpo_assets.space import configurations_of, search_space
from aehpo_assets.study import read_study

STUDIES = Path(__file__).parents[3] / "data" / "studies"
ALL = sorted(file.stem for file in STUDIES.glob("*.yaml"))

SIZES = {"tybalt": 1280, "eltager": 1080, "delft": 90, "adage": 36, "and_gate": 32}
"""Configurations of the full grid of each architecture, as published where that is known."""


@pytest.mark.parametrize("name", ALL)
def test_every_study_that_comes_along_passes_its_checks(name: str) -> None:
    study = read_study(STUDIES / f"{name}.yaml")
    if name != "thesis":
        check_study(study, STUDIES / f"{name}.yaml", ["a"])
    assert study.name == name


@pytest.mark.parametrize("name", sorted(SIZES))
def test_the_grid_is_the_published_one(name: str) -> None:
    study = read_study(STUDIES / f"{name}.yaml")
    for architecture in study.architectures:
        space = search_space(architecture, study.space)
        assert space.size == SIZES[name], architecture
        assert len(configurations_of(study, architecture)) == SIZES[name]


def test_small_forms_are_small() -> None:
    for name in ALL:
        if name.endswith("_small"):
            assert name.removesuffix("_small") in ALL
            assert read_study(STUDIES / f"{name}.yaml").configurations.count <= 32
