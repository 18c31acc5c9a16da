"""What pictures and reports call objectives, origins and baselines.

The names that tables use belong to the modules that write them.
"""

from __future__ import annotations

from aehpo_assets.hpo.objectives import RUNTIME, TEST_SCORE, VALID_R2, VALID_SCORE

OBJECTIVE_NAMES = {
    RUNTIME: "training runtime (s)",
    VALID_R2: "valid R²",
    VALID_SCORE: "weighted average AUC, valid",
    TEST_SCORE: "weighted average AUC, test",
}

BEST_SAMPLED = "best_sampled"
RECOMMENDED = "recommended"
UNTUNED_DEFAULT = "untuned_default"
ORIGIN_NAMES = {
    RECOMMENDED: "recommendation",
    BEST_SAMPLED: "best sampled (retrained)",
    UNTUNED_DEFAULT: "untuned default",
}
"""Where a validated candidate comes from."""

BASELINE_NAMES = {"pca": "PCA", "umap": "UMAP", "random_features": "random features"}
"""Baselines by method, in the order in which they are shown."""
