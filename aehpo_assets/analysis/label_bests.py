"""The best configuration for each label, beside the baselines."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from aehpo_assets.analysis.associations import outcomes_of
from aehpo_assets.analysis.chosen_baselines import chosen_baseline
from aehpo_assets.analysis.names import BASELINE_NAMES

COLUMNS = ("label", "config_id", "seen", "elsewhere", "best_baseline", "baseline", "configurations")


def label_bests(results: pd.DataFrame, baselines: pd.DataFrame) -> pd.DataFrame:
    """Return what scores best for each label, and what the best baseline scores for it.

    The best of many noisy means is partly luck. So the score of a choice is also read where it was
    not made: chosen by every replicate in turn, and read in the others.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    baselines
        Baselines of the task (:func:`aehpo_assets.analysis.chosen_baselines.chosen_baseline`); may
        be empty.

    Returns
    -------
    pandas.DataFrame
        One row a label, the weighted average among them, on valid: ``label`` (the column),
        ``config_id`` (best by its mean), ``seen`` (that mean), ``elsewhere`` (mean of what each
        replicate chose, in the other replicates; NaN with one), ``best_baseline`` and ``baseline``
        (the method that is best for the label, and its mean in replicates that chose nothing,
        where there are any) and ``configurations``.
    """
    finished = results[results["status"] == "ok"]
    finished = finished.assign(config_id=finished["config_id"].astype(str))
    labels = [name for name, kind in outcomes_of(finished).items() if kind == "labels"]
    speaking = {
        method: rows.mean(numeric_only=True)
        for method in BASELINE_NAMES
        if len(baselines) and len(rows := chosen_baseline(baselines, method))
    }
    rows = []
    for label in labels:
        wide = finished.pivot(index="config_id", columns="seed", values=label).dropna()
        if wide.empty:
            continue
        means = wide.mean(axis=1)
        best = str(means.idxmax())
        scored = {
            m: float(v[label])
            for m, v in speaking.items()
            if not math.isnan(v.get(label, math.nan))
        }
        method = max(scored, key=lambda name: scored[name], default="")
        elsewhere = _elsewhere(wide.to_numpy("float64"))
        beside = (method, scored.get(method, math.nan))
        rows.append((label, best, float(means.max()), elsewhere, *beside, len(wide)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _elsewhere(scores: np.ndarray) -> float:
    """Mean score of the best of each replicate in the other ones; (configurations, replicates)."""
    replicates = scores.shape[1]
    if replicates < 2:
        return math.nan
    read = [np.delete(scores[scores[:, own].argmax()], own).mean() for own in range(replicates)]
    return float(np.mean(read))
