"""Which source files a searcher's proposals depend on: part of the version of what was searched.

What else an artefact depends on is named where it is made.
"""

from __future__ import annotations

SEARCH_SOURCES = tuple(
    f"aehpo_assets/hpo/{name}.py"
    for name in (
        "aligned_botorch",
        "ask_tell",
        "batched_bore",
        "batched_cqr",
        "bore_searchers",
        "botorch_searchers",
        "candidates",
        "cqr_searchers",
        "kde_searchers",
        "multi_objective_searchers",
        "objectives",
        "optuna_scheduler",
        "optuna_searchers",
        "problem",
        "random_searchers",
        "scaled_kde",
        "searcher_kinds",
        "searchers",
        "seeds",
        "syne_tune_fixes",
        "transfer_schedulers",
        "transfer_searchers",
    )
)
"""Paths relative to the packages' parent."""
