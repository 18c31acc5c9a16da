"""Asset checks: their specifications, and what becomes of an asset that does not pass them.

The specifications are generated from the tables of checks in ``aehpo_assets.quality``.

A check is evaluated inside the asset that it guards, before anything is written, so that its
outcome becomes part of the artefact's provenance record.
See https://docs.dagster.io/guides/test/asset-checks.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg

from aehpo_assets.errors import ChecksFailedError
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


def told_of_failed_checks(
    make: Callable[..., dg.MaterializeResult],
) -> Callable[..., Iterator[dg.MaterializeResult]]:
    """Let the function of an asset end with what its blocking checks found, if they failed.

    Dagster's own error names the checks and no more; this one is the run's failure message, in the
    UI and in the terminal.
    """

    @functools.wraps(make)
    def made(*args: Any, **kwargs: Any) -> Iterator[dg.MaterializeResult]:
        result = make(*args, **kwargs)
        yield result
        refuse_failed(result)

    # Dagster looks at the signature: an asset that yields is annotated as what it yields.
    yields = Iterator[dg.MaterializeResult]
    signature = inspect.signature(make).replace(return_annotation=yields)
    made.__signature__ = signature  # type: ignore[attr-defined]
    made.__annotations__ = made.__annotations__ | {"return": yields}
    return made


def refuse_failed(result: dg.MaterializeResult) -> None:
    """Raise what the blocking checks of a result found, if any failed.

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
