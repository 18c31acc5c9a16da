"""What a split does to all configurations alike, taken out where they were not all trained on it.

A configuration's value is the mean over its replicates. Where some have more or other replicates
than the rest, one that happened to get an easy split would rank above its equals.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.known_best import between_and_within

_ROUNDS = 12
"""Far more than the variances and the effects need to settle."""


def without_split_effects(
    values: pd.Series, configurations: pd.Series, splits: pd.Series
) -> pd.Series:
    """Bring the runs of a task to the same splits.

    ``value = split + configuration + residual``, with a fixed effect of each split and a random
    one of each configuration, by generalised least squares: a configuration that was trained again
    because its first runs were lucky falls back, and a fixed effect of configurations would blame
    the new splits for it. Equal to the difference of means where every configuration has every
    split.

    Parameters
    ----------
    values
        One number a run, finite.
    configurations, splits
        Of each run, on the same index.

    Returns
    -------
    pandas.Series
        The values less the effect of their split, the effects being centred over the runs. The
        very values where all configurations have the same runs on the same splits.
    """
    counts = pd.crosstab(configurations, splits)
    if (counts == counts.iloc[0]).all(axis=None):
        return values
    design = pd.get_dummies(splits).astype("float64")
    means = design.groupby(configurations).transform("mean")
    average = values.groupby(configurations).transform("mean")
    runs = values.groupby(configurations).transform("size")
    effect = values * 0.0
    # The variances are those without the effects, and the effects need the variances.
    for _ in range(_ROUNDS):
        between, within = between_and_within(values - effect, configurations)
        share = within / (within + runs * between) if between + within > 0 else runs * 0.0
        weight = 1 - np.sqrt(share)
        white = design - means.mul(weight, axis=0)
        seen = (values - weight * average).to_numpy("float64")
        effects = np.linalg.lstsq(white.to_numpy(), seen, rcond=None)[0]
        effect = pd.Series(design.to_numpy() @ effects, index=values.index)
        effect -= effect.mean()
    return values - effect
