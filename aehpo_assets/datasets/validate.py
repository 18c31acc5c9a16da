"""Validating a data set folder as a whole, and collecting everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from aehpo_assets.datasets.dataset import (
    Dataset,
    file_problems,
    parse_dataset,
    task_name,
)
from aehpo_assets.datasets.joint import common_samples
from aehpo_assets.datasets.joint_names import is_joint, parts_of
from aehpo_assets.datasets.label_facts import LabelReading, describe_labels
from aehpo_assets.datasets.labels import DownstreamTargets, downstream_targets
from aehpo_assets.datasets.read_labels import read_label_table, read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.read_ontology import task_ontology
from aehpo_assets.datasets.sentences import nothing_scored, nothing_to_score
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.datasets.train_sizes import fewest_needed, sizes_of
from aehpo_assets.errors import InputError
from aehpo_assets.study.data import Split
from aehpo_assets.study.results import TrainSizes


def validate_dataset(
    folder: Path,
    split: Split | None = None,
    modalities: Collection[str] | None = None,
    train_sizes: TrainSizes | None = None,
) -> list[InputError]:
    """Read everything a data set names, and return what is wrong, without writing anything.

    Parameters
    ----------
    folder
        Folder with a ``dataset.yaml``.
    split
        How a study would split it; if given, every task must get samples in every part.
    modalities
        The modalities whose content counts, joint ones too; all single ones by default.
    train_sizes
        The parts of the train samples that a study asks for; they must have samples of every
        class.

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
    names = list(dataset.modalities) if modalities is None else list(modalities)
    read = {part for name in names for part in parts_of(name)}
    asked = [modality for modality in dataset.modalities if modality in read]
    problems = {m: p for m, p in file_problems(dataset).items() if m in asked or m == ""}
    samples: dict[str, pd.Index] = {}
    for modality in asked:
        if modality in problems:
            continue
        try:
            matrix = read_matrix(dataset, modality)
            task_ontology(dataset, modality, matrix.columns)
            samples[modality] = matrix.index
        except InputError as error:
            problems[modality] = error
    if not problems:
        try:
            for joint in filter(is_joint, names):
                parts = {part: samples[part] for part in parts_of(joint)}
                samples[joint] = common_samples(dataset, parts)
        except InputError as error:
            problems[joint] = error
    # What is read for the sake of a joint task alone is not judged on its own.
    samples = {name: samples[name] for name in names if name in samples}
    found = list(problems.values())
    if "" in problems:
        return found
    return [*found, *_label_problems(dataset, samples, None if found else split, train_sizes)]


def _label_problems(
    dataset: Dataset,
    samples: dict[str, pd.Index],
    split: Split | None,
    train_sizes: TrainSizes | None,
) -> list[InputError]:
    """The first mistake of the label table or of the split, or of each modality they do not fit."""
    try:
        table = read_label_table(dataset)
        whole = None if split is None else draw_split(dataset, split)
    except InputError as error:
        return [error]
    problems = []
    for modality, sample_ids in samples.items():
        try:
            labels = read_labels(dataset, sample_ids, modality, table)
            reading = describe_labels(dataset, modality, table, labels)
            _refuse_nothing_to_score(dataset, reading)
            if whole is not None:
                own, targets = _scorable_split(dataset, modality, labels, whole)
                if train_sizes is not None:
                    asked, train = train_sizes.sizes, int((own == "train").sum())
                    task = task_name(dataset, modality)
                    sizes_of(asked, train, fewest_needed(targets), task)
        except InputError as error:
            problems.append(error)
    return problems


def _refuse_nothing_to_score(dataset: Dataset, reading: LabelReading) -> None:
    if all(len(reading.labels[name].classes) < 2 for name in dataset.labels.classification):
        problem, remedy = nothing_to_score(reading)
        raise InputError(problem, file=dataset.labels_path(), key="labels.objective", remedy=remedy)


def _scorable_split(
    dataset: Dataset, modality: str, labels: pd.DataFrame, whole: pd.Series
) -> tuple[pd.Series, DownstreamTargets]:
    """Refuse a split with too few samples in a part, or in which no label can be scored."""
    try:
        split = restrict_split(whole, labels.index)
        targets = downstream_targets(labels, split)
    except InputError as error:
        raise InputError(
            f"{modality}: {error.problem}",
            file=dataset.modality_paths(modality)[0],
            key=error.key,
            remedy=error.remedy,
        ) from None
    if not targets.classification:
        problem, remedy = nothing_scored(targets)
        raise InputError(
            f"{modality}: {problem}", file=dataset.labels_path(), key="split", remedy=remedy
        )
    return split, targets
