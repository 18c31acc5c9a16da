"""How a matrix that landed again differs from the one before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_FEATURES = 1_000
MOST_SAMPLES = 1_000
SMALLEST_ARRIVAL = 20
"""New samples below which there is no distribution to compare."""

SIGNIFICANCE = 0.01
SMALLEST_EFFECT = 0.2


@dataclass(frozen=True)
class Drift:
    """Differences between a matrix and its predecessor.

    Attributes
    ----------
    samples_gone, features_gone
        Names that were there and are not any more.
    changed
        (shared features,) share of the samples known before whose value changed, by feature.
    distances
        (features compared,) Kolmogorov-Smirnov distance between the predecessor and the samples
        that are new, where it is both significant and large; 0 elsewhere. Without new samples, all
        samples of both are compared.
    """

    samples_gone: list[str]
    features_gone: list[str]
    changed: pd.Series
    distances: pd.Series


def drift(before: pd.DataFrame, after: pd.DataFrame) -> Drift:
    """Compare a matrix with its predecessor.

    Parameters
    ----------
    before, after
        (samples, features), missing values allowed.

    Returns
    -------
    Drift
        Distances count at a significance of 0.01 over all features together (Bonferroni) and a
        size of 0.2; at most 1,000 samples of each and 1,000 features are compared.
    """
    shared = before.index.intersection(after.index)
    features = before.columns.intersection(after.columns)
    old, new = before.loc[shared, features].to_numpy(), after.loc[shared, features].to_numpy()
    differ = ~np.isclose(old, new, rtol=1e-5, atol=1e-8, equal_nan=True)
    share = differ.mean(axis=0) if len(shared) else np.zeros(len(features))
    arrived = after.loc[after.index.difference(before.index), features]
    compared = arrived if len(arrived) >= SMALLEST_ARRIVAL else after[features]
    return Drift(
        samples_gone=[str(name) for name in before.index.difference(after.index)],
        features_gone=[str(name) for name in before.columns.difference(after.columns)],
        changed=pd.Series(share, index=features),
        distances=_distances(before[features], compared),
    )


def _distances(first: pd.DataFrame, second: pd.DataFrame) -> pd.Series:
    from scipy.stats import ks_2samp

    names = first.columns[:: max(1, first.shape[1] // MOST_FEATURES)]
    one, two = (
        frame[names].to_numpy()[:: max(1, len(frame) // MOST_SAMPLES)] for frame in (first, second)
    )
    found = np.zeros(len(names))
    for position in range(len(names)):
        left, right = (v[:, position][~np.isnan(v[:, position])] for v in (one, two))
        if len(left) and len(right):
            test = ks_2samp(left, right, method="asymp")
            if test.pvalue < SIGNIFICANCE / len(names) and test.statistic > SMALLEST_EFFECT:
                found[position] = test.statistic
    return pd.Series(found, index=names)
