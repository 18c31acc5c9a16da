"""A data set as a run would read, split, prepare and check it, without a home and without writing.

What is found is the same as in a run with the default split and preprocessing.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset, file_problems, parse_dataset
from aehpo_assets.datasets.label_facts import LabelReading, describe_labels
from aehpo_assets.datasets.labels import SPLITS
from aehpo_assets.datasets.matrix_facts import MatrixFacts, describe_matrix
from aehpo_assets.datasets.page import class_counts, labels_page, matrix_page
from aehpo_assets.datasets.read_labels import LabelTable, read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.errors import InputError
from aehpo_assets.foreign import markdown
from aehpo_assets.omics.preprocess import fit_preprocessing
from aehpo_assets.quality.confounders import check_artefacts
from aehpo_assets.quality.labels import check_labels, check_split
from aehpo_assets.quality.matrix import check_matrix, check_preprocessed
from aehpo_assets.store.provenance import CheckResult
from aehpo_assets.study.data import Preprocessing, Split


@dataclass
class ReadModality:
    """What was read of one modality, as far as it could be read.

    Attributes
    ----------
    matrix
        Figures of the matrix.
    reading, labels, split
        What was read of its samples' labels, the labels, and the part of each sample.
    """

    matrix: MatrixFacts | None = None
    reading: LabelReading | None = None
    labels: pd.DataFrame | None = None
    split: pd.Series | None = None


@dataclass
class Examination:
    """What a data set was found to be.

    Attributes
    ----------
    dataset
        The data set; None if its ``dataset.yaml`` is wrong.
    modalities
        What was read, by modality.
    wrong
        What would stop a run.
    warnings
        What a person should look at.
    """

    dataset: Dataset | None = None
    modalities: dict[str, ReadModality] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def page(self) -> str:
        """Everything that was read, as Markdown."""
        if self.dataset is None:
            return ""
        title = markdown(self.dataset.title)
        parts = [f"# {self.dataset.name}" + (f": {title}" if title else "")]
        for name, read in self.modalities.items():
            parts.append(f"## {name}")
            if read.matrix is not None:
                parts.append(matrix_page(read.matrix, self.dataset.modalities[name]))
            if read.reading is not None and read.labels is not None:
                parts.append(labels_page(read.reading, read.labels, read.split))
        return "\n\n".join(parts)

    def facts(self) -> dict[str, Any]:
        """The same as values of JSON, complete where the page shows the first ones."""
        return {
            "dataset": self.dataset.name if self.dataset else None,
            "title": self.dataset.title if self.dataset else None,
            "modalities": {name: _facts(read) for name, read in self.modalities.items()},
            "wrong": self.wrong,
            "warnings": self.warnings,
        }


def examine_dataset(folder: Path) -> Examination:
    """Read a data set and run every check that a run would run.

    Parameters
    ----------
    folder
        Folder with a ``dataset.yaml``.
    """
    found = Examination()
    try:
        dataset = found.dataset = parse_dataset(folder)
    except InputError as error:
        found.wrong.append(str(error))
        return found
    problems = file_problems(dataset)
    found.wrong += map(str, problems.values())
    table: LabelTable | None = None
    whole: pd.Series | None = None
    if "" not in problems:
        try:
            table = read_label_table(dataset)
        except InputError as error:
            found.wrong.append(str(error))
    if table is not None and not problems:
        try:
            whole = draw_split(dataset, Split())
        except InputError as error:
            found.wrong.append(str(error))
    for modality in dataset.modalities:
        if modality not in problems:
            found.modalities[modality] = ReadModality()
            _examine(found, dataset, modality, table, whole)
    # The same file may be wrong for several modalities.
    found.wrong = list(dict.fromkeys(found.wrong))
    found.warnings = list(dict.fromkeys(found.warnings))
    return found


def _examine(
    found: Examination,
    dataset: Dataset,
    modality: str,
    table: LabelTable | None,
    whole: pd.Series | None,
) -> None:
    """Go as far as a run would come with one modality."""
    read = found.modalities[modality]
    try:
        for check in _checks(read, dataset, modality, table, whole):
            if not check.passed:
                text = f"{modality}: {check.name}: {check.description}"
                (found.wrong if check.blocking else found.warnings).append(text)
    except InputError as error:
        text = str(error)
        found.wrong.append(text if error.file else f"{modality}: {text}")


def _checks(
    read: ReadModality,
    dataset: Dataset,
    modality: str,
    table: LabelTable | None,
    whole: pd.Series | None,
) -> Iterator[CheckResult]:
    matrix = read_matrix(dataset, modality)
    read.matrix = describe_matrix(matrix)
    yield from check_matrix(matrix, dataset.modalities[modality])
    if table is None:
        return
    read.labels = read_labels(dataset, matrix.index, modality, table)
    read.reading = describe_labels(dataset, modality, table, read.labels)
    outcomes = check_labels(read.labels, read.reading)
    yield from outcomes
    if whole is None:
        return
    read.split = split = restrict_split(whole, matrix.index)
    if any(check.blocking and not check.passed for check in outcomes):
        return
    shares = {part: float(getattr(Split(), part)) for part in SPLITS}
    yield from check_split(split, matrix.index, read.labels, shares, read.reading.patients)
    yield from check_artefacts(matrix, split, read.labels)
    fitted = fit_preprocessing(matrix, split, Preprocessing())
    yield from check_preprocessed(fitted.apply(matrix), split, fitted.score)


def _facts(read: ReadModality) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    if read.matrix is not None:
        facts["matrix"] = asdict(read.matrix)
    if read.reading is None or read.labels is None:
        return facts
    joined, patients = read.reading.joined, read.reading.patients
    facts["join"] = asdict(joined) | {"joined": joined.joined, "nearest": joined.nearest}
    facts["patients"] = None
    if patients is not None:
        facts["patients"] = {"source": patients.source, "repeated": patients.repeated.to_dict()}
    facts["labels"] = {name: asdict(label) for name, label in read.reading.labels.items()}
    if read.split is not None:
        facts["split"] = read.split.value_counts().to_dict()
        if patients is not None:
            parts = patients.parts(read.split)
            facts["patients"]["in_several_parts"] = list(map(str, parts.index[parts > 1]))
        for name, label in facts["labels"].items():
            if label["lowest"] is None:
                label["parts"] = class_counts(read.labels[name], read.split)
    return facts
