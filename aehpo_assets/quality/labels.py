"""Checks of the labels, and of how they fall into train, valid and test."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.datasets.label_facts import LabelReading
from aehpo_assets.datasets.labels import SAMPLES_PER_CLASS, SPLITS, downstream_targets
from aehpo_assets.datasets.patients import Patients
from aehpo_assets.datasets.sentences import (
    explained,
    label_sentences,
    split_sentences,
)
from aehpo_assets.quality.check import among, at_least, at_most, run_checks, unique
from aehpo_assets.quality.codes import missing_code
from aehpo_assets.store.provenance import CheckResult

SMALLEST_CLASS = 10
SHARE_TOLERANCE = 0.05

LARGEST_SHARE_OF_WORDS = 0.25
"""Share of a label's samples that words may say to be missing before a person should look."""

LABEL_CHECKS = (
    unique(
        "unique_sample_ids",
        "sample",
        "every sample occurs once",
        of="samples",
        remedy="Keep one of each sample.",
    ),
    at_least(
        "samples_have_a_label_row",
        "joined_share",
        1,
        "every sample has a row in the label table",
        of="join",
        blocking=False,
    ),
    at_most(
        "ids_are_alike",
        "kin",
        0,
        "no id of a sample without a label row is that of a row with an ending more or less",
        of="join",
        blocking=False,
    ),
    at_least(
        "something_has_classes",
        "most_classes",
        2,
        "one label of the objective or more has two classes",
        of="whole",
        blocking=True,
    ),
    at_least(
        "labels_have_classes",
        "classes",
        2,
        "every label has two classes or more",
        of="labels",
        blocking=False,
    ),
    at_least(
        "labelled_share",
        "labelled_share",
        0.2,
        "every label is known for a fifth of the samples or more",
        of="labels",
        blocking=False,
        remedy=(
            "Its score rests on few samples: fill the gaps, or take the label out of "
            "labels.objective."
        ),
    ),
    at_least(
        "smallest_class",
        "smallest_class",
        SMALLEST_CLASS,
        f"every class has {SMALLEST_CLASS} samples or more",
        of="labels",
        blocking=False,
    ),
    at_most(
        "one_spelling_a_class",
        "spellings",
        0,
        "no two classes differ in case, blanks, hyphens or a trailing .0 only",
        of="read",
        blocking=False,
    ),
    at_most(
        "words_taken_as_classes",
        "doubtful",
        0,
        "no class is a word that may mean a missing value",
        of="read",
        blocking=False,
    ),
    at_most(
        "words_taken_as_missing",
        "missing_share",
        LARGEST_SHARE_OF_WORDS,
        "few values are missing because of a word that stands there",
        of="read",
        blocking=False,
    ),
    at_most(
        "codes_for_missing",
        "coded",
        0,
        "no number stands in for a missing value",
        of="codes",
        blocking=False,
        remedy="If it does, name it in labels.missing_words: {add: [NUMBER]}.",
    ),
)

SPLIT_CHECKS = (
    unique(
        "disjoint",
        "sample",
        "no sample is in two splits",
        of="samples",
        remedy="Make the split again.",
    ),
    among(
        "known_splits",
        "split",
        SPLITS,
        "every sample is in train, valid or test",
        of="samples",
        remedy="Give every sample one of them.",
    ),
    at_most(
        "complete",
        "not_in_both",
        0,
        "the split has every sample of the matrix and no other",
        of="whole",
        blocking=True,
        remedy="Make the split again, from the files as they are now.",
    ),
    at_most(
        "shares",
        "deviation",
        SHARE_TOLERANCE,
        "the shares of the splits are those of the study",
        of="shares",
        blocking=False,
        remedy="Groups or a ready-made split are too coarse for the shares; change either.",
    ),
    at_most(
        "patients_in_one_part",
        "parts",
        1,
        "no patient has samples in several parts of the split",
        of="patients",
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


def check_labels(labels: pd.DataFrame, reading: LabelReading) -> list[CheckResult]:
    """Check the labels of a task.

    Parameters
    ----------
    labels
        Labels of the samples; ``labels.attrs`` says which are part of the objective.
    reading
        What was read of the label table for them.
    """
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
    joined = reading.joined
    join = {
        "sample": joined.without_row[0] if joined.without_row else "",
        "joined_share": joined.joined / max(1, joined.samples),
        "kin": len(joined.kin),
    }
    read = [
        {
            "label": name,
            "spellings": len(facts.spellings),
            "doubtful": len(facts.doubtful),
            "missing_share": sum(facts.words.values()) / max(1, joined.joined),
        }
        for name, facts in reading.labels.items()
    ]
    codes = [
        {"code": f"{name} = {code}", "coded": int(code is not None)}
        for name in labels
        if pd.api.types.is_numeric_dtype(labels[name])
        for code in [missing_code(labels[name].to_numpy())]
    ]
    most = max(len(reading.labels[name].classes) for name in _objective(labels))
    whole = {"task": "task", "most_classes": most}
    results = run_checks(
        LABEL_CHECKS,
        {
            "samples": pd.DataFrame({"sample": labels.index.astype(str)}),
            "join": pd.DataFrame([join]),
            "whole": pd.DataFrame([whole]),
            "labels": pd.DataFrame(rows),
            "read": pd.DataFrame(read),
            "codes": pd.DataFrame(codes),
        },
    )
    return explained(results, label_sentences(reading, SMALLEST_CLASS))


def check_split(
    split: pd.Series,
    sample_ids: pd.Index,
    labels: pd.DataFrame,
    shares: dict[str, float],
    patients: Patients | None,
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
    patients
        Patients with several samples, if any are known of.
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
    people = pd.DataFrame({"patient": [], "parts": []})
    if patients is not None:
        people = patients.parts(split).rename_axis("patient").reset_index(name="parts")
    results = run_checks(
        SPLIT_CHECKS,
        {
            "samples": samples,
            "patients": people,
            "labels": pd.DataFrame(rows),
            "shares": pd.DataFrame(deviation),
            "whole": pd.DataFrame([whole]),
        },
    )
    return explained(results, split_sentences(split, targets, patients))


def _objective(labels: pd.DataFrame) -> list[str]:
    names = (name for group in labels.attrs["objective"].values() for name in group)
    return list(dict.fromkeys(names))
