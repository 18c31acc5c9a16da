"""Replicates of a task: one test part, and train and valid drawn again inside the rest.

Replicate r is a seed and a split, the same split for every candidate. Replicate 0 is the split of
``data_split`` as it was drawn, or as it came ready-made; here belongs how the others follow from
it. They do not depend on how many replicates a study has.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.datasets.class_guarantee import with_two_of_each
from aehpo_assets.datasets.cut import cut_in_order, unit_names
from aehpo_assets.datasets.labels import SAMPLES_PER_CLASS, downstream_targets
from aehpo_assets.errors import InputError
from aehpo_assets.store.hashes import text_hash

SPLIT = "split"
UNITS = {"group": "group", "stratify": "stratum"}
"""Setting of the study to the column of ``data_split`` that keeps what a redraw needs of it."""

_REDRAWN = ("train", "valid")
_ATTEMPTS = 100


def split_name(replicate: int) -> str:
    """Column of ``data_split`` that holds a replicate."""
    return SPLIT if replicate == 0 else f"{SPLIT}_{replicate}"


def replicate_table(
    split: pd.Series,
    columns: dict[str, pd.Series],
    labels: pd.DataFrame,
    seed: int,
    replicates: int,
) -> pd.DataFrame:
    """Lay out the splits of all replicates of a task.

    Parameters
    ----------
    split
        (n_samples,) replicate 0, restricted to the task.
    columns
        What the study splits the data set by (:func:`aehpo_assets.datasets.split.split_columns`).
    labels
        Labels of the task.
    seed
        The study's ``split.seed``.
    replicates
        How many there are.

    Returns
    -------
    pandas.DataFrame
        ``split`` alone if there is one. Else ``group`` and ``stratum`` too, where the study has
        them, and ``split_1`` and so on.
    """
    table = split.rename(SPLIT).to_frame()
    if replicates == 1:
        return table
    for way, column in UNITS.items():
        if way in columns:
            table[column] = columns[way].reindex(table.index).astype("str")
    drawn = {split_name(r): redraw(table, labels, seed, r) for r in range(1, replicates)}
    return table.assign(**drawn)


def replicate_split(
    table: pd.DataFrame, labels: pd.DataFrame, seed: int, replicate: int
) -> pd.Series:
    """Return the split of a replicate: a column of ``data_split``, or one drawn by the same rule.

    Validation draws replicates that nothing was chosen by before, and so beyond those of the table.

    Parameters
    ----------
    table
        Output of :func:`replicate_table`.
    labels
        Labels of the task, in the order of the table.
    seed
        The study's ``split.seed``.
    replicate
        Which one, from 0.

    Returns
    -------
    pandas.Series
        (n_samples,) ``train``, ``valid`` or ``test``, named ``split``.
    """
    name = split_name(replicate)
    known = name in table
    return table[name].rename(SPLIT) if known else redraw(table, labels, seed, replicate)


def redraw(table: pd.DataFrame, labels: pd.DataFrame, seed: int, replicate: int) -> pd.Series:
    """Draw train and valid of a replicate again; test stays what it is.

    Samples, or their groups, come in an order of their own for each replicate, which depends on
    nothing but their names: modalities of a data set get the same order. Sizes are those of
    replicate 0, as nearly as whole groups allow; strata get their shares.

    Parameters
    ----------
    table, labels, seed, replicate
        As for :func:`replicate_split`.

    Returns
    -------
    pandas.Series
        (n_samples,) named ``split``.

    Raises
    ------
    InputError
        If whole groups leave a scored class without two samples in train or valid, however they
        are drawn.
    """
    parts = table[SPLIT].to_numpy(dtype=object).copy()
    rest = np.flatnonzero(parts != "test")
    ids = table.index[rest]
    sizes = np.array([int((parts == part).sum()) for part in _REDRAWN])
    groups = (
        unit_names(table["group"].iloc[rest], ids, own_group=True) if "group" in table else None
    )
    strata = (
        unit_names(table["stratum"].iloc[rest], ids, own_group=False)
        if "stratum" in table
        else None
    )
    masks = {name: mask[rest] for name, mask in scored_samples(table, labels).items()}
    units = ids.to_numpy(dtype=object) if groups is None else groups
    for attempt in range(_ATTEMPTS):
        order = _order(units, f"split {seed} replicate {replicate} attempt {attempt}")
        drawn = cut_in_order(order, _REDRAWN, sizes, groups, strata)
        drawn = with_two_of_each(drawn, list(masks.values()), order, _REDRAWN, groups, strata)
        short = [
            (name, part)
            for name, mask in masks.items()
            for part in _REDRAWN
            if (mask & (drawn == part)).sum() < SAMPLES_PER_CLASS
        ]
        if not short and all((drawn == part).sum() >= SAMPLES_PER_CLASS for part in _REDRAWN):
            parts[rest] = drawn
            return pd.Series(parts, index=table.index, name=SPLIT, dtype="str")
    name, part = short[0] if short else ("samples", "valid")
    raise InputError(
        f"no draw of replicate {replicate} gives {part} {SAMPLES_PER_CLASS} of {name}",
        key="replicates",
        remedy="The groups of split.group or strata of split.stratify are too coarse for it: raise "
        "split.valid, or split by finer ones.",
    )


def _order(units: np.ndarray, seed: str) -> np.ndarray:
    """Positions of samples by a hash of their units: those of one unit stand together."""
    hashes = {unit: text_hash(f"{seed} {unit}") for unit in dict.fromkeys(units)}
    return np.argsort(np.array([f"{hashes[unit]} {unit}" for unit in units]), kind="stable")


def scored_samples(table: pd.DataFrame, labels: pd.DataFrame) -> dict[str, np.ndarray]:
    """Mask (n_samples,) of each class, and of each known number, that a task is scored by."""
    targets = downstream_targets(labels, table[SPLIT])
    masks = {
        f"{target.label}={name}": target.codes == code
        for target in targets.classification
        for code, name in enumerate(target.classes)
    }
    return masks | {target.label: np.isfinite(target.values) for target in targets.regression}
