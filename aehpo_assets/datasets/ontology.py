"""What is known of the features of a matrix: the nodes that each belongs to, and their parents."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from aehpo_assets.store.hashes import content_hash

COLUMNS = ("feature", "node", "parent")
"""Of the table; a node may have no parent, and a feature no node, which is the empty word."""


@dataclass(frozen=True)
class Ontology:
    """An ontology beside the features of one matrix.

    Attributes
    ----------
    table
        One row for each of :data:`COLUMNS` that belong together; a feature without a node has a
        row as well.
    features
        Names of the features, in the order of the matrix; all of them are in the table.
    """

    table: pd.DataFrame
    features: tuple[str, ...]

    @cached_property
    def version(self) -> str:
        """Hash of the table."""
        return content_hash(self.table)
