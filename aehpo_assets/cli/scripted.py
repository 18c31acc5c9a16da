"""What a command tells a script: one JSON document on standard output, and nothing else there.

What people read meanwhile, the bars, lines and tables, goes to standard error then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import typer
from rich.console import Console

from aehpo_assets.cli.options import console, errors


def people(as_json: bool) -> Console:
    """Return where a command tells people what it does."""
    return errors if as_json else console


def print_json(content: object) -> None:
    """Print a document on standard output.

    Characters beyond ASCII are escaped: a name that acts on a terminal does not act on this one.

    Parameters
    ----------
    content
        Of mappings, sequences, paths, numbers and text; a number that is not finite, which JSON
        does not know, becomes null.
    """
    typer.echo(json.dumps(_plain(content), indent=2, allow_nan=False))


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table for a document; what is NaN is null there."""
    rows: list[dict[str, Any]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows


def _plain(content: object) -> object:
    if isinstance(content, Mapping):
        return {str(key): _plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, float) and not math.isfinite(content):
        return None
    return str(content) if isinstance(content, Path) else content
