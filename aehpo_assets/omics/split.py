"""Train, valid and test: drawn once per data set, so that no patient straddles two splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.omics.labels import SPLITS
from aehpo_assets.provenance import text_hash
from aehpo_assets.study import Split

SMALLEST_SPLIT = 2


def split_samples(sample_ids: Sequence[str], settings: Split, *, name: str) -> pd.Series:
    """Draw the split of all samples of a data set.

    Parameters
    ----------
    sample_ids
        Ids of all samples that any modality has; their order does not matter.
    settings
        Shares and seed.
    name
        Name of the data set: part of the seed, so that data sets are drawn independently.

    Returns
    -------
    pandas.Series
        ``train``, ``valid`` or ``test`` by sorted sample id. The numbers of samples are the shares
        rounded to whole samples.
    """
    ids = sorted(sample_ids)
    generator = np.random.default_rng([settings.seed, int(text_hash(f"split {name}"), 16)])
    order = generator.permutation(len(ids))
    first = round(settings.train * len(ids))
    second = first + round(settings.valid * len(ids))
    parts = np.empty(len(ids), dtype=object)
    for part, positions in zip(SPLITS, np.split(order, [first, second]), strict=True):
        parts[positions] = part
    index = pd.Index(ids, name="sample_id")
    return pd.Series(parts, index=index, name="split", dtype="str")


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
