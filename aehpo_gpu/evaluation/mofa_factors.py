"""What the factors of a joint task are of: all its modalities, or one; and how many there are.

How many is chosen by what a model says of entries of train that it did not see: neither labels nor
other samples decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.analysis.shared_factors import (
    COUNTS,
    NOTHING,
    REPRODUCED,
    SHARED,
    kinds,
    ordered,
    unit_columns,
)
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.evaluation.mofa import fit_mofa

MASKED = 0.1
"""Share of the entries of train that a model does not see."""

REFITS = 2
"""Other fits, by which a factor is said to be there again."""

NEARLY = 0.005
"""R2 that another number of factors has to add: MOFA empties those that it does not need."""


@dataclass(frozen=True)
class Factors:
    """The factors of a joint task.

    Attributes
    ----------
    masked
        Number of factors to R2 of masked entries, a mean over the modalities.
    explained
        (factors, modalities) share of the variance of train; factors by what they explain together,
        descending.
    values
        (train samples, factors), in that order.
    weights
        (features, factors) of each modality, in that order.
    reproduced
        (factors,) the least that a factor correlates with its likeness in :data:`REFITS` fits from
        other starts, by size.
    """

    masked: dict[int, float]
    explained: pd.DataFrame
    values: pd.DataFrame
    weights: dict[str, pd.DataFrame]
    reproduced: pd.Series

    @property
    def chosen(self) -> int:
        """How many there are, see :func:`fewest_enough`."""
        return fewest_enough(self.masked)

    @property
    def sentence(self) -> str:
        """How many factors there are, and of what."""
        of = kinds(self.explained).value_counts()
        specific = "".join(f", {of.get(name, 0)} of {name} alone" for name in self.explained)
        r2, again = self.masked[self.chosen], int((self.reproduced >= REPRODUCED).sum())
        return (
            f"{self.chosen} factors are enough by masked entries (R2 {r2:.3f}): "
            f"{of.get(SHARED, 0)} of several modalities{specific}, {of.get(NOTHING, 0)} of none "
            f"({COUNTS:.0%} of its variance or more). {again} are there again in {REFITS} fits "
            f"from other starts (correlation {REPRODUCED} or more)."
        )


def fewest_enough(masked: Mapping[int, float]) -> int:
    """Return the fewest factors that say nearly as much of masked entries as any number does.

    Parameters
    ----------
    masked
        Number of factors to R2 of masked entries.
    """
    enough = max(masked.values()) - NEARLY
    return min(number for number, r2 in masked.items() if r2 >= enough)


def factors_of(views: Mapping[str, np.ndarray], dims: Sequence[int], seed: int) -> Factors:
    """Choose a number of factors, and say what each explains.

    Parameters
    ----------
    views
        (train samples, features) of each modality, none missing.
    dims
        Numbers to choose from.
    seed
        Of the fits, and of the entries that are masked.
    """
    values = list(views.values())
    masked = {int(dim): masked_r2(values, int(dim), seed) for dim in dims}
    chosen = fewest_enough(masked)
    fitted = fit_mofa(values, chosen, named_seed(seed, "mofa"))
    explained = pd.DataFrame(fitted.variance_explained(values), columns=list(views))
    shares, factors = ordered(explained, fitted.factors)
    of_modality = zip(views, fitted.weights, strict=True)
    weights = {name: ordered(explained, own)[1] for name, own in of_modality}
    likenesses = []
    for number in range(REFITS):
        again = fit_mofa(values, chosen, named_seed(seed, "mofa", f"again {number}")).factors
        correlations = unit_columns(factors.to_numpy()).T @ unit_columns(again)
        likenesses.append(np.abs(correlations).max(axis=1))
    reproduced = pd.Series(np.min(likenesses, axis=0), factors.columns)
    return Factors(masked, shares, factors, weights, reproduced)


def masked_r2(views: Sequence[np.ndarray], factors: int, seed: int) -> float:
    """Return R2 of entries that a model did not see, a mean over the modalities.

    Parameters
    ----------
    views
        (samples, features) of each modality, none missing.
    factors
        Number of factors.
    seed
        As of :func:`factors_of`; the same entries are masked whatever the number.
    """
    source = np.random.default_rng(named_seed(seed, "mofa", "masked"))
    holes = [source.random(view.shape) < MASKED for view in views]
    seen = [np.where(hole, np.nan, view) for view, hole in zip(views, holes, strict=True)]
    fitted = fit_mofa(seen, factors, named_seed(seed, "mofa"))
    found = []
    learnt = zip(views, holes, fitted.centres, fitted.weights, strict=True)
    for view, hole, centre, weights in learnt:
        error = (view - centre - fitted.factors @ weights.T)[hole]
        found.append(1 - (error**2).sum() / ((view - centre)[hole] ** 2).sum())
    return float(np.mean(found))
