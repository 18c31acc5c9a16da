"""Whether an artefact is up to date, and if not, why."""

from __future__ import annotations

import pytest

from aehpo_assets.store.freshness import known_settings, study_settings, why_stale
from aehpo_assets.store.provenance import CheckResult, Provenance
from aehpo_assets.study import Study

RECORD = Provenance(
    artefact="run_results/varix/tcga_rna",
    data_version="d",
    code_version="c",
    settings={"epochs": 3},
    inputs={"configurations/varix": "1"},
)
TODAY = {"code_version": "c", "settings": {"epochs": 3}, "inputs": {"configurations/varix": "1"}}


def test_nothing_changed() -> None:
    assert why_stale(RECORD, **TODAY) is None


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"code_version": "e"}, "code"),
        ({"settings": {"epochs": 4}}, "setting epochs changed"),
        ({"settings": {"epochs": 3, "seeds": [0]}}, "setting seeds changed"),
        ({"inputs": {"configurations/varix": "2"}}, "input configurations/varix changed"),
        ({"inputs": {}}, "input configurations/varix is gone"),
        ({"inputs": {"configurations/varix": "1", "x": "1"}}, "input x is new"),
    ],
)
def test_every_change_is_a_reason(change: dict[str, object], reason: str) -> None:
    assert reason in str(why_stale(RECORD, **(TODAY | change)))


def test_other_prices_of_an_input_are_a_reason_though_its_version_is_the_same() -> None:
    record = RECORD.model_copy(update={"prices": ("a", "b")})
    assert why_stale(record, **TODAY, prices={"a"}) is None
    assert "prices of the device changed" in str(why_stale(record, **TODAY, prices={"a", "c"}))


def test_what_is_missing_or_failed_is_made_again() -> None:
    assert why_stale(None, **TODAY) == "missing"
    check = CheckResult(name="finite", passed=False, blocking=True)
    assert "finite" in str(why_stale(RECORD.model_copy(update={"checks": [check]}), **TODAY))


def test_settings_are_picked_by_dotted_keys() -> None:
    study = Study.model_validate(
        {
            "name": "tiny",
            "tasks": "all",
            "architectures": ["vanillix"],
            "configurations": {"count": 4},
            "epochs": 3,
        }
    )
    assert study_settings(study, ["epochs", "hpo.trials"]) == {"epochs": 3, "hpo.trials": 200}


def test_a_setting_that_came_later_makes_nothing_stale_until_it_is_used() -> None:
    recorded = {"epochs": 3}
    assert known_settings({"epochs": 3, "replicates": 1}, recorded) == recorded
    assert known_settings({"epochs": 3, "hpo.validation_seeds": None}, recorded) == recorded
    used = {"epochs": 3, "replicates": 2}
    assert known_settings(used, recorded) == used
    # One that the record names counts, whatever its value; so does one that has no default.
    assert known_settings({"replicates": 1}, {"replicates": 2}) == {"replicates": 1}
    assert known_settings({"epochs": 3}, {}) == {"epochs": 3}
    split = Study.model_fields["split"].default.model_dump(mode="json")
    assert known_settings({"split": split}, {}) == {}
    # So it is with a setting that came later into a section.
    earlier = {name: value for name, value in split.items() if name != "seed"}
    assert known_settings({"split": split}, {"split": earlier}) == {"split": earlier}
    drawn = split | {"seed": 5}
    assert known_settings({"split": drawn}, {"split": earlier}) == {"split": drawn}
