"""Asset checks: their specifications, and what becomes of an asset that does not pass them.

The specifications are generated from the tables of checks in ``aehpo_assets.quality``.

A check is evaluated inside the asset that it guards, before anything is written, so that its
outcome becomes part of the artefact's provenance record.
See https://docs.dagster.io/guides/test/asset-checks.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import dagster as dg

from aehpo_assets.errors import ChecksFailedError
from aehpo_assets.quality.check import Check


def check_specs(
    asset: str, partitions: dg.PartitionsDefinition[Any], checks: Sequence[Check]
) -> list[dg.AssetCheckSpec]:
    """Return the specs of an asset's checks, each with an outcome for each partition.

    Parameters
    ----------
    asset
        Name of the asset.
    partitions
        Its partitions.
    checks
        The asset's table of checks.
    """
    with warnings.catch_warnings():
        # Dagster announces at every start that partitions of checks are a preview.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return [
            dg.AssetCheckSpec(
                check.name,
                asset=asset,
                blocking=check.blocking,
                description=check.description,
                partitions_def=partitions,
            )
            for check in checks
        ]


def refuse_failed(result: dg.MaterializeResult) -> None:
    """Raise what the blocking checks of a result found, if any failed.

    Dagster's own error names the checks and no more; this one is the run's failure message, in the
    UI and in the terminal.

    Raises
    ------
    ChecksFailedError
        Says of each what was expected, what was found, where, and what to do about it.
    """
    failed = [
        check
        for check in result.check_results or []
        if not check.passed and check.severity == dg.AssetCheckSeverity.ERROR
    ]
    if failed:
        raise ChecksFailedError(
            "\n".join(f"{check.check_name}: {check.description or ''}" for check in failed)
        )
