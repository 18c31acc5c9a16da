"""Train, valid and test: drawn once per data set, so that no patient straddles two splits.

``data_split`` of a task is the restriction of its data set's split to the samples of the task.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.join import label_keys
from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.datasets.read import read_label_column, read_sample_ids
from aehpo_assets.errors import InputError
from aehpo_assets.store.hashes import text_hash
from aehpo_assets.study import Split, SplitColumn

SMALLEST_SPLIT = 2


def draw_split(dataset: Dataset, settings: Split) -> pd.Series:
    """Draw the split of a data set as the study asks for it.

    Parameters
    ----------
    dataset
        The data set; ids of all modalities are read, and the column that the settings name.
    settings
        Shares, seed, and perhaps a column.

    Returns
    -------
    pandas.Series
        ``train``, ``valid`` or ``test`` by sorted sample id.

    Raises
    ------
    InputError
        If the label table has no such column, or a ready-made split lacks a sample.
    """
    ids = read_sample_ids(dataset)
    for way in ("column", "group", "stratify"):
        name = split_column(getattr(settings, way), dataset.name)
        if name is not None:
            column = read_label_column(dataset, name, f"split.{way}")
            rows = label_keys(pd.Index(ids), dataset.labels.ids.tcga)
            values = column.reindex(rows).set_axis(ids)
            if way == "column":
                return _ready_made(values, dataset, name)
            groups, strata = (values, None) if way == "group" else (None, values)
            return split_samples(ids, settings, name=dataset.name, groups=groups, strata=strata)
    return split_samples(ids, settings, name=dataset.name)


def split_column(setting: SplitColumn, dataset: str) -> str | None:
    """Column that a setting names for a data set, if any."""
    return setting.get(dataset) if isinstance(setting, dict) else setting


def check_split_columns(settings: Split, datasets: Collection[str], file: Path) -> None:
    """Refuse a mapping from data set to column that names a data set there is not.

    It would be passed over otherwise, and its patients spread over the parts unnoticed.

    Parameters
    ----------
    settings
        The study's ``split``.
    datasets
        Names of all data sets below the data roots.
    file
        The study file, for the message.

    Raises
    ------
    InputError
        If a data set is unknown.
    """
    for way in ("stratify", "group", "column"):
        setting = getattr(settings, way)
        for name in setting if isinstance(setting, dict) else ():
            if name not in datasets:
                close = difflib.get_close_matches(name, list(datasets), n=1)
                raise InputError(
                    f"there is no data set {name!r}",
                    file=file,
                    key=f"split.{way}",
                    remedy=f"Did you mean {close[0]}?"
                    if close
                    else f"Data sets: {', '.join(sorted(datasets))}.",
                )


def split_samples(
    sample_ids: Sequence[str],
    settings: Split,
    *,
    name: str,
    groups: pd.Series | None = None,
    strata: pd.Series | None = None,
) -> pd.Series:
    """Draw the split of all samples of a data set.

    Parameters
    ----------
    sample_ids
        Ids of all samples that any modality has; their order does not matter.
    settings
        Shares and seed.
    name
        Name of the data set: part of the seed, so that data sets are drawn independently.
    groups
        Group by sample id: samples of one group stay together. A sample without a group is a
        group of its own. The shares are met as nearly as the sizes of the groups allow.
    strata
        Class by sample id: each class gets the same shares, to the nearest sample. Samples
        without a class are a class of their own.

    Returns
    -------
    pandas.Series
        ``train``, ``valid`` or ``test`` by sorted sample id. Without groups, the numbers of
        samples are the shares rounded to whole samples.
    """
    ids = pd.Index(sorted(sample_ids), name="sample_id")
    generator = np.random.default_rng([settings.seed, int(text_hash(f"split {name}"), 16)])
    order = generator.permutation(len(ids))
    sizes = _sizes(len(ids), settings)
    parts = np.empty(len(ids), dtype=object)
    if groups is not None:
        parts[order] = _by_group(_labels(groups, ids, own_group=True)[order], sizes)
    elif strata is not None:
        parts[order] = _by_stratum(_labels(strata, ids, own_group=False)[order], sizes)
    else:
        parts[order] = np.repeat(SPLITS, sizes)
    return pd.Series(parts, index=ids, name="split", dtype="str")


def restrict_split(split: pd.Series, sample_ids: pd.Index) -> pd.Series:
    """Restrict the split of a data set to the samples of a task, in their order.

    Raises
    ------
    InputError
        If a part is left with fewer than two samples.
    """
    restricted = split.reindex(sample_ids)
    for part in SPLITS:
        count = int((restricted == part).sum())
        if count < SMALLEST_SPLIT:
            raise InputError(
                f"of {len(sample_ids)} samples, {count} fall into {part}; "
                f"{SMALLEST_SPLIT} are needed",
                key="split",
                remedy="Raise its share in the study file, or use more samples.",
            )
    return restricted


def _sizes(samples: int, settings: Split) -> np.ndarray:
    train = round(settings.train * samples)
    valid = round(settings.valid * samples)
    return np.array([train, valid, samples - train - valid])


def _labels(column: pd.Series, ids: pd.Index, *, own_group: bool) -> np.ndarray:
    """Label of each sample as an object that is never missing."""
    values = column.reindex(ids)
    blank = ids.to_numpy(dtype=object) if own_group else np.full(len(ids), "", dtype=object)
    # The prefix keeps a sample id from being mistaken for the name of a group.
    return np.array(
        [
            f"named {value}" if known else f"unnamed {fallback}"
            for value, known, fallback in zip(values, values.notna(), blank, strict=True)
        ],
        dtype=object,
    )


def _by_group(groups: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Give each group, in the drawn order, to the part that lacks most samples."""
    parts = np.empty(len(groups), dtype=object)
    lacking = sizes.astype(float)
    members = pd.Series(np.arange(len(groups))).groupby(groups, sort=False)
    for _, positions in members:
        part = int(lacking.argmax())
        parts[positions.to_numpy()] = SPLITS[part]
        lacking[part] -= len(positions)
    return parts


def _by_stratum(strata: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Cut each class, in the drawn order, by the shares of the whole."""
    parts = np.empty(len(strata), dtype=object)
    members = [
        positions.to_numpy()
        for _, positions in pd.Series(np.arange(len(strata))).groupby(strata, sort=True)
    ]
    left = np.array([len(positions) for positions in members])
    cut = np.zeros(len(members), dtype=int)
    for part, size in zip(SPLITS, sizes, strict=True):
        taken = _proportional(left, int(size))
        for positions, start, count in zip(members, cut, taken, strict=True):
            parts[positions[start : start + count]] = part
        left, cut = left - taken, cut + taken
    return parts


def _proportional(counts: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers that add up to a total, in proportion to counts: largest remainders."""
    exact = counts * total / max(1, counts.sum())
    whole = np.floor(exact).astype(int)
    missing = total - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    return whole


def _ready_made(values: pd.Series, dataset: Dataset, column: str) -> pd.Series:
    wrong = values[~values.isin(SPLITS)]
    if len(wrong):
        found = "no value" if pd.isna(wrong.iloc[0]) else repr(wrong.iloc[0])
        raise InputError(
            f"{len(wrong)} samples are in no part of the split, the first is {wrong.index[0]} "
            f"({found})",
            file=dataset.labels_path(),
            key=column,
            remedy=f"Give every sample one of: {', '.join(SPLITS)}.",
        )
    return values.rename("split").rename_axis("sample_id")
