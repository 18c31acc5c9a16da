"""Both code locations load, own what they own, and agree on what they share."""

from __future__ import annotations

import subprocess
import sys

import dagster as dg
import pytest

from aehpo_assets.definitions import defs as assets_location
from aehpo_assets.defs.assets.report import TOLD_OF
from aehpo_assets.defs.raw_files import RAW_FILES, raw_files
from aehpo_gpu.definitions import defs as gpu_location

LOCATIONS = {"aehpo_assets": assets_location, "aehpo_gpu": gpu_location}


def owned(location: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {
        spec.key.to_user_string(): spec
        for asset in location.assets or []
        if isinstance(asset, dg.AssetsDefinition)
        for spec in asset.specs
    }


def stubs(location: dg.Definitions) -> dict[str, dg.AssetSpec]:
    return {
        asset.key.to_user_string(): asset
        for asset in location.assets or []
        if isinstance(asset, dg.AssetSpec) and asset != raw_files
    }


@pytest.mark.parametrize("name", LOCATIONS)
def test_a_code_location_is_loadable(name: str) -> None:
    dg.Definitions.validate_loadable(LOCATIONS[name])


def test_every_asset_has_one_owner() -> None:
    first, second = (set(owned(location)) for location in LOCATIONS.values())
    assert not first & second
    assert first | second >= {
        "omics_matrix",
        "sample_labels",
        "feature_ontology",
        "data_split",
        "preprocessed_matrix",
        "dataset_profile",
        "configurations",
        "run_results",
        "learning_curves",
        "baseline_performance",
        "blackbox",
        "surrogate",
        "recommendations",
        "validated_recommendations",
        "recommended_latents",
        "late_fusion",
        "train_size_curve",
        "live_search",
        "validation_report",
        "earlier_validations",
    }


@pytest.mark.parametrize(
    ("here", "there"), [(assets_location, gpu_location), (gpu_location, assets_location)]
)
def test_stubs_have_the_partitions_of_their_owners(
    here: dg.Definitions, there: dg.Definitions
) -> None:
    owners = owned(there)
    for name, stub in stubs(here).items():
        assert stub.partitions_def == owners[name].partitions_def, name


@pytest.mark.parametrize(
    ("here", "there"), [(assets_location, gpu_location), (gpu_location, assets_location)]
)
def test_a_stub_that_says_what_it_depends_on_says_all_of_it(
    here: dg.Definitions, there: dg.Definitions
) -> None:
    owners = owned(there)
    for name, stub in stubs(here).items():
        if stub.deps:
            assert {dep.asset_key for dep in stub.deps} == {
                dep.asset_key for dep in owners[name].deps
            }, name


@pytest.mark.parametrize("name", LOCATIONS)
def test_automation_is_on_by_default(name: str) -> None:
    location = LOCATIONS[name]
    sensors, schedules = list(location.sensors or []), list(location.schedules or [])
    names = {"follow_changed_data", "make_interrupted_again", "make_study"}
    assert {sensor.name for sensor in sensors} >= names
    assert {schedule.name for schedule in schedules} == {"catch_up_at_night"}
    for switch in [*sensors, *schedules]:
        assert switch.default_status.value == "RUNNING"
        assert switch.description, "the UI says what it does"


@pytest.mark.parametrize("name", LOCATIONS)
def test_every_dependency_is_known_to_its_code_location(name: str) -> None:
    location = LOCATIONS[name]
    known = {*owned(location), *stubs(location), RAW_FILES}
    for spec in owned(location).values():
        missing = {dep.asset_key.to_user_string() for dep in spec.deps} - known
        assert not missing, f"{spec.key.to_user_string()} depends on {missing}"


OF_A_TASK = {"preprocessed_matrix", "data_split", "sample_labels"}
OF_REPLICATES = OF_A_TASK | {"omics_matrix"}
"""Where runs may be of any replicate, the raw matrix is fitted on the train samples of each."""

OF_A_TRAINING = OF_REPLICATES | {"feature_ontology"}
"""Architectures that need an ontology read that as well."""

EDGES = {
    "omics_matrix": {RAW_FILES},
    "sample_labels": {RAW_FILES, "omics_matrix"},
    "feature_ontology": {RAW_FILES, "omics_matrix"},
    "data_split": {RAW_FILES, "omics_matrix", "sample_labels"},
    "preprocessed_matrix": {"omics_matrix", "data_split"},
    "dataset_profile": {"omics_matrix", "preprocessed_matrix", "data_split", "sample_labels"},
    "run_results": {*OF_A_TRAINING, "configurations"},
    "learning_curves": {*OF_A_TRAINING, "configurations"},
    "baseline_performance": OF_REPLICATES,
    "blackbox": {"run_results"},
    "blackbox_curves": {"run_results", "learning_curves"},
    "surrogate": {"blackbox", "run_results", "earlier_validations"},
    "transfer_benchmark": {
        "surrogate",
        "run_results",
        "earlier_validations",
        "dataset_profile",
        "baseline_performance",
    },
    "hpo_benchmark": {
        "surrogate",
        "run_results",
        "learning_curves",
        "earlier_validations",
        "noise",
        "dataset_profile",
    },
    "recommendations": {
        "blackbox",
        "surrogate",
        "run_results",
        "earlier_validations",
        "dataset_profile",
        "baseline_performance",
    },
    "race": {
        "recommendations",
        "run_results",
        "surrogate",
        "noise",
        "earlier_validations",
        *OF_A_TRAINING,
    },
    "validated_recommendations": {
        "recommendations",
        "race",
        "run_results",
        "earlier_validations",
        *OF_A_TRAINING,
    },
    "noise": {"run_results"},
    "test_results": {
        "validated_recommendations",
        "run_results",
        "baseline_performance",
        "configurations",
        *OF_A_TRAINING,
    },
    "validation_report": {
        "validated_recommendations",
        "test_results",
        "noise",
        "late_fusion",
        "baseline_performance",
    },
    "shared_factors": {
        *("recommended_latents", "preprocessed_matrix", "data_split", "sample_labels"),
        "feature_ontology",
    },
    "train_size_curve": {
        "validated_recommendations",
        "baseline_performance",
        *OF_A_TRAINING,
    },
    "late_fusion": {"validated_recommendations", "test_results", *OF_A_TRAINING},
    "study_report": {"validation_report", *TOLD_OF},
    "hyperparameter_effects": {"run_results"},
    "validated_benchmark": {
        "hpo_benchmark",
        "earlier_validations",
        "run_results",
        *OF_A_TRAINING,
    },
    "live_search": {
        "run_results",
        "validated_recommendations",
        "feature_ontology",
        *OF_REPLICATES,
    },
    "recommended_latents": {
        "validated_recommendations",
        *OF_A_TRAINING,
    },
}


def test_the_graph_is_that_of_the_design() -> None:
    specs = owned(assets_location) | owned(gpu_location)
    edges = {
        name: {dep.asset_key.to_user_string() for dep in spec.deps}
        for name, spec in specs.items()
        if list(spec.deps)
    }
    assert edges == EDGES


@pytest.mark.slow
@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("aehpo_assets.definitions", ["torch", "xgboost", "syne_tune", "great_expectations"]),
        (
            "aehpo_assets.cli.main",
            ["torch", "xgboost", "syne_tune", "great_expectations", "dagster"],
        ),
        ("aehpo_gpu.definitions", ["xgboost", "syne_tune", "great_expectations", "umap"]),
    ],
)
def test_importing_stays_light(module: str, heavy: list[str]) -> None:
    script = f"import sys, {module}; print([m for m in {heavy} if m in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"
    assert "Warning" not in ran.stderr
