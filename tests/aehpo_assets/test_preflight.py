"""What can be known to be wrong before a study starts is refused before it starts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from aehpo_assets.errors import InputError
from aehpo_assets.preflight import check_study
from aehpo_assets.study import Study

FILE = Path("study.yaml")


def study(**changes: Any) -> Study:
    content: dict[str, Any] = {
        "name": "s",
        "tasks": "all",
        "architectures": ["varix"],
        "configurations": {"count": 2},
        "epochs": 1,
    }
    return Study.model_validate(content | changes)


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"hpo": {"searchers": ["cqrr"]}}, "hpo.searchers"),
        ({"benchmark": {"searchers": ["random_search", "cqrr"]}}, "benchmark.searchers"),
        ({"benchmark": {"searchers": ["random_search", "asha"]}}, "benchmark.searchers"),
        (
            {"tasks": ["a_rna"], "benchmark": {"searchers": ["random_search", "cqr+box"]}},
            "benchmark.searchers",
        ),
        ({"transfer_benchmark": {"searchers": ["cqrr"]}}, "transfer_benchmark.searchers"),
        ({"transfer_benchmark": {"searchers": ["asha"]}}, "transfer_benchmark.searchers"),
        ({"transfer_benchmark": {"probe": 50}}, "transfer_benchmark.probe"),
        ({"tasks": ["a_rna"], "transfer_benchmark": {}}, "transfer_benchmark"),
        ({"live": {"searchers": ["cqrr"]}}, "live.searchers"),
        ({"live": {"searchers": ["cqr", "asha"]}}, "live.searchers"),
        ({"space": {"k_filtre": [64]}}, "space.k_filtre"),
    ],
)
def test_a_mistake_is_named_with_its_file_and_key(changes: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError) as caught:
        check_study(study(**changes), FILE)
    assert caught.value.key == key
    assert caught.value.file == FILE


def test_a_good_study_passes() -> None:
    check_study(study(benchmark={"searchers": ["random_search", "cqr+box"]}), FILE)
    check_study(study(transfer_benchmark={"ground": "table"}), FILE)
    asha = {"searchers": ["random_search", "asha"]}
    check_study(study(benchmark=asha, epochs=3, fidelities=[1], score_fidelities=True), FILE)
    check_study(study(live={"searchers": ["cqr", "asha"]}, epochs=3, fidelities=[1]), FILE)
