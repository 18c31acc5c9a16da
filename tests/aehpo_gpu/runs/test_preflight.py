"""Baselines that no task of a study can have are refused before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.study import Study
from aehpo_gpu.runs import preflight
from aehpo_gpu.runs.preflight import check_architectures

JOINED = [{"dataset": "a", "modalities": ["rna", "meth"]}]


def study(methods: list[str], **changes: Any) -> Study:
    content: dict[str, Any] = {
        "name": "s",
        "tasks": ["a_rna"],
        "architectures": ["varix"],
        "configurations": {"count": 2},
        "epochs": 1,
        "baselines": {"methods": methods},
    }
    return Study.model_validate(content | changes)


def test_what_the_study_cannot_give_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    file = Path("study.yaml")
    with pytest.raises(
        InputError, match=r"study.yaml.*baselines.methods: nmf .* standard .*minmax"
    ):
        check_architectures(study(["nmf"]), file)
    check_architectures(study(["nmf"], preprocessing={"scaler": "minmax"}), file)
    with pytest.raises(InputError, match=r"cca takes several modalities.*fusion"):
        check_architectures(study(["pca", "cca"]), file)
    check_architectures(study(["pca", "cca"], fusion=JOINED), file)
    monkeypatch.setattr(preflight, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"mofapy2, which is not installed.*aehpo\[reference\]"):
        check_architectures(study(["mofa"]), file)


@pytest.mark.parametrize(
    "section",
    [{"methods": []}, {"methods": ["pca", "pca"]}, {"methods": ["tsne"]}, {"dimensions": [0]}],
)
def test_a_section_that_says_nothing_sensible_is_refused(section: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="baselines"):
        study(["pca"], baselines=section)


def test_dimensions_are_those_of_the_space_unless_they_are_given() -> None:
    assert study(["pca"]).baselines.dims([2, 8]) == [2, 8]
    given = study(["pca"], baselines={"dimensions": [3, 5]}).baselines
    assert given.dims([2, 8]) == [3, 5]
