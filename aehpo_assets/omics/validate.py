"""Validating a data set folder as a whole, and collecting everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.omics.dataset import Dataset, file_problems, parse_dataset
from aehpo_assets.omics.read import read_label_table, read_labels, read_matrix
from aehpo_assets.omics.split import draw_split, restrict_split
from aehpo_assets.study import Split


def validate_dataset(
    folder: Path, split: Split | None = None, modalities: Collection[str] | None = None
) -> list[InputError]:
    """Read everything a data set names, and return what is wrong, without writing anything.

    Parameters
    ----------
    folder
        Folder with a ``dataset.yaml``.
    split
        How a study would split it; if given, every task must get samples in every part.
    modalities
        The modalities whose content counts; all of them by default.

    Returns
    -------
    list of InputError
        Empty if nothing is wrong. The first mistake of ``dataset.yaml``; if it has none, the first
        of each modality, of the label table, and of how they fit together.
    """
    try:
        dataset = parse_dataset(folder)
    except InputError as error:
        return [error]
    asked = [m for m in dataset.modalities if modalities is None or m in modalities]
    problems = {m: p for m, p in file_problems(dataset).items() if m in asked or m == ""}
    samples: dict[str, pd.Index] = {}
    for modality in asked:
        if modality in problems:
            continue
        try:
            samples[modality] = read_matrix(dataset, modality).index
        except InputError as error:
            problems[modality] = error
    found = list(problems.values())
    if "" in problems:
        return found
    found += _label_problems(dataset, samples)
    return found if found or split is None else _split_problems(dataset, samples, split)


def _label_problems(dataset: Dataset, samples: dict[str, pd.Index]) -> list[InputError]:
    """The first mistake of the label table, or each modality that it does not fit."""
    try:
        read_label_table(dataset)
    except InputError as error:
        return [error]
    problems = []
    for sample_ids in samples.values():
        try:
            read_labels(dataset, sample_ids)
        except InputError as error:
            problems.append(error)
    return problems


def _split_problems(
    dataset: Dataset, samples: dict[str, pd.Index], split: Split
) -> list[InputError]:
    """What keeps the data set from being split, or each task with too few samples."""
    try:
        whole = draw_split(dataset, split)
    except InputError as error:
        return [error]
    problems = []
    for modality, sample_ids in samples.items():
        try:
            restrict_split(whole, sample_ids)
        except InputError as error:
            problems.append(
                InputError(
                    f"{modality}: {error.problem}",
                    file=dataset.modality_path(modality),
                    key=error.key,
                    remedy=error.remedy,
                )
            )
    return problems
