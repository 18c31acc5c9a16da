"""What the nightly rounds ask for: what is missing or stale, in an order that can work."""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from aehpo_assets.definitions import defs as assets_location
from aehpo_assets.defs.catch_up import due_artefacts
from aehpo_assets.defs.partitions import sync_partitions
from aehpo_assets.defs.resource import study_on
from aehpo_assets.defs.schedules import catch_up, machine_timezone
from aehpo_assets.defs.study_artefacts import StudyArtefacts, specs_of
from aehpo_assets.store.home import Home
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.store.store import Partition, Record
from aehpo_assets.study import Study
from aehpo_gpu.definitions import defs as gpu_location

GROUPS = [
    ("omics_matrix",),
    ("sample_labels",),
    ("data_split",),
    ("preprocessed_matrix",),
    ("dataset_profile",),
    ("feature_ontology",),
    ("configurations",),
    ("earlier_validations",),
    ("blackbox",),
    ("surrogate",),
    ("recommendations",),
]
EXTERNAL = ("run_results",)


def owned(location: dg.Definitions) -> list[dg.AssetsDefinition]:
    return [a for a in location.assets or [] if isinstance(a, dg.AssetsDefinition)]


class Stale(StudyArtefacts):
    """Artefacts of which the test says which are stale."""

    reasons: dict[tuple[str, Partition], str]

    def why_stale(self, asset: str, partition: Partition) -> str | None:
        return self.reasons.get((asset, partition))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home with a study of one architecture and the tasks a and b."""
    monkeypatch.delenv("AEHPO_DATA", raising=False)
    home = Home(tmp_path)
    study: dict[str, Any] = {
        "name": "tiny",
        "tasks": ["a", "b"],
        "architectures": ["varix"],
        "configurations": {"count": 4},
        "epochs": 3,
    }
    home.adopt(Study.model_validate(study), Path("tiny.yaml"))
    return home


def put(home: Home, asset: str, *partition: str, passed: bool = True) -> None:
    checks = [CheckResult(name="finite", passed=passed, blocking=True)]
    record = Record(code_version="1", checks=checks)
    home.store.write_folder(asset, partition, lambda folder: None, record)


@pytest.fixture
def artefacts(home: Home) -> Stale:
    """Every artefact there, none stale."""
    specs = specs_of([*owned(assets_location), *owned(gpu_location)])
    artefacts = Stale(home, {}, ["a", "b"], specs)
    artefacts.reasons = {}
    for asset, *_ in [*GROUPS, EXTERNAL]:
        for partition in artefacts.partitions(asset):
            put(home, asset, *partition)
    return artefacts


def due(artefacts: StudyArtefacts, **options: Any) -> dict[Partition, set[str]]:
    return {p: set(assets) for p, assets in due_artefacts(artefacts, GROUPS, **options)}


def test_nothing_is_due_when_nothing_is_stale(artefacts: Stale) -> None:
    assert due(artefacts) == {}


def test_what_hangs_together_within_a_partition_is_made_in_one_run(artefacts: Stale) -> None:
    for asset in ("omics_matrix", "data_split", "preprocessed_matrix"):
        artefacts.reasons[asset, ("a",)] = "the code that makes it changed"
    assert due(artefacts) == {("a",): {"omics_matrix", "data_split", "preprocessed_matrix"}}


def test_what_hangs_on_another_partition_waits_for_a_later_round(artefacts: Stale) -> None:
    artefacts.reasons["surrogate", ("varix",)] = "the setting hpo.seed changed"
    artefacts.reasons["recommendations", ("varix", "a")] = "the setting hpo changed"
    assert due(artefacts) == {("varix",): {"surrogate"}}
    del artefacts.reasons["surrogate", ("varix",)]
    assert due(artefacts) == {("varix", "a"): {"recommendations"}}


def test_what_a_run_is_making_is_left_to_it_and_waited_for(artefacts: Stale) -> None:
    artefacts.reasons["blackbox", ("varix",)] = "missing"
    artefacts.reasons["surrogate", ("varix",)] = "missing"
    assert due(artefacts, busy={("blackbox", ("varix",))}) == {}


def test_what_cannot_work_is_not_asked_for(artefacts: Stale, home: Home) -> None:
    put(home, "dataset_profile", "a", passed=False)
    for task in ("a", "b"):
        artefacts.reasons["recommendations", ("varix", task)] = "missing"
    assert due(artefacts) == {("varix", "b"): {"recommendations"}}


def test_a_task_that_cannot_be_described_holds_up_no_other(artefacts: Stale, home: Home) -> None:
    """Nor do baselines that were never scored."""
    put(home, "preprocessed_matrix", "b", passed=False)
    artefacts.reasons["dataset_profile", ("b",)] = "missing"
    for task in ("a", "b"):
        artefacts.reasons["recommendations", ("varix", task)] = "the code that makes it changed"
    assert due(artefacts) == {("varix", "a"): {"recommendations"}}


def test_assets_of_one_training_are_asked_for_together(artefacts: Stale, home: Home) -> None:
    artefacts.reasons["learning_curves", ("varix", "a")] = "the setting fidelities changed"
    for asset in ("learning_curves", "baseline_performance"):
        put(home, asset, "varix", "a")
    found = list(due_artefacts(artefacts, [("learning_curves", "run_results")]))
    assert [(p, set(reasons)) for p, reasons in found] == [
        (("varix", "a"), {"learning_curves", "run_results"})
    ]


def evaluate(location: dg.Definitions, home: Home, instance: dg.DagsterInstance) -> Any:
    with dg.build_schedule_context(
        instance=instance,
        scheduled_execution_time=datetime.datetime(2026, 1, 2, 1, 20, tzinfo=datetime.UTC),
        repository_def=location.get_repository_def(),
        resources={"study": study_on(home)},
    ) as context:
        return catch_up().evaluate_tick(context)


def test_the_schedule_asks_for_what_can_be_made_at_night(home: Home, tmp_path: Path) -> None:
    instance = dg.DagsterInstance.local_temp(str(tmp_path))
    sync_partitions(home.study(), instance, ["a", "b"])
    requests = evaluate(assets_location, home, instance).run_requests
    by_partition = {
        request.tags["dagster/partition"]: {k.to_user_string() for k in request.asset_selection}
        for request in requests
    }
    preparation = {name for (name,) in GROUPS[:6]}
    assert by_partition == {
        "a": preparation,
        "b": preparation,
        "varix": {"configurations", "earlier_validations"},
    }
    keys = {request.run_key for request in evaluate(assets_location, home, instance).run_requests}
    assert keys == {request.run_key for request in requests}, "what fails is tried once a night"
    assert not evaluate(gpu_location, home, instance).run_requests


def test_the_schedule_rests_without_a_study_and_beside_a_headless_run(
    home: Home, tmp_path: Path
) -> None:
    instance = dg.DagsterInstance.ephemeral()
    empty = evaluate(assets_location, Home(tmp_path / "other"), instance)
    assert "no study" in str(empty.skip_message)
    with home.locked():
        assert "at work" in str(evaluate(assets_location, home, instance).skip_message)


def test_the_night_is_that_of_the_study_or_of_the_machine(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEHPO_HOME", str(home.root))
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    assert catch_up().execution_timezone == "Asia/Tokyo"
    settings = home.study().model_copy(update={"timezone": "Europe/Berlin"})
    home.adopt(settings, Path("tiny.yaml"))
    assert catch_up().execution_timezone == "Europe/Berlin"
    monkeypatch.setenv("TZ", "nowhere")
    assert machine_timezone() in zoneinfo.available_timezones()
