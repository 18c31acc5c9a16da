"""An emulator of replicated runs: true scores, and replicates of them with real residuals.

Its means are of another family (extremely randomised trees) than the surrogate's, fitted on the
configuration means of runs that were really trained; its residuals are those runs' own, resampled.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.split_effects import without_split_effects
from aehpo_assets.hpo.surrogate.encoding import Encoder
from aehpo_assets.noise.pooled import SPLIT
from aehpo_assets.space import SearchSpace, config_id_of, sample_configurations
from aehpo_assets.store.provenance import named_seed

LEVEL, DEVIATION = 0.70, 0.07
"""Mean and standard deviation of the true scores of sampled configurations. The deviation is that
of 96 configurations of colorectal tumours; the level keeps scores below 1, where noise ends."""

SPLIT_DEVIATION = 0.03
"""Standard deviation of what a split adds to all configurations alike."""

FOREST, ROUGH, UNEVEN, FLAT = "forest", "rough", "uneven", "flat"
KINDS = (FOREST, ROUGH, UNEVEN)
"""What is true: a forest; the same, with a part of the variance that no hyperparameter explains, so
that every surrogate is wrong; the same, with a noise that differs between configurations."""

_UNEXPLAINED = 0.3
"""Share of the variance that no hyperparameter explains, in the rough kind."""

_UNEVEN = 0.5
"""Standard deviation of the logarithm of the noise of configurations, in the uneven kind."""

_REFERENCE = 512
"""Configurations by which level and deviation of the truth are set."""


@dataclass(frozen=True)
class Trained:
    """What really trained runs of one architecture and task say.

    Attributes
    ----------
    X
        (configurations, columns) encoded.
    means
        (configurations,) mean valid scores, what splits do to all alike taken out.
    residuals
        What single replicates lie from them; variance 1.
    """

    X: np.ndarray
    means: np.ndarray
    residuals: np.ndarray


def trained(runs: pd.DataFrame, space: SearchSpace) -> Trained:
    """Read replicated runs.

    Parameters
    ----------
    runs
        Run results of one architecture and task.
    space
        The architecture's search space.

    Raises
    ------
    InputError
        If fewer than ten configurations have two finished runs.
    """
    table = runs[(runs["status"] == "ok") & runs[VALID_SCORE].notna()].reset_index(drop=True)
    counts = table.groupby("config_id")["seed"].transform("size")
    table = table[counts > 1].reset_index(drop=True)
    if table["config_id"].nunique() < 10:
        raise InputError(
            "an emulator needs ten configurations with two finished runs at least",
            key="replicates",
            remedy="Give the study replicates: 2 or more, and as many configurations.",
        )
    scores = table[VALID_SCORE].astype("float64")
    if SPLIT in table:
        scores = without_split_effects(scores, table["config_id"], table[SPLIT])
    groups = scores.groupby(table["config_id"], sort=False)
    # The mean of n replicates has taken 1 / n of their variance out of what is left.
    inflated = (scores - groups.transform("mean")) * np.sqrt(
        groups.transform("size") / (groups.transform("size") - 1)
    )
    first = table.drop_duplicates("config_id")
    return Trained(
        Encoder(space).matrix(first),
        groups.mean().to_numpy(),
        (inflated / inflated.std(ddof=0)).to_numpy(),
    )


@dataclass(frozen=True)
class Emulator:
    """One cohort on which everything can be trained for nothing, and whose truth is known.

    Attributes
    ----------
    space
        The search space.
    kind
        Of :data:`KINDS`, or ``flat``: all configurations are the same.
    noise
        Standard deviation of a replicate.
    seed
        Of all that is drawn.
    """

    space: SearchSpace
    kind: str
    noise: float
    seed: int
    forest: object
    encoder: Encoder
    shift: float
    scale: float
    residuals: np.ndarray

    @classmethod
    def of(
        cls, source: Trained, space: SearchSpace, kind: str, reliability: float, seed: int
    ) -> Emulator:
        """Make one of really trained runs.

        Parameters
        ----------
        source, space
            The runs; which of their configurations the truth is fitted on is drawn with
            replacement, so that no two studies have the same.
        kind
            Of :data:`KINDS`, or ``flat``.
        reliability
            Of one run: the share of the variance that lies between configurations.
        seed
            Of the study.
        """
        from sklearn.ensemble import ExtraTreesRegressor

        drawn = np.random.default_rng(named_seed(seed, "truth")).integers(
            len(source.means), size=len(source.means)
        )
        forest = ExtraTreesRegressor(
            100, min_samples_leaf=2, random_state=named_seed(seed, "forest") % 2**32
        ).fit(source.X[drawn], source.means[drawn])
        encoder = Encoder(space)
        reference = sample_configurations(space, _REFERENCE, named_seed(seed, "reference"))
        raw = forest.predict(encoder.matrix(reference))
        noise = DEVIATION * math.sqrt((1 - reliability) / reliability)
        scale = DEVIATION / raw.std()
        return cls(
            *(space, kind, noise, seed, forest, encoder),
            *(float(raw.mean()), float(scale), source.residuals),
        )

    def truth(self, configurations: pd.DataFrame) -> np.ndarray:
        """Return the true scores: (configurations,)."""
        if self.kind == FLAT:
            return np.full(len(configurations), LEVEL)
        raw = self.forest.predict(self.encoder.matrix(configurations))  # type: ignore[attr-defined]
        smooth = self.scale * (raw - self.shift)
        if self.kind != ROUGH:
            return LEVEL + smooth
        own = DEVIATION * self._own(self._ids(configurations), "unexplained")
        return LEVEL + math.sqrt(1 - _UNEXPLAINED) * smooth + math.sqrt(_UNEXPLAINED) * own

    def train(self, configurations: pd.DataFrame, replicates: Sequence[int]) -> np.ndarray:
        """Train configurations: (replicates, configurations) scores, the same whoever asks."""
        return np.clip(self.truth(configurations) + self.added(configurations, replicates), 0, 1)

    def added(
        self, configurations: pd.DataFrame, replicates: Sequence[int], whose: str = ""
    ) -> np.ndarray:
        """Return what replicates add to the true scores: (replicates, configurations).

        What the split adds is the replicate's; the rest belongs to configuration and replicate.

        Parameters
        ----------
        configurations, replicates
            What is trained, and the numbers of the replicates.
        whose
            Sets trainings apart that would be the same: of one configuration as two candidates.
        """
        ids = self._ids(configurations)
        noise = np.full(len(ids), self.noise)
        if self.kind == UNEVEN:
            # The mean variance over all configurations stays what it is.
            noise *= np.exp(_UNEVEN * self._own(ids, "noise") - _UNEVEN**2)
        drawn = [
            [self._stream(one, whose, replicate).choice(self.residuals) for one in ids]
            for replicate in replicates
        ]
        return self._splits(replicates)[:, None] + noise * np.array(drawn)

    def simple(self, truth: float, replicates: Sequence[int]) -> np.ndarray:
        """Score a method without training: (replicates,). Its noise is a third of a run's."""
        own = [self._stream("simple", replicate).standard_normal() for replicate in replicates]
        return truth + self._splits(replicates) + self.noise / 3 * np.array(own)

    def _splits(self, replicates: Sequence[int]) -> np.ndarray:
        drawn = [self._stream("split", replicate).standard_normal() for replicate in replicates]
        return SPLIT_DEVIATION * np.array(drawn)

    def _own(self, ids: Sequence[str], name: str) -> np.ndarray:
        return np.array([self._stream(one, name).standard_normal() for one in ids])

    def _ids(self, configurations: pd.DataFrame) -> list[str]:
        rows = configurations[self.space.names].to_dict("records")
        return [config_id_of(row) for row in rows]

    def _stream(self, *words: object) -> np.random.Generator:
        return np.random.default_rng(named_seed(self.seed, *map(str, words)))
