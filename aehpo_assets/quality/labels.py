"""Checks of the labels, and of how they fall into train, valid and test."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.omics.labels import SAMPLES_PER_CLASS, SPLITS, downstream_targets
from aehpo_assets.provenance import CheckResult
from aehpo_assets.quality.check import among, at_least, at_most, run_checks, unique

SMALLEST_CLASS = 10
SHARE_TOLERANCE = 0.05

LABEL_CHECKS = (
    unique("unique_sample_ids", "sample", "every sample occurs once", of="samples"),
    at_least(
        "labels_have_classes",
        "classes",
        2,
        "every label has two classes or more",
        of="labels",
        blocking=True,
    ),
    at_least(
        "labelled_share",
        "labelled_share",
        0.2,
        "every label is known for a fifth of the samples or more",
        of="labels",
        blocking=False,
    ),
    at_least(
        "smallest_class",
        "smallest_class",
        SMALLEST_CLASS,
        f"every class has {SMALLEST_CLASS} samples or more",
        of="labels",
        blocking=False,
    ),
)

SPLIT_CHECKS = (
    unique("disjoint", "sample", "no sample is in two splits", of="samples"),
    among("known_splits", "split", SPLITS, "every sample is in train, valid or test", of="samples"),
    at_most(
        "complete",
        "not_in_both",
        0,
        "the split has every sample of the matrix and no other",
        of="whole",
        blocking=True,
    ),
    at_most(
        "shares",
        "deviation",
        SHARE_TOLERANCE,
        "the shares of the splits are those of the study",
        of="shares",
        blocking=False,
    ),
    at_least(
        "labels_scored",
        "classes",
        2,
        f"every label has two classes with {SAMPLES_PER_CLASS} samples in each split",
        of="labels",
        blocking=False,
    ),
    at_most(
        "classes_dropped",
        "dropped_classes",
        0,
        f"every class has {SAMPLES_PER_CLASS} samples in each split",
        of="labels",
        blocking=False,
    ),
    at_least(
        "something_is_scored",
        "labels_scored",
        1,
        "one label of the objective can be scored",
        of="whole",
        blocking=True,
    ),
)


def check_labels(labels: pd.DataFrame) -> list[CheckResult]:
    """Check the labels of a task; ``labels.attrs`` says which are part of the objective."""
    rows = []
    for name in _objective(labels):
        counts = labels[name].value_counts()
        rows.append(
            {
                "label": name,
                "classes": len(counts),
                "labelled_share": float(labels[name].notna().mean()),
                "smallest_class": int(counts.min()) if len(counts) else 0,
            }
        )
    samples = pd.DataFrame({"sample": labels.index.astype(str)})
    return run_checks(LABEL_CHECKS, {"labels": pd.DataFrame(rows), "samples": samples})


def check_split(
    split: pd.Series, sample_ids: pd.Index, labels: pd.DataFrame, shares: dict[str, float]
) -> list[CheckResult]:
    """Check the split of a task.

    Parameters
    ----------
    split
        Split by sample id.
    sample_ids
        Ids of the matrix.
    labels
        Labels of the task.
    shares
        Share of each part that the study asks for.
    """
    targets = downstream_targets(labels.reindex(split.index), split)
    scored = {target.label: len(target.classes) for target in targets.classification}
    rows = [
        {
            "label": name,
            "classes": scored.get(name, 0),
            "dropped_classes": sum(key.startswith(f"{name}=") for key in targets.dropped),
        }
        for name in _objective(labels)
    ]
    found = split.value_counts(normalize=True)
    deviation = [
        {"split": part, "deviation": abs(float(found.get(part, 0)) - share)}
        for part, share in shares.items()
    ]
    whole = {
        "task": "task",
        "not_in_both": len(split.index.symmetric_difference(sample_ids)),
        "labels_scored": len(scored),
    }
    samples = pd.DataFrame({"sample": split.index.astype(str), "split": split.to_numpy()})
    return run_checks(
        SPLIT_CHECKS,
        {
            "samples": samples,
            "labels": pd.DataFrame(rows),
            "shares": pd.DataFrame(deviation),
            "whole": pd.DataFrame([whole]),
        },
    )


def _objective(labels: pd.DataFrame) -> list[str]:
    names = (name for group in labels.attrs["objective"].values() for name in group)
    return list(dict.fromkeys(names))
