"""Names of the columns of run results that searches read: the engine writes them by these names.

What the numbers behind them mean to a search belongs to ``objectives``.
"""

RUNTIME = "training_runtime"
VALID_R2 = "valid_r2"
TEST_SCORE = "weighted_avg_auc_downstream_performance"
VALID_SCORE = f"{TEST_SCORE}_valid"

SCORES = (VALID_SCORE, TEST_SCORE)
"""The downstream scores, which need labels."""
