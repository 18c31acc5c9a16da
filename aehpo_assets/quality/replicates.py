"""Checks of the splits of further replicates, beside those of the first in ``labels``."""

from __future__ import annotations

import pandas as pd

from aehpo_assets.datasets.labels import SAMPLES_PER_CLASS
from aehpo_assets.datasets.patients import Patients
from aehpo_assets.datasets.replicates import SPLIT, scored_samples
from aehpo_assets.quality.check import FAULT, at_most, run_checks
from aehpo_assets.quality.labels import SHARE_TOLERANCE
from aehpo_assets.store.provenance import CheckResult

REPLICATE_CHECKS = (
    at_most(
        "replicates_share_test",
        "test_differs",
        0,
        "every replicate has the same test part",
        of="replicates",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "replicates_keep_groups",
        "groups_apart",
        0,
        "no replicate has a group of split.group in both train and valid",
        of="replicates",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "replicates_have_classes",
        "classes_short",
        0,
        f"every replicate has {SAMPLES_PER_CLASS} samples of every scored class in each part",
        of="replicates",
        blocking=True,
        remedy=FAULT,
    ),
    at_most(
        "replicates_keep_shares",
        "deviation",
        SHARE_TOLERANCE,
        "the shares of every replicate are those of the first",
        of="replicates",
        blocking=False,
        remedy="The groups of split.group are too coarse for the shares.",
    ),
    at_most(
        "replicates_keep_patients",
        "patients_apart",
        0,
        "no replicate has more patients in several parts than the first",
        of="replicates",
        blocking=False,
        remedy="Set split.group to the column that names the patient; it may stand beside "
        "split.column.",
    ),
)


def check_replicates(
    table: pd.DataFrame, labels: pd.DataFrame, patients: Patients | None
) -> list[CheckResult]:
    """Check the splits of the replicates after the first.

    Parameters
    ----------
    table
        Output of :func:`aehpo_assets.datasets.replicates.replicate_table`.
    labels
        Labels of the task, in the order of the table.
    patients
        Patients with several samples, if any are known of.
    """
    masks = scored_samples(table, labels)
    first = table[SPLIT]
    shares = first.value_counts(normalize=True)
    rows = []
    for name in [name for name in table if str(name).startswith(f"{SPLIT}_")]:
        split = table[name]
        rest = split != "test"
        parts = split[rest]
        apart = parts.groupby(table.loc[rest, "group"]).nunique() > 1 if "group" in table else None
        rows.append(
            {
                "replicate": str(name),
                "test_differs": int(((split == "test") != (first == "test")).sum()),
                "groups_apart": 0 if apart is None else int(apart.sum()),
                "classes_short": sum(
                    int((split[mask] == part).sum() < SAMPLES_PER_CLASS)
                    for mask in masks.values()
                    for part in shares.index
                ),
                "deviation": float((split.value_counts(normalize=True) - shares).abs().max()),
                "patients_apart": 0 if patients is None else _more_apart(patients, split, first),
            }
        )
    return run_checks(REPLICATE_CHECKS, {"replicates": pd.DataFrame(rows)})


def _more_apart(patients: Patients, split: pd.Series, first: pd.Series) -> int:
    apart = [int((patients.parts(one) > 1).sum()) for one in (split, first)]
    return max(0, apart[0] - apart[1])
