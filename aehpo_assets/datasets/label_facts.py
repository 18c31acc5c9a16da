"""What was read of a label table for the samples of one matrix, counted; nothing is judged here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.join import Join, join, label_keys
from aehpo_assets.datasets.patients import Patients, find_patients
from aehpo_assets.datasets.read_labels import LabelTable
from aehpo_assets.datasets.reading.spelling import spellings
from aehpo_assets.datasets.reading.stored import is_doubtful, plain_word


@dataclass(frozen=True)
class LabelFacts:
    """What was read of one column, for the samples of one matrix.

    Attributes
    ----------
    role
        ``objective.<group>``, ``regression``, ``survival`` or ``technical``; ``class_loss`` of a
        column that the study alone names.
    known
        Samples with a value.
    missing
        What was read as missing, as it is written, to the number of samples; ``""`` is an empty
        cell. Samples without a label row are not counted.
    words
        Those of them that are words, and not such as ``dataset.yaml`` adds.
    classes
        Class to its number of samples, the largest first; empty for numbers.
    doubtful
        Those classes that may be words for missing, and that ``dataset.yaml`` does not keep.
    spellings
        Classes written in several ways: spelling to number of samples.
    lowest, highest
        Range of numbers.
    """

    role: str
    known: int
    missing: dict[str, int]
    words: dict[str, int]
    classes: dict[str, int] = field(default_factory=dict)
    doubtful: dict[str, int] = field(default_factory=dict)
    spellings: list[dict[str, int]] = field(default_factory=list)
    lowest: float | None = None
    highest: float | None = None


@dataclass(frozen=True)
class LabelReading:
    """What was read of a label table for the samples of one matrix.

    Attributes
    ----------
    table, matrix
        Names of both files.
    joined
        How samples and rows found each other.
    labels
        By column.
    patients
        Patients with several samples, if any are known of.
    """

    table: str
    matrix: str
    joined: Join
    labels: dict[str, LabelFacts]
    patients: Patients | None


def describe_labels(
    dataset: Dataset, modality: str, table: LabelTable, labels: pd.DataFrame
) -> LabelReading:
    """Count what was read.

    Parameters
    ----------
    dataset, modality
        Whose samples those are.
    table
        The whole label table.
    labels
        The labels of the samples, as
        :func:`~aehpo_assets.datasets.read_labels.read_labels` returns them.
    """
    level = dataset.labels.ids.tcga
    keys = label_keys(labels.index, level)
    written = table.written.reindex(keys).set_axis(labels.index, axis=0)
    has_row = pd.Series(keys.isin(table.written.index), index=labels.index)
    asked = {*dataset.labels.missing_words.add, *dataset.labels.missing_words.keep}
    file = dataset.labels.file
    return LabelReading(
        table=file,
        matrix=dataset.file_names(modality),
        joined=join(labels.index, table.written.index, level),
        labels={
            str(name): _facts(
                dataset.labels.key_of(str(name)).removeprefix("labels.")
                if name in dataset.labels.columns
                else "class_loss",
                labels[name],
                written[name][has_row],
                {plain_word(word) for word in asked},
            )
            for name in labels.columns
        },
        patients=find_patients(labels.index, written, file),
    )


def _facts(role: str, column: pd.Series, written: pd.Series, asked: set[str]) -> LabelFacts:
    gone = written[column.reindex(written.index).isna()]
    words = gone.astype(object).where(gone.notna(), "").astype(str).str.strip()
    missing = _counts(words)
    unasked = {word: n for word, n in missing.items() if word and plain_word(word) not in asked}
    known = column.dropna()
    if pd.api.types.is_numeric_dtype(column):
        ends: dict[str, Any] = {}
        if len(known):
            ends = {"lowest": float(known.min()), "highest": float(known.max())}
        return LabelFacts(role, len(known), missing, unasked, **ends)
    classes = _counts(known)
    # A sign is a class where other signs are: + and -.
    signs = any("+" in name for name in classes)
    return LabelFacts(
        role=role,
        known=len(known),
        missing=missing,
        words=unasked,
        classes=classes,
        doubtful={
            name: count
            for name, count in classes.items()
            if is_doubtful(name) and plain_word(name) not in asked and not (signs and name == "-")
        },
        spellings=spellings(classes),
    )


def _counts(values: pd.Series) -> dict[str, int]:
    return {str(name): int(count) for name, count in values.value_counts().items()}
