"""The label that a class loss is trained by: which samples are of one class, and who may be.

It is beside what is scored. A latent space that is drawn together by a label says that label, and
what follows from it, whatever the modalities hold: such a label is refused.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.join import label_keys
from aehpo_assets.datasets.joint import common_samples
from aehpo_assets.datasets.joint_names import parts_of
from aehpo_assets.datasets.read_labels import read_label_column, read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_ids_by_modality
from aehpo_assets.datasets.split import split_column
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import quoted
from aehpo_assets.study.data import ClassLoss

KEY = "class_loss.label"

MOST_NUMBERS = 20
"""Numbers that a label may have and still be one of classes."""


def with_class_label(
    dataset: Dataset, labels: pd.DataFrame, asked: ClassLoss | None
) -> pd.DataFrame:
    """Add the label of a class loss to the labels of a task.

    Parameters
    ----------
    dataset
        The data set.
    labels
        (samples, labels), output of :func:`~aehpo_assets.datasets.read_labels.read_labels`.
    asked
        The study's ``class_loss``; None for none.

    Returns
    -------
    pandas.DataFrame
        The labels with that column, unless they have it, and its name as ``attrs["class_loss"]``;
        as they are where nothing is asked for.

    Raises
    ------
    InputError
        If the study names no column for this data set, or one that is scored, from which a scored
        one follows, that the label table lacks, that is none of classes, or that has missing
        values which the study does not leave out.
    """
    if asked is None:
        return labels
    name = split_column(asked.label, dataset.name)
    if name is None:
        raise InputError(
            f"names no column for the data set {dataset.name}",
            key=KEY,
            remedy=f"Add {dataset.name}: COLUMN to it.",
        )
    _refuse_scored(dataset, name)
    rows = label_keys(labels.index, dataset.labels.ids.tcga)
    column = read_label_column(dataset, name, KEY).reindex(rows).set_axis(labels.index)
    missing = int(column.isna().sum())
    if missing and asked.missing == "refuse":
        raise InputError(
            f"{missing} of {len(column)} samples of {dataset.name} have no {name}",
            file=dataset.labels_path(),
            key=KEY,
            remedy="Set class_loss.missing: leave_out to train them without a class.",
        )
    _refuse_no_classes(column, dataset)
    for scored in dataset.labels.classification:
        _refuse_telling(column, labels[scored], dataset)
    found = labels if name in labels else labels.assign(**{name: column})
    found.attrs = labels.attrs | {"class_loss": name}
    return found


def check_class_label(dataset: Dataset, modality: str, asked: ClassLoss | None) -> None:
    """Refuse what :func:`with_class_label` will refuse, before anything is written.

    Parameters
    ----------
    dataset, modality
        The task.
    asked
        The study's ``class_loss``.
    """
    if asked is None:
        return
    ids = read_ids_by_modality(dataset)
    samples = common_samples(dataset, {part: ids[part] for part in parts_of(modality)})
    labels = read_labels(dataset, samples, modality, read_label_table(dataset))
    with_class_label(dataset, labels, asked)


def _refuse_scored(dataset: Dataset, name: str) -> None:
    settings = dataset.labels
    survival = [settings.survival.time, settings.survival.event] if settings.survival else []
    if name in (*settings.classification, *settings.regression, *survival):
        raise InputError(
            f"{name} is what latents of {dataset.name} are scored by "
            f"({settings.key_of(name)}), and latents that are trained by it say it anyway",
            key=KEY,
            remedy=f"Name another column, or take {name} out of {dataset.file}.",
        )


def _refuse_no_classes(column: pd.Series, dataset: Dataset) -> None:
    counts = column.value_counts()
    numbers = pd.to_numeric(pd.Series(counts.index.to_numpy(dtype=object)), errors="coerce")
    problem = None
    if len(counts) < 2:
        problem = f"has {'one class' if len(counts) else 'no value'}"
    elif numbers.notna().all() and (len(numbers) > MOST_NUMBERS or (numbers % 1 != 0).any()):
        problem = f"holds numbers, from {numbers.min():g} to {numbers.max():g}"
    elif 2 * len(counts) > counts.sum():
        first = quoted(str(column.dropna().iloc[0]))
        problem = f"has {len(counts)} values among {counts.sum()} samples, such as {first}"
    if problem is not None:
        raise InputError(
            f"{column.name} {problem} ({dataset.labels.file} of {dataset.name}), and samples are "
            "drawn together by their class",
            key=KEY,
            remedy="Name a column of several classes, with two samples and more each.",
        )


def _refuse_telling(column: pd.Series, scored: pd.Series, dataset: Dataset) -> None:
    """Refuse a label each of whose classes has one class of a scored one alone."""
    both = pd.DataFrame({"class": column.to_numpy(), "scored": scored.to_numpy()}).dropna()
    if both["scored"].nunique() < 2:
        return
    if both.groupby("class")["scored"].nunique().max() == 1:
        raise InputError(
            f"{column.name} says the label {scored.name} of {dataset.name}, by which latents are "
            f"scored: no class of the one has two of the other",
            key=KEY,
            remedy=f"Name another column, or take {scored.name} out of {dataset.file}.",
        )
