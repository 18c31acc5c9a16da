"""What the columns of stored tables mean: the one table that the UI and the docs take it from.

It stands in ``columns.tsv``; ``python -m aehpo_assets.store.columns FILE`` writes
it as a page.
"""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path

from aehpo_assets.store.files import write_text

ANY = "*"
"""The table of columns that mean the same wherever they stand."""


@dataclass(frozen=True)
class Column:
    """What a column means.

    Attributes
    ----------
    table
        The asset, or ``asset/table`` of one that is several tables; :data:`ANY` for all.
    column
        Its name, or a pattern of names.
    unit
        Unit; empty for numbers without one, and for words.
    source
        What the values come from.
    meaning
        What it means, in a sentence.
    """

    table: str
    column: str
    unit: str
    source: str
    meaning: str

    @property
    def description(self) -> str:
        """Meaning and unit in one text, as the UI shows it."""
        return f"{self.meaning} Unit: {self.unit}." if self.unit else self.meaning


@cache
def columns() -> tuple[Column, ...]:
    """Return every column that there is an entry of."""
    with Path(__file__).with_name("columns.tsv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        return tuple(Column(**row) for row in rows)


def meaning_of(table: str, column: str) -> Column | None:
    """Return what a column of a table means; None if nothing is known of it.

    Parameters
    ----------
    table
        The asset, or ``asset/table``.
    column
        Name of the column.
    """
    for place in (table, table.partition("/")[0], ANY):
        own = [one for one in columns() if one.table == place]
        # A name comes before a pattern.
        for one in sorted(own, key=lambda entry: "*" in entry.column):
            if fnmatchcase(column, one.column):
                return one
    return None


def page() -> str:
    """Return all of it as Markdown, a section for each table."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "# Columns\n"
    yield "What the columns of stored tables mean; a `*` in a name stands for any text."
    for table in dict.fromkeys(one.table for one in columns()):
        yield f"\n## {'Every table' if table == ANY else f'`{table}`'}\n"
        yield "| column | meaning | unit | source |\n|---|---|---|---|"
        for one in columns():
            if one.table == table:
                yield f"| `{one.column}` | {one.meaning} | {one.unit} | {one.source} |"


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), page())
