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
    dummies = pd.get_dummies(table[SPLIT], drop_first=True, dtype="float64")
    swept = pd.concat([table["score"], dummies], axis=1)
    swept -= swept.groupby(table["config_id"], sort=False).transform("mean")
    values, splits = swept["score"].to_numpy(), swept[dummies.columns].to_numpy()
    shared, _, rank, _ = np.linalg.lstsq(splits, values, rcond=None)
    degrees = len(table) - table["config_id"].nunique() - int(rank)
    if degrees < 1:
        return None
    return Noise(float(((values - splits @ shared) ** 2).sum()) / degrees, degrees)


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
