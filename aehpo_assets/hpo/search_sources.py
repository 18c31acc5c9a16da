"""Which source files a searcher's proposals hang on: part of the version of whatever was searched.

What else an artefact hangs on is named where it is made.
"""

from __future__ import annotations

SEARCH_SOURCES = tuple(
    f"aehpo_assets/hpo/{name}.py"
    for name in (
        "ask_tell",
        "botorch_searchers",
        "fast_searchers",
        "objectives",
        "optuna_searcher",
        "problem",
        "searcher_factories",
        "searchers",
        "syne_tune_fixes",
    )
)
"""Paths relative to the packages' parent."""
