"""Asset check specifications, generated from the tables of checks in ``aehpo_assets.quality``.

A check is evaluated inside the asset that it guards, before anything is written, so that its
outcome becomes part of the artefact's provenance record.
See https://docs.dagster.io/guides/test/asset-checks.
"""

from __future__ import annotations

from collections.abc import Sequence

import dagster as dg

from aehpo_assets.quality.check import Check


def check_specs(asset: str, checks: Sequence[Check]) -> list[dg.AssetCheckSpec]:
    """Return the specs of an asset's checks.

    Parameters
    ----------
    asset
        Name of the asset.
    checks
        The asset's table of checks.
    """
    return [
        dg.AssetCheckSpec(
            check.name, asset=asset, blocking=check.blocking, description=check.description
        )
        for check in checks
    ]
