"""The objectives of a run: their names, order, bounds, and which of them a search may see.

Here belongs what the numbers mean. How they are tabulated belongs to ``evaluations``.
"""

from __future__ import annotations

RUNTIME = "training_runtime"
VALID_R2 = "valid_r2"
VALID_SCORE = "weighted_avg_auc_downstream_performance_valid"
TEST_SCORE = "weighted_avg_auc_downstream_performance"

OBJECTIVES = (RUNTIME, VALID_R2, VALID_SCORE, TEST_SCORE)
"""Every objective of a blackbox, in the order of its columns."""

MAXIMISED = (VALID_R2, VALID_SCORE, TEST_SCORE)
"""Objectives of which more is better; the runtime is the only one of which less is."""

FAILED_SCORE = 0.5
"""AUC that a diverged or failed run counts as: a latent space that tells nothing apart."""


def loss_sign(objective: str) -> int:
    """Return the factor that turns an objective into a loss: -1 if more is better, else 1."""
    return -1 if objective in MAXIMISED else 1
