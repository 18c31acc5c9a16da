"""What pictures and reports call origins and baselines.

The names that tables use belong to the modules that write them, titles of objectives to
``aehpo_assets.hpo.objectives``.
"""

from __future__ import annotations

BEST_SAMPLED = "best_sampled"
RECOMMENDED = "recommended"
UNTUNED_DEFAULT = "untuned_default"
ORIGIN_NAMES = {
    RECOMMENDED: "recommendation",
    BEST_SAMPLED: "best sampled (retrained)",
    UNTUNED_DEFAULT: "untuned default",
}
"""Where a validated candidate comes from."""

BASELINE = "baseline"
OPPONENT_NAMES = {
    BEST_SAMPLED: ORIGIN_NAMES[BEST_SAMPLED],
    UNTUNED_DEFAULT: ORIGIN_NAMES[UNTUNED_DEFAULT],
    BASELINE: "baseline best on valid",
}
"""What a recommendation is compared with."""

BASELINE_NAMES = {"pca": "PCA", "umap": "UMAP", "random_features": "random features"}
"""Baselines by method, in the order in which they are shown."""

WITHOUT_SEED = ("pca",)
"""Baselines that are the same whatever the seed."""
