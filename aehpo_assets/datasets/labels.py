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
"""A class needs as many samples in each split, or it is dropped."""


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

    A class with fewer than two samples in a split is dropped. A label left with one class leaves
    its group, and a group left without labels leaves the average; the weights of the rest are
    renormalised: every group counts the same, and every label within its group.

    Parameters
    ----------
    labels
        (n_samples, labels), text or missing; ``labels.attrs`` holds ``objective`` (group to
        labels) and ``regression``.
    split
        (n_samples,) ``train``, ``valid`` or ``test``, in the order of the labels.

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
            dropped[label] = "fewer than two classes have two samples in each split"
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
        if all(np.isfinite(values[parts == part]).sum() >= 2 for part in SPLITS):
            regression.append(RegressionTarget(label, values))
        else:
            dropped[label] = "fewer than two values in a split"
    return DownstreamTargets(classification, tuple(regression), dropped)


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
    """Classes with enough samples in each split, and the codes of all samples."""
    known = column.notna().to_numpy()
    text = np.array([str(v) if k else "" for v, k in zip(column, known, strict=True)])
    kept = []
    for name in sorted(set(text[known])):
        here = known & (text == name)
        counts = {part: int((here & (parts == part)).sum()) for part in SPLITS}
        short = [part for part, count in counts.items() if count < SAMPLES_PER_CLASS]
        if short:
            dropped[f"{column.name}={name}"] = (
                f"{counts[short[0]]} samples in {short[0]}, {SAMPLES_PER_CLASS} are needed"
            )
        else:
            kept.append(name)
    position = {name: code for code, name in enumerate(kept)}
    codes = np.array(
        [position.get(t, -1) if k else -1 for t, k in zip(text, known, strict=True)], dtype=np.int64
    )
    return tuple(kept), codes
