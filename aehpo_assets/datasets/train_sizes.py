"""Smaller train parts of a task, each inside the next: for scores against the number of samples.

Valid and test stay what they are. Whatever is scored has two train samples of every class in the
smallest part, so that all parts are scored by the same classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aehpo_assets.datasets.labels import SAMPLES_PER_CLASS, DownstreamTargets
from aehpo_assets.errors import InputError
from aehpo_assets.store.provenance import named_seed

MOST_SIZES = 6
"""Sizes of a study that names none: all train samples, a half of them, and so on."""

SMALLEST = 16
"""Train samples below which a study that names no sizes does not go."""


def nested_order(
    split: np.ndarray, targets: DownstreamTargets, task: str, seed: int
) -> tuple[np.ndarray, int]:
    """Draw the order in which train samples join.

    Parameters
    ----------
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        What the task is scored by, in the order of the split.
    task, seed
        Of the draw.

    Returns
    -------
    order : numpy.ndarray
        (train samples,) their positions.
    needed : int
        How many of the first have two of every class, and of every known number: they are those
        that come first in a random order, and the rest of that order follows.
    """
    train = np.flatnonzero(split == "train")
    source = np.random.default_rng(named_seed(seed, task, "train sizes"))
    drawn = source.permutation(train)
    masks = [
        target.codes == code
        for target in targets.classification
        for code in range(len(target.classes))
    ]
    masks += [np.isfinite(target.values) for target in targets.regression]
    first: list[int] = []
    for mask in masks:
        have = int(mask[first].sum())
        more = [at for at in drawn[mask[drawn]] if at not in first]
        first += more[: max(0, SAMPLES_PER_CLASS - have)]
    is_first = np.isin(drawn, first)
    return np.concatenate([drawn[is_first], drawn[~is_first]]), len(first)


def fewest_needed(targets: DownstreamTargets) -> int:
    """Return the train samples that it takes to have two of each class, whichever are drawn."""
    return SAMPLES_PER_CLASS * max((len(one.classes) for one in targets.classification), default=1)


def sizes_of(asked: Sequence[int] | None, train: int, needed: int, task: str) -> list[int]:
    """Return the sizes of the train parts of a task, ascending; the last is the whole.

    Parameters
    ----------
    asked
        The study's ``train_sizes.sizes``; None for halves of halves. Those above ``train`` are the
        whole.
    train
        Train samples, of the replicate with fewest.
    needed
        As :func:`nested_order` says, of the replicate with most; :func:`fewest_needed` before
        anything was drawn.
    task
        For the message.

    Raises
    ------
    InputError
        If one is too small to have every class, or none is smaller than the whole.
    """
    if asked is None:
        fewest = max(needed, SMALLEST)
        halves = [train // 2**power for power in range(MOST_SIZES)]
        sizes = sorted({size for size in halves if size >= fewest} | {train})
        remedy = "Leave train_sizes out: the task is too small for it."
    else:
        sizes = sorted({min(size, train) for size in asked} | {train})
        remedy = f"Name sizes from {needed} to below {train}, or leave sizes out."
    if len(sizes) == 1:
        raise InputError(
            f"no size lies below the {train} train samples of {task}"
            + ("" if asked else f", of which {needed} have two of each class that is scored"),
            key="train_sizes",
            remedy=remedy,
        )
    if sizes[0] < needed:
        raise InputError(
            f"{sizes[0]} train samples of {task} are too few to have two of each class that is "
            f"scored, which takes {needed}",
            key="train_sizes.sizes",
            remedy=remedy,
        )
    return sizes


def kept_samples(split: np.ndarray, order: np.ndarray, size: int) -> np.ndarray:
    """Mask (samples,) of valid, test and the first so many train samples of an order."""
    kept = split != "train"
    kept[order[:size]] = True
    return kept


def targets_of(targets: DownstreamTargets, kept: np.ndarray) -> DownstreamTargets:
    """Return the same labels, classes and weights for the samples of a mask."""
    return replace(
        targets,
        classification=tuple(replace(t, codes=t.codes[kept]) for t in targets.classification),
        regression=tuple(replace(t, values=t.values[kept]) for t in targets.regression),
    )
