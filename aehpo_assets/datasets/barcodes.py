"""TCGA barcodes: what in one names the patient, and what the sample.

A barcode goes on as far as the thing it names: ``TCGA-02-0001`` is a patient, ``-01`` the kind of
sample, ``C`` its vial, and what follows are portion, plate and centre.
See https://docs.gdc.cancer.gov/Encyclopedia/pages/TCGA_Barcode/.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError

LEVELS = ("patient", "sample")

# R writes dots for hyphens.
_BARCODE = re.compile(
    r"\s*TCGA[-._]([A-Z0-9]{2})[-._]([A-Z0-9]{4})(?:[-._](\d{2})(?:[A-Z]?(?:[-._].*)?))?\s*", re.I
)


def cut_barcode(sample_id: str, level: str) -> str | None:
    """Cut a barcode to ``patient`` or ``sample``; None if it is none, or does not go so far."""
    found = _BARCODE.fullmatch(sample_id)
    if found is None:
        return None
    site, participant, kind = found.groups()
    if level == "sample" and kind is None:
        return None
    parts = ["TCGA", site.upper(), participant.upper(), *([kind] if level == "sample" else [])]
    return "-".join(parts)


def cut_barcodes(ids: pd.Index, level: str, path: Path, key: str) -> pd.Index:
    """Cut all ids of a table to a level.

    Parameters
    ----------
    ids
        Ids as they stand in the file.
    level
        ``patient`` or ``sample``.
    path, key
        The file and the setting, for messages.

    Raises
    ------
    InputError
        If an id is no barcode, does not go as far as the level, or two fall together.
    """
    cut = [cut_barcode(name, level) for name in ids]
    wrong = [name for name, short in zip(ids, cut, strict=True) if short is None]
    if wrong:
        shorter = cut_barcode(wrong[0], "patient") is not None
        raise InputError(
            f"{wrong[0]} {'names a patient and no sample' if shorter else 'is no TCGA barcode'}",
            file=path,
            key=key,
            remedy="Set tcga: patient." if shorter else "Leave tcga out of ids.",
        )
    result = pd.Index(cut, dtype=str, name=ids.name)
    twice = result.duplicated(keep=False)
    if twice.any():
        here = result == result[twice][0]
        first, second = ids[here][:2]
        raise InputError(
            f"{first} and {second} are both {result[twice][0]} when cut to the {level} "
            f"({int(twice.sum())} ids fall together with others)",
            file=path,
            key=key,
            remedy="Keep one of each"
            + (", or set tcga: sample." if level == "patient" else ", or leave tcga out of ids."),
        )
    return result


def common_level(first: Sequence[str], second: Sequence[str]) -> str | None:
    """The finest level at which the barcodes of two tables meet; None if they do not."""
    for level in reversed(LEVELS):
        cut = [{cut_barcode(name, level) for name in ids} for ids in (first, second)]
        if None not in cut[0] | cut[1] and cut[0] & cut[1]:
            return level
    return None
