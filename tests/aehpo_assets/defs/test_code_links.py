"""Every asset that computes something points at the code that does."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import pytest

from aehpo_assets.definitions import defs as assets_location
from aehpo_gpu.definitions import defs as gpu_location

COMPUTED = [
    spec
    for location in (assets_location, gpu_location)
    for asset in location.assets or []
    if isinstance(asset, dg.AssetsDefinition)
    for spec in asset.specs
    if spec.key.to_user_string() != "earlier_validations"
]


# In one order, whatever that of sets is: all workers have to find the same tests.
@pytest.mark.parametrize(
    "spec", sorted(COMPUTED, key=lambda spec: spec.key), ids=lambda spec: spec.key.to_user_string()
)
def test_a_link_leads_to_what_it_says(spec: dg.AssetSpec) -> None:
    links = spec.metadata["dagster/code_references"]
    assert isinstance(links, dg.CodeReferencesMetadataValue)
    for link in links.code_references:
        assert isinstance(link, dg.LocalFileCodeReference)
        line = Path(link.file_path).read_text(encoding="utf-8").splitlines()[link.line_number - 1]
        assert link.label is not None
        assert link.label.split(".")[-1] in line or line.startswith(("@", '"""')), link
