"""Train, valid and test: drawn once per data set, so that no patient straddles two splits.

``data_split`` of a task is the restriction of its data set's split to the samples of the task. How
train and valid are drawn again for further replicates belongs to ``replicates``.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.class_guarantee import with_two_of_each
from aehpo_assets.datasets.cut import cut_in_order, unit_names
from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.join import label_keys
from aehpo_assets.datasets.labels import SPLITS, gives_each_part_two
from aehpo_assets.datasets.read_labels import read_label_column, read_label_table
from aehpo_assets.datasets.read_matrix import read_ids_by_modality
from aehpo_assets.errors import InputError
from aehpo_assets.store.hashes import text_hash
from aehpo_assets.study.data import Split, SplitColumn

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
    samples = read_ids_by_modality(dataset)
    ids = sorted({name for names in samples.values() for name in names})
    columns = split_columns(dataset, settings, ids)
    if "column" in columns:
        named = split_column(settings.column, dataset.name)
        return _ready_made(columns["column"], dataset, str(named))
    return split_samples(
        ids,
        settings,
        name=dataset.name,
        groups=columns.get("group"),
        strata=columns.get("stratify"),
        classes=_scored_classes(dataset, samples, settings),
    )


def split_columns(
    dataset: Dataset, settings: Split, sample_ids: Sequence[str]
) -> dict[str, pd.Series]:
    """Read the columns by which a study splits a data set.

    Parameters
    ----------
    dataset
        The data set.
    settings
        The study's ``split``.
    sample_ids
        Ids of samples.

    Returns
    -------
    dict
        Those of ``column``, ``group`` and ``stratify`` that the study names for this data set, as
        text by sample id; missing for samples that the label table says nothing of.

    Raises
    ------
    InputError
        If the label table has no such column.
    """
    rows = label_keys(pd.Index(sample_ids), dataset.labels.ids.tcga)
    columns = {}
    for way in ("column", "group", "stratify"):
        if name := split_column(getattr(settings, way), dataset.name):
            column = read_label_column(dataset, name, f"split.{way}")
            columns[way] = column.reindex(rows).set_axis(sample_ids)
    return columns


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
    classes: Sequence[pd.Index] = (),
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
    classes
        Ids of the samples of each class that is scored: where a part has fewer than two of one,
        samples are exchanged (:func:`aehpo_assets.datasets.class_guarantee.with_two_of_each`).

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
    of_group = None if groups is None else unit_names(groups, ids, own_group=True)
    of_stratum = None if strata is None else unit_names(strata, ids, own_group=False)
    parts = cut_in_order(order, SPLITS, sizes, of_group, of_stratum)
    masks = [np.asarray(ids.isin(names)) for names in classes]
    parts = with_two_of_each(parts, masks, order, SPLITS, of_group, of_stratum)
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


def _scored_classes(
    dataset: Dataset, samples: Mapping[str, pd.Index], settings: Split
) -> list[pd.Index]:
    """Ids of the samples of each class, or of each known number, that a task is scored by."""
    table = read_label_table(dataset).read
    found = []
    for ids in samples.values():
        labels = table.reindex(label_keys(ids, dataset.labels.ids.tcga)).set_axis(ids, axis=0)
        members = [
            index
            for name in dataset.labels.classification
            for index in labels.groupby(name).groups.values()
        ]
        members += [labels.index[labels[name].notna()] for name in dataset.labels.regression]
        sizes = _sizes(len(ids), settings).tolist()
        found += [index for index in members if gives_each_part_two(len(index), sizes)]
    return found


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
