"""Which labels of a task are scored, with which classes and which weight: fixed once per task.

Here belongs the arithmetic of the weighted average; reading labels belongs to ``read``, scoring
them to ``aehpo_gpu.evaluation``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

SPLITS = ("train", "valid", "test")

SAMPLES_PER_CLASS = 2
"""A class needs as many samples in each part of a split, or it is dropped."""


@dataclass(frozen=True)
class ClassificationTarget:
    """A label that is predicted from the latents.

    Attributes
    ----------
    label
        Column of the labels.
    classes
        At least two, sorted.
    codes
        (n_samples,) int64: position in ``classes``; -1 for samples left out of this label.
    weight
        Share in the weighted average; the weights of a task add up to 1.
    """

    label: str
    classes: tuple[str, ...]
    codes: np.ndarray
    weight: float


@dataclass(frozen=True)
class RegressionTarget:
    """A number that is predicted from the latents, reported and never part of the objective.

    Attributes
    ----------
    label
        Column of the labels.
    values
        (n_samples,) float64; NaN for samples left out.
    """

    label: str
    values: np.ndarray


@dataclass(frozen=True)
class DownstreamTargets:
    """All labels of a task.

    Attributes
    ----------
    classification, regression
        The targets, in the order of the data set.
    dropped
        Label, or ``label=class``, to the reason why it is not scored.
    """

    classification: tuple[ClassificationTarget, ...]
    regression: tuple[RegressionTarget, ...]
    dropped: dict[str, str]


def downstream_targets(labels: pd.DataFrame, split: pd.Series) -> DownstreamTargets:
    """Fix classes and weights of every label of a task.

    A class is scored if its number of samples gives each part two, in proportion to the sizes of
    the parts (:func:`gives_each_part_two`): whoever was drawn, and the same for every replicate.
    (Only for a task that lacks samples of its data set do the sizes themselves vary a little with
    the draw of test.) The draw sees to it that they are there (``class_guarantee``); a class of
    which a ready-made split or whole groups allow no two in some part is dropped all the same. A
    label left with one class leaves its group, and a group left without labels leaves the average;
    the weights of the rest are renormalised: every group counts the same, and every label within
    its group.

    Parameters
    ----------
    labels
        (n_samples, labels), text or missing; ``labels.attrs`` holds ``objective`` (group to
        labels) and ``regression``.
    split
        (n_samples,) ``train``, ``valid`` or ``test``, in the order of the labels: replicate 0.

    Returns
    -------
    DownstreamTargets
    """
    objective: Mapping[str, Sequence[str]] = labels.attrs["objective"]
    parts = split.to_numpy(dtype=str)
    dropped: dict[str, str] = {}
    coded: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
    for label in dict.fromkeys(name for names in objective.values() for name in names):
        classes, codes = _classes(labels[label], parts, dropped)
        if len(classes) < 2:
            dropped[label] = "fewer than two classes have two samples in each part"
        else:
            coded[label] = (classes, codes)
    weights = label_weights(
        {group: [name for name in names if name in coded] for group, names in objective.items()}
    )
    classification = tuple(
        ClassificationTarget(label, classes, codes, weights[label])
        for label, (classes, codes) in coded.items()
    )
    regression = []
    for label in labels.attrs.get("regression") or []:
        values = pd.to_numeric(labels[label]).to_numpy(dtype=float)
        if why := _why_dropped(np.isfinite(values), parts):
            dropped[label] = why
        else:
            regression.append(RegressionTarget(label, values))
    return DownstreamTargets(classification, tuple(regression), dropped)


def part_sizes(parts: np.ndarray) -> list[int]:
    """Numbers of samples in train, valid and test."""
    return [int((parts == part).sum()) for part in SPLITS]


def gives_each_part_two(count: int, sizes: Sequence[int]) -> bool:
    """Whether so many samples, cut in proportion to the sizes of the parts, give each two.

    Parameters
    ----------
    count
        Number of samples of a class, in the whole task.
    sizes
        Numbers of samples in train, valid and test.
    """
    total = max(1, sum(sizes))
    return all(round(count * size / total) >= SAMPLES_PER_CLASS for size in sizes)


def class_codes(labels: pd.DataFrame) -> np.ndarray | None:
    """Return (samples,) int64 class in the label of a class loss, -1 for none; None without one.

    Parameters
    ----------
    labels
        Output of :func:`aehpo_assets.datasets.class_label.with_class_label`.
    """
    name = labels.attrs.get("class_loss")
    if name is None:
        return None
    codes, _ = pd.factorize(labels[name], sort=True)
    return codes.astype(np.int64)


def label_weights(groups: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Weight of each label: groups count the same, and labels within a group count the same.

    A label that stands in several groups adds up its shares; groups without labels do not count.
    """
    filled = [names for names in groups.values() if names]
    weights: dict[str, float] = {}
    for names in filled:
        for name in names:
            weights[name] = weights.get(name, 0.0) + 1 / len(filled) / len(names)
    return weights


def _classes(
    column: pd.Series, parts: np.ndarray, dropped: dict[str, str]
) -> tuple[tuple[str, ...], np.ndarray]:
    """Classes with enough samples, and the codes of all samples."""
    known = column.notna().to_numpy()
    text = np.array([str(v) if k else "" for v, k in zip(column, known, strict=True)])
    kept = []
    for name in sorted(set(text[known])):
        if why := _why_dropped(known & (text == name), parts):
            dropped[f"{column.name}={name}"] = why
        else:
            kept.append(name)
    position = {name: code for code, name in enumerate(kept)}
    codes = np.array(
        [position.get(t, -1) if k else -1 for t, k in zip(text, known, strict=True)], dtype=np.int64
    )
    return tuple(kept), codes


def _why_dropped(here: np.ndarray, parts: np.ndarray) -> str | None:
    """Why the samples of a class, or those with a number, are not scored; None if they are."""
    count, sizes = int(here.sum()), part_sizes(parts)
    if not gives_each_part_two(count, sizes):
        smallest = SPLITS[int(np.argmin(sizes))]
        return f"{count} samples, whose share of {smallest} is below {SAMPLES_PER_CLASS}"
    counts = {part: int((here & (parts == part)).sum()) for part in SPLITS}
    short = [part for part, found in counts.items() if found < SAMPLES_PER_CLASS]
    if short:
        return f"{counts[short[0]]} samples in {short[0]}, {SAMPLES_PER_CLASS} are needed"
    return None
