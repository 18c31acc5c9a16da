"""What is known of the noise of one architecture's runs on one task: as tables, and in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.noise.components import VarianceComponents, variance_components
from aehpo_assets.noise.pooled import SPLIT, Noise
from aehpo_assets.noise.power import smallest_gain

REPLICATES = (1, 2, 3, 4, 5, 7, 10, 15, 20, 30, 40)
"""Numbers of replicates that are shown."""

REMEDY = "Give the study at least two seeds."

PARTS = ("configuration", "split", "interaction", "seed")
"""Variance components, as columns."""


def noise_tables(
    runs: pd.DataFrame, scores: Mapping[str, tuple[float, float]]
) -> dict[str, pd.DataFrame]:
    """Estimate the noise of every score of one architecture and task.

    Parameters
    ----------
    runs
        One row a run: ``config_id``, ``seed``, ``status``, the scores, and ``split_seed`` where
        there are several splits. A run that did not finish, or lacks the score, is left out.
    scores
        Name of each score to the bounds that it is clipped to; those that no run has are left out.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``components``, one row a score: ``score, known, configurations, splits, runs, left_out``,
        the variances ``configuration, split, interaction, seed`` (NaN where they cannot be told),
        ``replicate`` (variance of a replicate about its configuration's mean), ``degrees`` (of
        freedom), ``deviation`` (standard deviation of a replicate), ``reliability`` (of a single
        run). ``by_replicates``, one row a known score and number of replicates: ``score,
        replicates, reliability`` (of their mean, and so the highest R2 that a model can have when
        it is held against such means), ``standard_error`` (of their mean), ``smallest_gain`` (that
        a comparison of two such means finds with a power of 80 %).
    """
    there = {name: bounds for name, bounds in scores.items() if name in runs}
    found = [_components(runs, name, *bounds) for name, bounds in there.items()]
    components = pd.DataFrame([row for row, _ in found], columns=_COLUMNS).astype({"known": bool})
    rows = [
        {
            "score": row["score"],
            "replicates": count,
            "reliability": parts.reliability(count),
            "standard_error": math.sqrt(parts.replicate / count),
            "smallest_gain": smallest_gain(count, parts.replicate),
        }
        for row, parts in found
        if parts is not None
        for count in REPLICATES
    ]
    columns = ["score", "replicates", "reliability", "standard_error", "smallest_gain"]
    return {"components": components, "by_replicates": pd.DataFrame(rows, columns=columns)}


_COLUMNS = [
    *("score", "known", "configurations", "splits", "runs", "left_out", *PARTS),
    *("replicate", "degrees", "deviation", "reliability"),
]


def _components(
    runs: pd.DataFrame, score: str, lowest: float, highest: float
) -> tuple[dict[str, Any], VarianceComponents | None]:
    values = pd.to_numeric(runs[score], errors="coerce").astype("float64")
    finished = ((runs["status"] == "ok") & np.isfinite(values)).to_numpy()
    table = pd.DataFrame(
        {
            "config_id": runs["config_id"].astype(str),
            SPLIT: runs.get(SPLIT, 0),
            "score": values.clip(lowest, highest),
        }
    )[finished]
    row: dict[str, Any] = {
        "score": score,
        "known": False,
        "configurations": int(table["config_id"].nunique()),
        "splits": int(table[SPLIT].nunique()),
        "runs": len(table),
        "left_out": int((~finished).sum()),
        **dict.fromkeys((*PARTS, "replicate", "deviation", "reliability"), math.nan),
        "degrees": 0,
    }
    parts = variance_components(table) if len(table) else None
    if parts is None:
        return row, None
    known = {
        "known": True,
        **{name: getattr(parts, name) for name in PARTS},
        "replicate": parts.replicate,
        "degrees": parts.degrees,
        "deviation": math.sqrt(parts.replicate),
        "reliability": parts.reliability(),
    }
    return row | known, parts


def known_noise(components: pd.DataFrame | None, score: str) -> Noise | None:
    """Return the noise of a replicate from a table of components; None where it is not known."""
    if components is None:
        return None
    rows = components[(components["score"] == score) & components["known"]]
    if rows.empty:
        return None
    return Noise(float(rows["replicate"].iloc[0]), int(rows["degrees"].iloc[0]))


def sentence(components: pd.DataFrame, score: str) -> str:
    """Say in words how far a single run of a score can be relied on.

    Parameters
    ----------
    components
        As of :func:`noise_tables`.
    score
        The score that is meant.
    """
    rows = components[components["score"] == score]
    if rows.empty or not rows["runs"].iloc[0]:
        return "The noise is not known: no run has the score."
    row = rows.iloc[0]
    if not row["known"]:
        why = "there is one configuration"
        if row["configurations"] > 1:
            why = "every configuration was trained once"
        return f"The noise is not known: {why}. {REMEDY}"
    text = f"The standard deviation of one run is {row['deviation']:.3f}"
    if math.isnan(row["reliability"]):
        return f"{text}: the score does not vary."
    three, most = (smallest_gain(count, row["replicate"]) for count in (3, REPLICATES[-1]))
    return (
        f"The reliability of one run is {row['reliability']:.2f}: that share of the variance lies "
        f"between configurations. {text}: with a power of 80 %, 3 replicates of each side decide a "
        f"gain of {three:.3f}, {REPLICATES[-1]} one of {most:.3f}."
    )
