"""What Dagster shows of an artefact: numbers, pictures, columns, checks, provenance."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from aehpo_assets.foreign import markdown
from aehpo_assets.store.columns import meaning_of
from aehpo_assets.store.provenance import CheckResult, Provenance

ColumnLineage = Mapping[str, Sequence[tuple[str, str]]]
"""Column to the (asset, column) pairs that it was made from."""


_SHOWN_COLUMNS = 60


def schema(asset: str, frame: pd.DataFrame) -> dict[str, dg.TableSchema]:
    """Column schema for the UI; a matrix of thousands of features shows its first ones."""
    columns = []
    for name, dtype in list(frame.dtypes.items())[:_SHOWN_COLUMNS]:
        known = meaning_of(asset, str(name))
        said = known.description if known else None
        columns.append(dg.TableColumn(str(name), str(dtype), description=said))
    return {"dagster/column_schema": dg.TableSchema(columns)}


def lineage_of_columns(lineage: ColumnLineage) -> dict[str, dg.TableColumnLineage]:
    """Column lineage for the UI; none where none is given."""
    if not lineage:
        return {}
    deps = {
        column: [dg.TableColumnDep(dg.AssetKey(asset), name) for asset, name in sources]
        for column, sources in lineage.items()
    }
    return {"dagster/column_lineage": dg.TableColumnLineage(deps)}


def materialized(
    provenance: Provenance,
    asset: str,
    shown: dict[str, Any],
    metadata: Mapping[str, Any] | None,
    plots: Mapping[str, bytes] | None,
) -> dg.MaterializeResult:
    """Return what Dagster is told of an artefact that was written.

    Parameters
    ----------
    provenance
        Its record.
    asset
        Its asset.
    shown, metadata
        Key numbers, those of the artefact first.
    plots
        Title to PNG.

    Raises
    ------
    ValueError
        If a plot and a number have the same name: the one would take the place of the other.
    """
    if taken := {*shown, *(metadata or {})} & {*(plots or {})}:
        raise ValueError(f"{asset} has a number and a plot of one name: {sorted(taken)[0]}")
    pictures = {
        title: dg.MetadataValue.md(
            f"![{markdown(title)}](data:image/png;base64,{base64.b64encode(png).decode()})"
        )
        for title, png in (plots or {}).items()
    }
    lineage = {
        "inputs": dg.MetadataValue.json(provenance.inputs),
        "provenance": dg.MetadataValue.json(
            provenance.model_dump(mode="json", exclude={"checks", "inputs", "files"})
            | {"seeds": provenance.seeds}
        ),
    }
    return dg.MaterializeResult(
        asset_key=asset,
        data_version=dg.DataVersion(provenance.data_version),
        metadata={**shown, **(metadata or {}), **pictures, **lineage},
        check_results=[_check_result(asset, check) for check in provenance.checks],
        tags={"aehpo/commit": provenance.commit} if provenance.commit else None,
    )


def shown_again(
    provenance: Provenance, asset: str, partition: str | None, instance: dg.DagsterInstance
) -> dg.MaterializeResult:
    """Return what Dagster was told of an artefact when it was made, to be told once more.

    Parameters
    ----------
    provenance
        Its record.
    asset, partition
        Its asset, and Dagster's key of its partition, if it has one.
    instance
        The instance; of what it does not know, it is told the record alone.
    """
    told = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(asset), asset_partitions=partition and [partition]),
        limit=1,
    ).records
    event = told[0].asset_materialization if told else None
    if event is None:
        return materialized(provenance, asset, {}, None, None)
    return materialized(provenance, asset, dict(event.metadata), None, None)


def _check_result(asset: str, check: CheckResult) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check.name,
        passed=check.passed,
        severity=dg.AssetCheckSeverity.ERROR if check.blocking else dg.AssetCheckSeverity.WARN,
        description=check.description or None,
        metadata={name: value for name, value in check.values.items() if value is not None},
    )
