"""The definitions of both code locations, beside what they are meant to be.

What changes them shows in ``definitions.json``, which is looked at like code.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import dagster as dg

from aehpo_assets.definitions import defs as assets_location
from aehpo_gpu.definitions import defs as gpu_location

SNAPSHOT = Path(__file__).with_name("definitions.json")
RENEW = "python -m tests.test_definitions_snapshot"


def snapshot() -> dict[str, Any]:
    """Asset to its group, dependencies, partitions, checks and automation, by code location."""
    return {
        name: dict(
            sorted(
                (spec.key.to_user_string(), described(asset, spec))
                for asset in location.assets or []
                if isinstance(asset, dg.AssetsDefinition)
                for spec in asset.specs
            )
        )
        for name, location in (("aehpo_assets", assets_location), ("aehpo_gpu", gpu_location))
    }


def described(asset: dg.AssetsDefinition, spec: dg.AssetSpec) -> dict[str, Any]:
    condition = spec.automation_condition
    return {
        "group": spec.group_name,
        "deps": sorted(dependency(dep) for dep in spec.deps),
        "partitions": partitions(spec.partitions_def),
        "checks": sorted(
            f"{check.name} (blocking)" if check.blocking else check.name
            for check in asset.check_specs
            if check.asset_key == spec.key
        ),
        "automation": condition and condition.get_label(),
    }


def dependency(dep: dg.AssetDep) -> str:
    name = dep.asset_key.to_user_string()
    mapping = dep.partition_mapping
    return name if mapping is None else f"{name} ({type(mapping).__name__})"


def partitions(definition: dg.PartitionsDefinition[Any] | None) -> list[str]:
    if isinstance(definition, dg.MultiPartitionsDefinition):
        parts = [(part.name, part.partitions_def) for part in definition.partitions_defs]
    else:
        parts = [(getattr(definition, "name", None) or "architecture", definition)]
    return [
        f"{name} ({'dynamic' if isinstance(part, dg.DynamicPartitionsDefinition) else 'static'})"
        for name, part in parts
        if part is not None
    ]


def test_the_definitions_are_those_of_the_snapshot() -> None:
    found, meant = snapshot(), json.loads(SNAPSHOT.read_text())
    differing = [
        f"{location}.{asset}"
        for location in found
        for asset in sorted(found[location].keys() | meant[location].keys())
        if found[location].get(asset) != meant[location].get(asset)
    ]
    assert not differing, f"if that is meant: {RENEW}"
    assert found == meant


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=1) + "\n")
