"""Gates beyond the schema: leaks, batches, scaling by cohort, and drift since the last landing.

The measurements live in ``omics.confounders`` and ``omics.drift``; here is which of them are
suspicious.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.datasets.labels import downstream_targets
from aehpo_assets.omics.confounders import batch_effect, cohort_scaling, leakage
from aehpo_assets.omics.drift import drift
from aehpo_assets.quality.check import at_most, run_checks
from aehpo_assets.store.provenance import CheckResult

ARTEFACT_CHECKS = (
    at_most(
        "label_leakage",
        "explained",
        0.999,
        "no feature is a label in other words",
        of="leakage",
        blocking=True,
        remedy="Take the feature out of the matrix, or the label out of labels.objective.",
    ),
    at_most(
        "cohorts_not_scaled_apart",
        "private_floors",
        0.5,
        "the lowest values of features do not give the class of a label away",
        of="scaling",
        blocking=False,
        remedy=(
            "Scores of that label may show how cohorts were scaled and not "
            "biology; use values that were scaled over all samples together."
        ),
    ),
    at_most(
        "cohorts_not_centred_apart",
        "equal_means",
        0.2,
        "means of classes differ as much as chance lets them",
        of="scaling",
        blocking=False,
        remedy=(
            "Scores of that label may miss biology that was centred away; "
            "use values that were centred over all samples together."
        ),
    ),
    at_most(
        "batch_effect",
        "excess",
        0.15,
        "technical columns cannot be told far better than the labels",
        of="batches",
        blocking=False,
        remedy="Correct the matrix for the batch, or judge scores with care.",
    ),
)

DRIFT_CHECKS = (
    at_most(
        "samples_kept",
        "gone",
        0,
        "every sample of the predecessor is still there",
        of="samples",
        blocking=False,
        remedy="Put them back, unless they were taken out on purpose.",
    ),
    at_most(
        "features_kept",
        "gone",
        0,
        "every feature of the predecessor is still there",
        of="features",
        blocking=False,
        remedy="Put them back, unless they were taken out on purpose.",
    ),
    at_most(
        "values_kept",
        "changed",
        0,
        "samples known before have the values they had",
        of="values",
        blocking=False,
        remedy="Compare the file with the earlier one; the same sample has other values.",
    ),
    at_most(
        "distributions_kept",
        "drifted_share",
        0.05,
        "at most one feature in twenty is distributed differently",
        of="whole",
        blocking=False,
        remedy="Compare unit, transform and laboratory with those of the earlier file.",
    ),
)


def check_artefacts(
    matrix: pd.DataFrame, split: pd.Series, labels: pd.DataFrame
) -> list[CheckResult]:
    """Look for what a model could take for biology.

    Parameters
    ----------
    matrix
        (samples, features) as read, missing values allowed. Not the scaled one: clipping and
        imputation hide floors.
    split
        (samples,) in the order of the matrix.
    labels
        (samples, labels) in the order of the matrix, with its ``attrs``.
    """
    targets = downstream_targets(labels, split)
    leaks = leakage(matrix, targets)
    leaks.insert(0, "where", leaks["label"] + " = " + leaks["feature"])
    return run_checks(
        ARTEFACT_CHECKS,
        {
            "leakage": leaks,
            "scaling": cohort_scaling(matrix, targets),
            "batches": batch_effect(matrix, split, labels),
        },
    )


def check_drift(before: pd.DataFrame | None, after: pd.DataFrame) -> list[CheckResult]:
    """Compare a matrix with its predecessor.

    Parameters
    ----------
    before
        The matrix of the same task that was there until now; None for the first.
    after
        The matrix that is to take its place.
    """
    if before is None:
        nothing = pd.DataFrame()
        return run_checks(
            DRIFT_CHECKS, dict.fromkeys(("samples", "features", "values", "whole"), nothing)
        )
    found = drift(before, after)
    drifted = found.distances[found.distances > 0].sort_values(ascending=False)
    whole = {
        "most": ", ".join(map(str, drifted.index[:5])),
        "drifted_share": len(drifted) / max(1, len(found.distances)),
    }
    return run_checks(
        DRIFT_CHECKS,
        {
            "samples": pd.DataFrame({"sample": found.samples_gone, "gone": 1}),
            "features": pd.DataFrame({"feature": found.features_gone, "gone": 1}),
            "values": found.changed.rename_axis("feature").reset_index(name="changed"),
            "whole": pd.DataFrame([whole]),
        },
    )
