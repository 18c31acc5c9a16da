"""The noise of one replicate, pooled over the configurations of a task.

A few replicates of one configuration say little of its noise; those of all configurations together
say enough. It is taken for the same for all of them: only autoencoders are pooled, and what has no
seed, such as PCA, is not among them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

SPLIT = "split_seed"
"""Column of the split of a run; without it, all runs have the same."""


@dataclass(frozen=True)
class Noise:
    """What a replicate adds to its configuration's mean.

    Attributes
    ----------
    variance
        Variance of a replicate, of a seed or, with several splits, of a split.
    degrees
        Degrees of freedom that the variance was estimated with.
    """

    variance: float
    degrees: int

    @property
    def deviation(self) -> float:
        """Standard deviation of a single replicate."""
        return math.sqrt(self.variance)

    def error(self, replicates: int) -> float:
        """Standard error of a mean of so many replicates."""
        return math.sqrt(self.variance / replicates)


def replicate_scores(runs: pd.DataFrame, score: str) -> pd.DataFrame:
    """Return one row a replicate: a seed, or, with several splits, all seeds of a split.

    Parameters
    ----------
    runs
        One row a run: ``config_id``, the score, and ``split_seed`` where there are several.
    score
        Name of the column.

    Returns
    -------
    pandas.DataFrame
        ``config_id``, ``split_seed``, ``score``.
    """
    split = runs[SPLIT] if SPLIT in runs else pd.Series(0, index=runs.index)
    table = pd.DataFrame({"config_id": runs["config_id"], SPLIT: split, "score": runs[score]})
    if table[SPLIT].nunique() < 2:
        return table.reset_index(drop=True)
    return table.groupby(["config_id", SPLIT], sort=False)["score"].mean().reset_index()


def replicate_noise(runs: pd.DataFrame, score: str) -> Noise | None:
    """Estimate the noise of a replicate within configurations.

    What a split does to all configurations alike is taken out: it moves no difference of two.

    Parameters
    ----------
    runs, score
        As for :func:`replicate_scores`; every score finite.

    Returns
    -------
    Noise or None
        None where no configuration has two replicates.
    """
    table = replicate_scores(runs.drop_duplicates(_identity(runs)), score)
    residuals, degrees = _residuals(table)
    if degrees < 1:
        return None
    return Noise(float((residuals**2).sum()) / degrees, degrees)


def _residuals(table: pd.DataFrame) -> tuple[pd.Series, int]:
    """Return what replicates lie from their configuration and split, and its degrees of freedom."""
    dummies = pd.get_dummies(table[SPLIT], drop_first=True, dtype="float64")
    swept = pd.concat([table["score"], dummies], axis=1)
    swept -= swept.groupby(table["config_id"], sort=False).transform("mean")
    values, splits = swept["score"].to_numpy(), swept[dummies.columns].to_numpy()
    shared, _, rank, _ = np.linalg.lstsq(splits, values, rcond=None)
    degrees = len(table) - table["config_id"].nunique() - int(rank)
    return pd.Series(values - splits @ shared, index=table.index), degrees


@dataclass(frozen=True)
class MeanNoise:
    """What the means of configurations are worth.

    Attributes
    ----------
    table
        Index the configurations, in the order in which they first occur: ``mean`` over the
        replicates, ``replicates``, ``variance`` of one of them, shrunken to the pooled one, and
        the ``degrees`` of freedom that this is known with (NaN and 0 where nothing is known).
    pooled
        The noise of one replicate over all configurations; None where no configuration has two.
    """

    table: pd.DataFrame
    pooled: Noise | None


def mean_noise(runs: pd.DataFrame, score: str, steady: pd.Series | None = None) -> MeanNoise:
    """Average the replicates of each configuration, and say how noisy that mean is.

    A configuration's own variance rests on a few replicates, and that of all together may not be
    its own. ``(d0 s2 + d v) / (d0 + d)`` lies between: ``v`` its own variance with ``d`` degrees of
    freedom, ``s2`` the pooled one, so that the mean over configurations stays what it is, and
    ``d0`` what that is worth, the larger the less the variances of configurations differ beyond
    chance. The model is that of Smyth (Statistical Applications in Genetics and Molecular Biology
    3, 2004); his ``d0`` solves an equation of moments, which two replicates leave anywhere from 1
    to infinity, and this one is the most probable with a prior from real studies.

    Parameters
    ----------
    runs, score
        As for :func:`replicate_noise`.
    steady
        Of each configuration, whether it counts for the pooled noise; all do by default. Those of
        which a run failed have a noise of their own.

    Returns
    -------
    MeanNoise
        ``variance`` is NaN where nothing is known.
    """
    scores = replicate_scores(runs.drop_duplicates(_identity(runs)), score)
    groups = scores.groupby("config_id", sort=False)["score"]
    table = pd.DataFrame({"mean": groups.mean(), "replicates": groups.size()})
    counted = scores
    if steady is not None:
        counted = scores[scores["config_id"].map(steady).to_numpy(dtype=bool)]
    residuals, degrees = _residuals(counted) if len(counted) else (counted["score"], 0)
    if degrees < 1:
        return MeanNoise(table.assign(variance=math.nan, degrees=0.0), None)
    noise = Noise(float((residuals**2).sum()) / degrees, degrees)
    squares = (scores["score"] - groups.transform("mean")).pow(2)
    squares.loc[residuals.index] = residuals**2
    own = squares.groupby(scores["config_id"], sort=False).sum()
    free = table["replicates"] - 1.0
    # The means of splits took their degrees of freedom from all configurations alike.
    of_counted = counted["config_id"].unique()
    free.loc[of_counted] *= degrees / free.loc[of_counted].sum()
    known = free.loc[of_counted][free.loc[of_counted] > 0]
    worth = _worth_of_pooled(own.loc[known.index] / known, known)
    if math.isinf(worth):
        variance = pd.Series(noise.variance, index=table.index)
    else:
        variance = (worth * noise.variance + own) / (worth + free)
    return MeanNoise(table.assign(variance=variance, degrees=worth + free), noise)


_LEAST_SHARE = 1e-5
"""Variances below this share of their mean count as that: equal replicates have no logarithm."""

_WORTH_PRIOR = (10.0, 1.0)
"""Median and standard deviation of the logarithm, before anything was seen. Of 24 to 40
configurations in six replicates each, the typical variance was worth 7 to 21 degrees of freedom for
three bulk cohorts, and 3 for single cells."""

_WORTHS = (1.0, 1000.0)


def _worth_of_pooled(variances: pd.Series, degrees: pd.Series) -> float:
    """Degrees of freedom that the pooled variance is worth beside a configuration's own.

    Over that of a typical configuration, variances are distributed as F (Smyth, section 3): the
    most probable degrees of freedom, with the most probable typical variance.
    """
    from scipy.optimize import minimize
    from scipy.stats import f

    mean = float(np.average(variances, weights=degrees))
    if not mean > 0:
        return math.inf
    ratios = (variances / mean).clip(lower=_LEAST_SHARE).to_numpy()
    own = degrees.to_numpy()
    middle, spread = math.log(_WORTH_PRIOR[0]), _WORTH_PRIOR[1]

    def loss(logs: np.ndarray) -> float:
        likely = f.logpdf(ratios, own, math.exp(logs[0]), scale=math.exp(logs[1])).sum()
        return float(0.5 * ((logs[0] - middle) / spread) ** 2 - likely)

    bounds = [tuple(map(math.log, _WORTHS)), (math.log(_LEAST_SHARE), math.log(10.0))]
    return math.exp(minimize(loss, [middle, 0.0], bounds=bounds, method="L-BFGS-B").x[0])


def pooled(*noises: Noise | None) -> Noise | None:
    """Return the noise that several estimates say together, each by its degrees of freedom."""
    known = [noise for noise in noises if noise is not None]
    if not known:
        return None
    degrees = sum(noise.degrees for noise in known)
    return Noise(sum(noise.variance * noise.degrees for noise in known) / degrees, degrees)


def _identity(runs: pd.DataFrame) -> list[str]:
    """Columns that name a run: one that has two origins was trained once."""
    return [name for name in ("config_id", SPLIT, "seed") if name in runs]
