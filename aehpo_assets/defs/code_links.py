"""Where the code of an asset is, for the UI's links to it."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from types import ModuleType

import dagster as dg

from aehpo_assets.store.code_version import Computes


def code_links(compute: Sequence[Computes]) -> dict[str, dg.CodeReferencesMetadataValue]:
    """Return metadata that points at what computes an asset: file and line of each function.

    Parameters
    ----------
    compute
        Functions, classes and modules.
    """
    places = [place for place in map(_place, compute) if place[1] is not None]
    if not places:
        return {}
    with warnings.catch_warnings():
        # Dagster announces of each that it is in beta.
        warnings.simplefilter("ignore", dg.BetaWarning)
        found = [
            dg.LocalFileCodeReference(file_path=str(file), line_number=line, label=name)
            for name, file, line in places
        ]
        value = dg.CodeReferencesMetadataValue(code_references=[*found])
    return {"dagster/code_references": value}


def _place(compute: Computes) -> tuple[str, str | None, int]:
    if isinstance(compute, ModuleType):
        return compute.__name__, compute.__file__, 1
    function = inspect.unwrap(compute)
    name = getattr(function, "__qualname__", repr(function))
    try:
        file = inspect.getsourcefile(function)
        # A function knows its line; of a class the file has to be searched.
        code = getattr(function, "__code__", None)
        line = code.co_firstlineno if code else inspect.getsourcelines(function)[1]
    except (OSError, TypeError):
        return name, None, 1
    return name, file, line
