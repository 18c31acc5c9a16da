"""Joint tasks: several modalities of one data set as one matrix, which is early fusion.

A joint task is named after its modalities, ``tcga_rna+cna``; it has the samples that all of them
have, and every feature is named after its modality too, ``rna:TP53``. Putting the features of both
in one order belongs to ``omics.preprocess``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Literal

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.joint_names import JOINS, OF, parts_of
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.errors import InputError
from aehpo_assets.study.data import Fusion

Fusions = Sequence[Fusion] | Literal["all_pairs"]
"""What a study joins."""


def joint_modalities(dataset: Dataset, fusion: Fusions) -> list[str]:
    """Return what a study joins of a data set, by name.

    Parameters
    ----------
    dataset
        The data set.
    fusion
        The study's ``fusion``; what joins a modality that the data set lacks is left out here, and
        refused where the study is checked.
    """
    if fusion == "all_pairs":
        return [JOINS.join(pair) for pair in combinations(dataset.modalities, 2)]
    return [
        JOINS.join(one.modalities)
        for one in fusion
        if one.dataset == dataset.name and set(one.modalities) <= dataset.modalities.keys()
    ]


def read_parts(dataset: Dataset, modality: str) -> dict[str, pd.DataFrame]:
    """Read the matrices that a task is made of: one, or each of those that are joined.

    Parameters
    ----------
    dataset, modality
        The task.

    Returns
    -------
    dict of str to pandas.DataFrame
        By modality, each (its samples, its features) float32.

    Raises
    ------
    InputError
        As for :func:`~aehpo_assets.datasets.read_matrix.read_matrix`.
    """
    return {part: read_matrix(dataset, part) for part in parts_of(modality)}


def joined(dataset: Dataset, parts: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Join matrices on the samples that all of them have.

    Parameters
    ----------
    dataset
        Whose they are, for the message.
    parts
        Output of :func:`read_parts`.

    Returns
    -------
    pandas.DataFrame
        (common samples, all features) float32: samples in the order of the first matrix, features
        named ``modality:feature``. A single matrix comes back as it is.

    Raises
    ------
    InputError
        If they have no sample in common.
    """
    if len(parts) == 1:
        return next(iter(parts.values()))
    common = common_samples(dataset, {name: part.index for name, part in parts.items()})
    named = [part.loc[common].add_prefix(f"{name}{OF}") for name, part in parts.items()]
    return pd.concat(named, axis=1)


def common_samples(dataset: Dataset, samples: Mapping[str, pd.Index]) -> pd.Index:
    """Return the samples that all modalities have, in the order of the first.

    Raises
    ------
    InputError
        If there is none.
    """
    (first, common), *others = samples.items()
    for name, ids in others:
        both = common[common.isin(ids)]
        if both.empty:
            raise InputError(
                f"{first} and {name} have no sample in common ({common[0]!r} in the one, "
                f"{ids[0]!r} in the other)",
                file=dataset.file,
                key="modalities",
                remedy="Give both the same sample ids (ids: {tcga: sample} cuts barcodes), or take "
                "them out of the study's fusion.",
            )
        common = both
    return common
