"""Asset check specifications, generated from the tables of checks that the domain declares.

A check is evaluated inside the asset that it guards, before anything is written, so that its
outcome becomes part of the artefact's provenance record; what is checked lives in
``aehpo_assets.omics.expectations``.
See https://docs.dagster.io/guides/test/asset-checks.
"""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg


def check_specs(asset: str, checks: Mapping[str, tuple[bool, str]]) -> list[dg.AssetCheckSpec]:
    """Return the specs of an asset's checks.

    Parameters
    ----------
    asset
        Name of the asset.
    checks
        Name of each check to whether it is blocking, and its description.
    """
    return [
        dg.AssetCheckSpec(name, asset=asset, blocking=blocking, description=description)
        for name, (blocking, description) in checks.items()
    ]
