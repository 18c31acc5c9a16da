"""How the samples of a matrix and the rows of the label table find each other."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from functools import cached_property

import pandas as pd

from aehpo_assets.datasets.barcodes import common_level, cut_barcode
from aehpo_assets.datasets.reading.spelling import kin_ids, same_ids

_COMPARED = 2_000
"""Ids that are compared letter by letter to find the nearest."""


@dataclass(frozen=True)
class Join:
    """What became of each sample and each label row.

    Attributes
    ----------
    samples, rows
        Numbers of samples and of label rows.
    without_row, without_sample
        Samples without a label row, and label rows without a sample.
    misspelt
        Samples without a row whose id is one of the label rows' but for case, blanks, separators
        or leading zeros; to that row's id.
    kin
        Samples without a row whose id has a prefix or suffix more, or less, than a label row's.
    level
        Where nothing meets, the level of TCGA barcodes at which the two would.
    """

    samples: int
    rows: int
    without_row: list[str]
    without_sample: list[str]
    misspelt: dict[str, str] = field(default_factory=dict)
    kin: dict[str, str] = field(default_factory=dict)
    level: str | None = None

    @property
    def joined(self) -> int:
        """Samples with a label row."""
        return self.samples - len(self.without_row)

    @cached_property
    def nearest(self) -> str | None:
        """The label row whose id is nearest to that of the first sample without a row."""
        if not self.without_row or not self.without_sample:
            return None
        first = self.without_row[0]
        known = self.misspelt.get(first) or self.kin.get(first)
        if known:
            return known
        close = difflib.get_close_matches(first, self.without_sample[:_COMPARED], n=1)
        return close[0] if close else self.without_sample[0]

    def sentence(self, matrix: str, table: str) -> str:
        """Say it with the names of both files."""
        if not self.without_row:
            text = f"all {self.samples} samples of {matrix} have a row in {table}"
        else:
            text = (
                f"{len(self.without_row)} of {self.samples} samples of {matrix} have no row in "
                f"{table} (the first is {self.without_row[0]}"
                + (f"; {table} has {self.nearest})" if self.nearest else ")")
            )
        if self.without_sample:
            text += (
                f", and {len(self.without_sample)} of its {self.rows} rows belong to no sample "
                f"(the first is {self.without_sample[0]})"
            )
        return text


def label_keys(sample_ids: pd.Index, level: str | None) -> pd.Index:
    """Ids under which samples stand in a label table whose barcodes are cut to a level."""
    if level is None:
        return sample_ids
    return pd.Index([cut_barcode(str(name), level) or str(name) for name in sample_ids])


def join(sample_ids: pd.Index, label_ids: pd.Index, level: str | None = None) -> Join:
    """Find the label row of each sample.

    Parameters
    ----------
    sample_ids
        Ids of the samples of a matrix.
    label_ids
        Ids of the rows of the label table, cut to ``level`` already.
    level
        ``patient`` or ``sample`` if the label table's barcodes were cut.
    """
    keys = label_keys(sample_ids, level)
    without_row = [str(name) for name in sample_ids[~keys.isin(label_ids)]]
    without_sample = [str(name) for name in label_ids[~label_ids.isin(keys)]]
    if not without_row:
        return Join(len(sample_ids), len(label_ids), [], without_sample)
    misspelt = same_ids(without_row, without_sample)
    return Join(
        samples=len(sample_ids),
        rows=len(label_ids),
        without_row=without_row,
        without_sample=without_sample,
        misspelt=misspelt,
        kin=kin_ids([n for n in without_row if n not in misspelt], map(str, label_ids)),
        level=common_level(without_row, without_sample) if without_sample else None,
    )
