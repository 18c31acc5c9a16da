"""Validating a data set folder as a whole, and collecting everything that is wrong with it."""

from __future__ import annotations

from pathlib import Path

from aehpo_assets.errors import InputError
from aehpo_assets.omics.dataset import read_dataset
from aehpo_assets.omics.read import read_labels, read_matrix


def validate_dataset(folder: Path) -> list[InputError]:
    """Read everything a data set names, and return what is wrong, without writing anything.

    Parameters
    ----------
    folder
        Folder with a ``dataset.yaml``.

    Returns
    -------
    list of InputError
        Empty if nothing is wrong. One for each modality and label table at most: the first
        mistake in it.
    """
    try:
        dataset = read_dataset(folder)
    except InputError as error:
        return [error]
    problems: dict[str, InputError] = {}
    for modality in dataset.modalities:
        try:
            matrix = read_matrix(dataset, modality)
            read_labels(dataset, matrix.index)
        except InputError as error:
            problems.setdefault(str(error), error)
    return list(problems.values())
