"""Which baseline of a method stands for it: chosen as recommendations are, by the valid score.

Of a method, several numbers of features and of dimensions are tried, and the best on valid is
chosen. Where a seed decides as well, the chosen one is computed again with fresh seeds, as a
recommendation is trained again, and these speak for it. Computing baselines belongs to
``aehpo_gpu.evaluation.baselines``.
"""

from __future__ import annotations

import pandas as pd

from aehpo_assets.hpo.objectives import VALID_SCORE

BASELINE_KEY = ("method", "latent_dim", "features", "replicate", "seed", "fresh")
"""Columns that name a baseline, as far as a table has them."""

FRESH = "fresh"
"""Column of baselines: whether a row repeats what was chosen, with a seed that chose nothing."""


def tried_baselines(baselines: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the rows of a method among which the valid score chooses.

    Parameters
    ----------
    baselines
        One row a method (a key of :data:`aehpo_assets.analysis.names.BASELINE_NAMES`),
        ``latent_dim``, and where they are known ``features``, ``seed``, ``fresh`` and
        ``replicate``, with the valid score.
    method
        The method.

    Returns
    -------
    pandas.DataFrame
        Those with a valid score, fewest dimensions and features first. Of several replicates the
        means, of what was tried in every one.
    """
    rows = baselines[(baselines["method"] == method) & baselines[VALID_SCORE].notna()]
    if FRESH in rows:
        rows = rows[~rows[FRESH].astype(bool)]
    if rows.empty:
        return rows
    order = [name for name in ("latent_dim", "features") if name in rows]
    if "replicate" in rows:
        cells = rows.groupby(order, sort=False)
        everywhere = cells["replicate"].transform("size") == rows["replicate"].nunique()
        means = rows[everywhere].groupby(order, sort=False, as_index=False).mean(numeric_only=True)
        rows = means.drop(columns=["replicate", "seed"], errors="ignore").assign(method=method)
    return rows.sort_values(order, kind="stable")


def chosen_baseline(baselines: pd.DataFrame, method: str) -> pd.DataFrame:
    """Return the rows that speak for a method.

    Parameters
    ----------
    baselines, method
        As for :func:`tried_baselines`.

    Returns
    -------
    pandas.DataFrame
        The repetitions of what the valid score chose, one a seed; the chosen row itself where it
        was not repeated; empty if nothing has a score.
    """
    tried = tried_baselines(baselines, method)
    if tried.empty:
        return tried
    if FRESH in baselines:
        own = (baselines["method"] == method) & baselines[VALID_SCORE].notna()
        repeated = baselines[own & baselines[FRESH].astype(bool)]
        if len(repeated):
            return repeated
    return tried.loc[[tried[VALID_SCORE].idxmax()]]
