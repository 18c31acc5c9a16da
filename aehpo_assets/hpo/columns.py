"""Names of the columns of run results that searches read: the engine writes them by these names.

Here belongs as well which columns tell of the test samples: a run is scored on them when it is
trained, but only ``test_results`` shows it. What the numbers behind the names mean to a search
belongs to ``objectives``.
"""

import re

import pandas as pd

RUNTIME = "training_runtime"
VALID_R2 = "valid_r2"
VALID_LOSS = "valid_total_loss"
TEST_SCORE = "weighted_avg_auc_downstream_performance"
VALID_SCORE = f"{TEST_SCORE}_valid"

SCORES = (VALID_SCORE, TEST_SCORE)
"""The downstream scores, which need labels."""

INFLUENCE = "test_influence"
"""What each test sample adds to the test score, where that is asked for."""

PATIENT = "patient"
"""Column of what test samples were drawn by: the group of a sample, or the sample itself."""

_OF_TEST = re.compile(rf"test_(\w+_loss|r2)|(auc|r2)_.+_test|{TEST_SCORE}|{INFLUENCE}", re.DOTALL)


def columns_of_test(table: pd.DataFrame) -> list[str]:
    """Columns of a table of runs, curves or baselines that tell of the test samples."""
    return [str(name) for name in table.columns if _OF_TEST.fullmatch(str(name))]


def without_test(table: pd.DataFrame) -> pd.DataFrame:
    """Return a table of runs, curves or baselines without what tells of the test samples."""
    return table.drop(columns=columns_of_test(table))
