"""What tells of the valid score before it is known: losses, R2, early epochs, freed of the noise.

What is seen of two quantities of the same runs is their correlation between configurations, mixed
with what seeds and splits do to each, and to both at once. Where configurations were trained more
than once, all of it can be told apart: the seed of one replicate knows nothing of the other's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.hpo.columns import VALID_SCORE
from aehpo_assets.store.provenance import named_seed

FEWEST = 10
"""Configurations below which no correlation is told."""

RESAMPLES = 200

LEAST_RELIABLE = 0.1
"""Reliability of one run, of score or signal, below which its correlation is mostly noise."""

COLUMNS = (
    "signal",
    "at",
    "correlation",
    "reliability",
    "true_correlation",
    "lower",
    "upper",
    "given_up",
    "configurations",
    "replicates",
)


def signals_of(
    results: pd.DataFrame, curves: pd.DataFrame, unit: str
) -> dict[tuple[str, int], pd.Series]:
    """Return what could tell of the score of a run: each loss and R2, at each fidelity.

    Parameters
    ----------
    results
        Run results of one architecture and task.
    curves
        Their learning curves; may be empty.
    unit
        Column of the fidelity: ``epoch`` or ``step``.

    Returns
    -------
    dict
        Signal and fidelity (0 at the end) to the value by ``(config_id, seed)``, turned so that
        more is better: losses have their sign changed.
    """
    names = [
        f"{part}_{name}"
        for part in ("train", "valid")
        for name in ("recon_loss", "vae_loss", "total_loss", "r2")
    ]
    found: dict[tuple[str, int], pd.Series] = {}
    for at, table in _by_fidelity(results, curves, unit):
        own = table.assign(config_id=table["config_id"].astype(str)).set_index(
            ["config_id", "seed"]
        )
        for name in (*names, *([VALID_SCORE] if at else [])):
            if name not in own:
                continue
            values = pd.to_numeric(own[name], errors="coerce").astype("float64")
            if values.nunique() > 1:
                found[name, at] = values if name.endswith("r2") or name == VALID_SCORE else -values
    return found


def _by_fidelity(
    results: pd.DataFrame, curves: pd.DataFrame, unit: str
) -> list[tuple[int, pd.DataFrame]]:
    finished = results[results["status"] == "ok"]
    if curves.empty:
        return [(0, finished)]
    early = sorted(curves[unit].unique())[:-1]
    return [*((int(at), curves[curves[unit] == at]) for at in early), (0, finished)]


def proxies(
    results: pd.DataFrame, signals: Mapping[tuple[str, int], pd.Series], seed: int = 0
) -> pd.DataFrame:
    """Say how well each signal ranks configurations as their valid scores do.

    All are rank correlations, by the ranks within a replicate, so that what a split does to all
    alike is no part of them. ``correlation`` is that of one run with its own score: what somebody
    sees who trained once. ``true_correlation`` is that between configurations: the covariance of
    the signal in one replicate with the score in another, over all pairs, divided by the standard
    deviations found likewise (what genetics calls a genetic correlation; Spearman's correction for
    attenuation, 1904, is its special case of independent errors).

    Parameters
    ----------
    results
        Run results of one architecture and task.
    signals
        Output of :func:`signals_of`.
    seed
        Seeds what is drawn for the intervals.

    Returns
    -------
    pandas.DataFrame
        One row a signal: ``signal``, ``at`` (fidelity, 0 at the end), ``correlation``,
        ``reliability`` (of one run's signal), ``true_correlation`` with ``lower`` and ``upper``
        (95 %, by 200 resamples of the configurations), ``given_up`` (mean valid score of the
        configuration that is best by its score in one replicate, less that of the one best by its
        signal there, both read in the other replicates), ``configurations`` and ``replicates``.
        What rests on replicates is NaN where there is one of each configuration, and the true
        correlation as well where one run of signal or score has a reliability below .1. Empty with
        fewer than ten configurations.
    """
    finished = results[results["status"] == "ok"]
    keyed = finished.assign(config_id=finished["config_id"].astype(str))
    score = keyed.set_index(["config_id", "seed"])[VALID_SCORE].astype("float64").dropna()
    rows = []
    for (name, at), values in signals.items():
        both = pd.DataFrame({"signal": values, "score": score}).dropna()
        wide = both.unstack("seed").dropna()
        if len(wide) < FEWEST:
            continue
        S, Y = wide["signal"].to_numpy(), wide["score"].to_numpy()
        found = tuple(map(float, _correlations(S, Y)))
        generator = np.random.default_rng(named_seed(seed, "proxies", name, str(at)))
        lower, upper = _interval(S, Y, generator) if not math.isnan(found[2]) else (math.nan,) * 2
        rows.append((name, at, *found, lower, upper, _given_up(S, Y), *S.shape))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _correlations(S: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Correlation of a run, reliability of a run's signal, and correlation between configurations.

    Parameters
    ----------
    S, Y
        (..., configurations, replicates) signal and score.

    Returns
    -------
    tuple of numpy.ndarray
        (...) each; the last is NaN where either is mostly noise, and all but the first with a
        single replicate.
    """
    s, y = _ranks(S), _ranks(Y)
    seen = (s * y).mean(axis=(-2, -1))
    if S.shape[-1] < 2:
        return seen, seen * np.nan, seen * np.nan
    of_signal, of_score, across = _between(s, s), _between(y, y), _between(s, y)
    reliable = np.minimum(of_signal, of_score) >= LEAST_RELIABLE
    scale = np.sqrt(np.where(reliable, of_signal * of_score, np.nan))
    return seen, of_signal, np.clip(across / scale, -1, 1)


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks of the configurations within each replicate, of mean 0 and variance 1."""
    from scipy.stats import rankdata

    ranks = rankdata(values, axis=-2)
    deviation = ranks.std(axis=-2, keepdims=True)
    centred = ranks - ranks.mean(axis=-2, keepdims=True)
    return np.divide(centred, deviation, out=np.zeros_like(centred), where=deviation > 0)


def _between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Mean covariance of the columns of one with the other columns of the other."""
    replicates = a.shape[-1]
    covariance = a.swapaxes(-1, -2) @ b / a.shape[-2]
    crossed = covariance.sum(axis=(-2, -1)) - np.trace(covariance, axis1=-2, axis2=-1)
    return crossed / (replicates * (replicates - 1))


def _interval(S: np.ndarray, Y: np.ndarray, generator: np.random.Generator) -> tuple[float, float]:
    """Percentiles of the true correlation over resampled configurations."""
    rows = generator.integers(0, len(S), (RESAMPLES, len(S)))
    found = _correlations(S[rows], Y[rows])[2]
    known = found[np.isfinite(found)]
    # Where the noise drowns it in many resamples, its interval is not known either.
    if len(known) < 0.9 * RESAMPLES:
        return math.nan, math.nan
    lower, upper = np.quantile(known, [0.025, 0.975])
    return float(lower), float(upper)


def _given_up(S: np.ndarray, Y: np.ndarray) -> float:
    """Score that is lost by choosing by the signal, read where neither chose."""
    replicates = S.shape[1]
    if replicates < 2:
        return math.nan
    gaps = []
    for own in range(replicates):
        others = np.delete(Y, own, axis=1).mean(axis=1)
        gaps.append(others[Y[:, own].argmax()] - others[S[:, own].argmax()])
    return float(np.mean(gaps))
