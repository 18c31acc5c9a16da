"""When a verdict of the demo contradicts the simulated truth, and when it does not."""

from __future__ import annotations

import pandas as pd
import pytest

from benchmarks.demo_seeds import beside_truth, study

KNOWN = pd.DataFrame({"modality": ["rna", "meth"], "to_gain": [0.0, 0.08]})


@pytest.mark.parametrize(
    ("task", "outcome", "lower", "contradicts"),
    [
        ("cohort_rna", "better", 0.01, True),
        ("cohort_rna", "better", -0.01, False),
        ("cohort_rna", "not yet", 0.01, False),
        ("cohort_rna", "worse", -0.05, False),
        ("cohort_meth", "better", 0.01, False),
        ("cohort_meth", "better", 0.09, True),
        ("cohort_meth", "worse", -0.05, False),
    ],
)
def test_only_a_gain_beyond_the_truth_contradicts_it(
    task: str, outcome: str, lower: float, contradicts: bool
) -> None:
    found = pd.DataFrame([{"task": task, "outcome": outcome, "lower": lower}])
    (row,) = beside_truth(found, KNOWN).to_dict("records")
    assert row["contradicts"] == contradicts


def test_the_study_is_the_demo_on_both_modalities_that_differ() -> None:
    assert set(study()["tasks"]) == {"cohort_rna", "cohort_meth"}
