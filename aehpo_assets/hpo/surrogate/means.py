"""What a surrogate is fitted on: means of configurations, and the noise of each.

The noise of a replicate is measured where configurations have several. Where none has, it is the
nugget of the largest likelihood, and no less than what other tasks show: one run in each place
cannot tell noise from a function that is rough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import OBJECTIVE
from aehpo_assets.hpo.surrogate.kernel import (
    FIRST_ROWS,
    Kernel,
    centre_and_scale,
    fit_kernel,
)
from aehpo_assets.noise.pooled import SPLIT, mean_noise

FEWEST_DEGREES = 8
"""Degrees of freedom from which on a noise counts as known: with fewer, its standard deviation is
uncertain by more than a quarter."""


@dataclass(frozen=True)
class ConfigurationMeans:
    """The configurations of a task with what one objective says of them, on the model scale.

    Attributes
    ----------
    config_ids
        (rows,) in the order in which they first occur.
    y
        (rows,) means over replicates, what splits do to all alike taken out.
    replicates
        (rows,) how many there are.
    variance
        (rows,) variance of a single replicate of each, shrunken to that of all; NaN where nothing
        is known.
    degrees
        (rows,) degrees of freedom that this is known with; infinitely many where it was not
        measured, but is what is most likely.
    noise
        Variance of a single replicate over all configurations; NaN where nothing is known.
    noise_known
        Whether it was measured by replicates, of :data:`FEWEST_DEGREES` degrees of freedom at
        least.
    """

    config_ids: np.ndarray
    y: np.ndarray
    replicates: np.ndarray
    variance: np.ndarray
    degrees: np.ndarray
    noise: float
    noise_known: bool

    @property
    def of_means(self) -> np.ndarray:
        """(rows,) variance of the noise of each mean."""
        return self.variance / self.replicates

    @property
    def reliability(self) -> float:
        """Share of the variance of the means that is no noise; NaN where the noise is not known.

        It is the highest R2 that a model can have when it is held against such means.
        """
        spread = float(self.y.var(ddof=1)) if len(self.y) > 1 else 0.0
        if not self.noise_known or not spread > 0:
            return float("nan")
        return float(np.clip(1 - self.noise * (1 / self.replicates).mean() / spread, 0, 1))


def configuration_means(runs: pd.DataFrame, objective: str) -> ConfigurationMeans:
    """Average the runs of each configuration of a task, and measure how noisy the means are.

    Parameters
    ----------
    runs
        Evaluations of one task (:func:`aehpo_assets.hpo.evaluations.evaluation_table`).
    objective
        Which objective.
    """
    values = OBJECTIVE[objective].to_model_scale(runs[objective].to_numpy())
    kept = [name for name in ("config_id", "seed", SPLIT) if name in runs]
    failed = runs.get("failed", pd.Series(False, index=runs.index))
    # A configuration that fails now and then has a noise that says nothing of the others.
    steady = ~failed.groupby(runs["config_id"], sort=False).any()
    found = mean_noise(runs[kept].assign(value=values), "value", steady)
    known = found.pooled is not None and found.pooled.degrees >= FEWEST_DEGREES
    table = found.table
    return ConfigurationMeans(
        table.index.to_numpy(),
        table["mean"].to_numpy(),
        table["replicates"].to_numpy("float64"),
        table["variance"].to_numpy() if known else np.full(len(table), np.nan),
        table["degrees"].to_numpy() if known else np.full(len(table), np.inf),
        found.pooled.variance if known and found.pooled is not None else float("nan"),
        known,
    )


def with_likely_noise(
    means: ConfigurationMeans, X: np.ndarray, seed: int, of_others: Sequence[float]
) -> tuple[ConfigurationMeans, Kernel]:
    """Say what the noise probably is, where it was not measured.

    Parameters
    ----------
    means
        Of a task.
    X
        (rows, columns) its encoded configurations.
    seed
        Seed of the draw of rows, where there are more than
        :data:`aehpo_assets.hpo.surrogate.kernel.FIRST_ROWS`.
    of_others
        The noise of the same objective on tasks where it was measured. The smallest is the least
        that it is.

    Returns
    -------
    means : ConfigurationMeans
        With the noise that is most likely.
    kernel : Kernel
        The one that is most likely with it.
    """
    least = min(of_others, default=0.0)
    kernel = fit_kernel(
        X,
        means.y,
        least / means.replicates,
        seed,
        replicates=means.replicates,
        most=FIRST_ROWS,
    )
    noise = least + kernel.nugget * centre_and_scale(means.y)[1] ** 2
    return replace(means, variance=np.full(len(X), noise), noise=noise), kernel
