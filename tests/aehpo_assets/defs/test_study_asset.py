"""What somebody selects in the UI: up to date it is left alone, outside the study it is refused."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from aehpo_assets.defs.failures import is_not_asked_for, reason_of_failure
from aehpo_assets.defs.instance import open_instance
from aehpo_assets.defs.resource import StudyResource
from aehpo_assets.defs.study_asset import MAKE_AGAIN_TAG
from aehpo_assets.running.runner import CodeLocations
from aehpo_assets.store.home import Home

TASK = ("toy_rna",)


@pytest.fixture
def home(finished_tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    home = Home(tmp_path / "home")
    shutil.copytree(finished_tiny / "home", home.root)
    monkeypatch.setenv("AEHPO_HOME", str(home.root))
    return home


@pytest.fixture
def instance(home: Home) -> Iterator[dg.DagsterInstance]:
    with open_instance(home) as instance:
        yield instance


def materialize(
    instance: dg.DagsterInstance, asset: str, partition: str, **tags: str
) -> dg.ExecuteInProcessResult:
    """Materialize as the UI does, with what is made together."""
    together = ["run_results", "learning_curves"]
    return dg.materialize(
        CodeLocations().assets,
        selection=together if asset in together else [asset],
        partition_key=partition,
        instance=instance,
        resources={"study": StudyResource()},
        tags=tags,
        raise_on_error=False,
    )


def test_what_is_up_to_date_is_not_made_again(home: Home, instance: dg.DagsterInstance) -> None:
    path = home.store.table_path("preprocessed_matrix", TASK)
    before = path.stat().st_mtime_ns
    (first,) = instance.fetch_materializations(dg.AssetKey("preprocessed_matrix"), 1).records
    result = materialize(instance, "preprocessed_matrix", "toy_rna")
    assert result.success
    assert path.stat().st_mtime_ns == before
    (told,) = result.asset_materializations_for_node("preprocessed_matrix")
    assert first.asset_materialization is not None
    assert {*told.metadata} >= {*first.asset_materialization.metadata}
    version = "dagster/data_version"
    assert (told.tags or {})[version] == (first.asset_materialization.tags or {})[version]
    assert all(check.passed for check in result.get_asset_check_evaluations())
    assert result.get_asset_check_evaluations()


def test_a_tag_makes_it_again_all_the_same(home: Home, instance: dg.DagsterInstance) -> None:
    path = home.store.table_path("preprocessed_matrix", TASK)
    before = path.stat().st_mtime_ns
    result = materialize(instance, "preprocessed_matrix", "toy_rna", **{MAKE_AGAIN_TAG: "true"})
    assert result.success
    assert path.stat().st_mtime_ns != before


def test_what_is_damaged_is_made_again(home: Home, instance: dg.DagsterInstance) -> None:
    path = home.store.table_path("preprocessed_matrix", TASK)
    path.write_bytes(path.read_bytes()[:-500])
    assert materialize(instance, "preprocessed_matrix", "toy_rna").success
    assert home.store.damage("preprocessed_matrix", TASK) is None


@pytest.mark.parametrize(
    ("asset", "partition"),
    [
        ("configurations", "disentanglix"),
        ("run_results", dg.MultiPartitionKey({"architecture": "varix", "task": "toy_rna"})),
    ],
)
def test_an_architecture_that_the_study_does_not_list_is_refused(
    home: Home, instance: dg.DagsterInstance, asset: str, partition: str
) -> None:
    instance.add_dynamic_partitions("architecture", ["varix", "disentanglix"])
    result = materialize(instance, asset, partition)
    assert not result.success
    (failure,) = result.get_step_failure_events()
    said = failure.step_failure_data.error.to_string()
    assert "the study tiny does not list the architecture" in said
    assert not home.store.partitions(asset) or ("varix", "toy_rna") not in home.store.partitions(
        asset
    )


@pytest.mark.parametrize(
    ("asset", "partition", "section"),
    [
        ("late_fusion", "vanillix", "fusion"),
        ("hpo_benchmark", "vanillix", "benchmark"),
        ("race", "vanillix|toy_rna", "race"),
        ("train_size_curve", "vanillix|toy_rna", "train_sizes"),
    ],
)
def test_what_the_study_does_not_ask_for_is_refused_and_no_news(
    home: Home, instance: dg.DagsterInstance, asset: str, partition: str, section: str
) -> None:
    result = materialize(instance, asset, partition)
    assert not result.success
    failed = [event for event in result.all_events if event.is_step_failure]
    assert f"the study has no {section}, without which there is no {asset}" in reason_of_failure(
        failed
    )
    assert is_not_asked_for(failed)
    assert not home.store.folder_path(asset, tuple(partition.split("|"))).exists()
