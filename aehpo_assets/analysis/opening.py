"""What opening a test showed: its scores beside what was validated, and what has to be said of it.

How openings are counted belongs to ``aehpo_assets.store.openings``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.analysis.chosen_baselines import BASELINE_KEY
from aehpo_assets.hpo.columns import without_test
from aehpo_assets.hpo.objectives import TEST_SCORE


@dataclass(frozen=True)
class OpenedTest:
    """What ``test_results`` holds of one architecture and task.

    Attributes
    ----------
    runs
        One row a validated run: ``config_id``, ``seed``, the test score and ``opening``, the number
        of the opening by which it is shown.
    baselines
        One row a baseline that speaks for its method, with the test score.
    components
        Variance components of the test score over the sampled runs.
    influence
        One row a test sample: ``patient``, and what it adds to the test score of each candidate
        (:func:`aehpo_assets.analysis.new_patients.for_new_patients`).
    """

    runs: pd.DataFrame
    baselines: pd.DataFrame
    components: pd.DataFrame
    influence: pd.DataFrame

    @property
    def opening(self) -> int:
        """Number of the opening, from 1."""
        return int(self.runs["opening"].iloc[0])


def with_test_scores(
    validated: pd.DataFrame, baselines: pd.DataFrame, opened: OpenedTest
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Put what opening the test showed beside validated runs and baselines.

    Parameters
    ----------
    validated
        Validated recommendations, one row a candidate and seed.
    baselines
        As for :func:`aehpo_assets.analysis.chosen_baselines.tried_baselines`.
    opened
        What was opened.

    Returns
    -------
    validated, baselines : pandas.DataFrame
        The same rows with the test score; of baselines that were not chosen it is missing.
    """
    runs = opened.runs[["config_id", "seed", TEST_SCORE]]
    validated = without_test(validated).merge(runs, on=["config_id", "seed"], how="left")
    if opened.baselines.empty:
        return validated, without_test(baselines).assign(**{TEST_SCORE: math.nan})
    named = [name for name in BASELINE_KEY if name in baselines]
    chosen = opened.baselines[[*named, TEST_SCORE]]
    return validated, without_test(baselines).merge(chosen, on=named, how="left")


def opening_sentence(number: int, *, test_is_open: bool = False) -> str:
    """Say what an opening's number means for what it shows; empty for the first, of a closed test.

    Parameters
    ----------
    number
        Of the opening, from 1.
    test_is_open
        Whether the study shows the test scores of every run, so that nothing had to be opened.
    """
    if test_is_open:
        return (
            "The test of this study is open: its scores lay beside those that chose, and whatever "
            "was chosen may have been chosen by them."
        )
    if number == 1:
        return ""
    return (
        f"This is opening {number} of these test samples: what was chosen since the first may have "
        "been chosen by what it showed."
    )
