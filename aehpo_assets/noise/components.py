"""Variance components of replicated runs: configuration, split, their interaction, seed.

A replicate of a configuration is a seed *and* a split, and every configuration has the same
splits. The score of configuration ``c`` on split ``s`` with seed ``r`` is taken for::

    score = mean_s + configuration_c + interaction_cs + seed_csr

with a fixed mean of every split, since what a split does to all configurations alike ranks nothing,
and independent normal effects of the rest. Their variances are estimated by restricted maximum
likelihood (Patterson & Thompson, Biometrika 58, 1971), which takes unequal numbers of replicates
and equals the analysis of variance where the numbers are equal and no variance is zero.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

_EXACT = {"ftol": 1e-13, "gtol": 1e-7}

_LOWEST_SHARE = 1e-6
"""Share of the total variance below which nothing is searched."""

_ZERO_SHARE = 1e-5
"""A component below this share of the total variance is zero: the optimiser tells no less."""


@dataclass(frozen=True)
class VarianceComponents:
    """Where the differences between scores come from.

    Attributes
    ----------
    configuration
        Variance between configurations over all splits: what a study is looking for. With a single
        split it holds the interaction too, which cannot be told from it.
    split
        Variance that splits add to all configurations alike; NaN with a single split.
    interaction
        Variance of how differently configurations take a split; NaN where every split was trained
        with one seed (``seed`` holds it then) or there is one split.
    seed
        Variance between seeds of one configuration on one split.
    configurations, splits, runs
        Numbers that the estimates rest on.
    degrees
        Degrees of freedom of the variance of a replicate: runs less the means they were measured
        from.
    """

    configuration: float
    split: float
    interaction: float
    seed: float
    configurations: int
    splits: int
    runs: int
    degrees: int

    @property
    def replicate(self) -> float:
        """Variance of a single replicate (one seed on one split) about its configuration's mean.

        The effect that a split has on all configurations is not in it.
        """
        return self.seed + (0.0 if math.isnan(self.interaction) else self.interaction)

    def reliability(self, replicates: int = 1) -> float:
        """Share of the variance of means of so many replicates that lies between configurations.

        It is the squared correlation of what is seen with what is true; NaN where scores do not
        vary at all.

        Parameters
        ----------
        replicates
            Number of replicates of every configuration, each on a split of its own.
        """
        seen = self.configuration + self.replicate / replicates
        return self.configuration / seen if seen > 0 else math.nan


def variance_components(runs: pd.DataFrame) -> VarianceComponents | None:
    """Estimate the variance components of replicated runs.

    Parameters
    ----------
    runs
        One row a run: ``config_id``, ``split_seed``, ``score``, all finite. Configurations may
        have different numbers of replicates; those with one run count for what they tell.

    Returns
    -------
    VarianceComponents or None
        None if no configuration has two runs, or there is only one configuration: nothing can be
        known of the noise then.

    Raises
    ------
    ValueError
        If a score is not finite.
    """
    scores = runs["score"].to_numpy("float64")
    if not np.isfinite(scores).all():
        raise ValueError("every run needs a finite score")
    configurations = int(runs["config_id"].nunique())
    if configurations < 2 or len(runs) == configurations:
        return None
    splits = int(runs["split_seed"].nunique())
    repeated = bool(runs.duplicated(["config_id", "split_seed"]).any())
    design = _Design.of(runs)
    # With one split, or one seed on every split, the interaction cannot be told from its neighbour.
    separate = splits > 1 and repeated
    variances = design.fit(separate)
    configuration, interaction, seed = variances
    cells = len(runs.drop_duplicates(["config_id", "split_seed"]))
    means = cells if separate else configurations + splits - 1
    return VarianceComponents(
        configuration=configuration,
        split=design.split_variance(np.array(variances)) if splits > 1 else math.nan,
        interaction=interaction if separate else math.nan,
        seed=seed,
        configurations=configurations,
        splits=splits,
        runs=len(runs),
        degrees=max(1, len(runs) - means) if not separate else max(1, cells - configurations),
    )


@dataclass(frozen=True)
class _Alike:
    """Configurations with the same splits, the same number of seeds on each.

    Attributes
    ----------
    splits
        (n,) position of the split of each run.
    scores
        (n, configurations) scores.
    same_split
        (n, n) 1 where two runs share their split.
    """

    splits: np.ndarray
    scores: np.ndarray
    same_split: np.ndarray


@dataclass(frozen=True)
class _Design:
    """Runs by configuration: the covariance of the scores of one configuration is all there is."""

    groups: tuple[_Alike, ...]
    splits: int
    total: float

    @classmethod
    def of(cls, runs: pd.DataFrame) -> _Design:
        positions = pd.factorize(runs["split_seed"], sort=True)[0]
        ordered = runs.assign(position=positions).sort_values(["config_id", "position"])
        alike: dict[tuple[int, ...], list[np.ndarray]] = {}
        for _, own in ordered.groupby("config_id", sort=True):
            alike.setdefault(tuple(own["position"]), []).append(own["score"].to_numpy("float64"))
        groups = []
        for splits, scores in alike.items():
            places = np.array(splits)
            same = (places[:, None] == places[None, :]).astype(float)
            groups.append(_Alike(places, np.column_stack(scores), same))
        centred = runs["score"] - runs.groupby("split_seed")["score"].transform("mean")
        return cls(tuple(groups), int(positions.max()) + 1, float((centred**2).mean()))

    def fit(self, separate: bool) -> tuple[float, float, float]:
        """Return the variances of configuration, interaction and seed.

        The total variance is profiled out: what is searched for are the shares.
        """
        from scipy.optimize import minimize

        if self.total <= 0:
            return 0.0, 0.0, 0.0
        lowest = math.log(_LOWEST_SHARE)

        searched = [0, 1, 2] if separate else [0, 2]

        def variances(logs: np.ndarray) -> np.ndarray:
            found = np.zeros(3)
            found[searched] = self.total * np.exp(logs)
            return found

        def loss(logs: np.ndarray) -> tuple[float, np.ndarray]:
            tried = variances(logs)
            value, gradient = self._likelihood(tried)
            return -value, -(gradient * tried)[searched]

        best = None
        for start in ((-0.7, -2.0, -1.5), (-3.0, -3.0, -0.2), (-0.2, -3.0, -3.0)):
            first = np.array(start if separate else (start[0], start[2]))
            bounds = [(lowest, 3.0)] * len(first)
            found = minimize(
                loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options=_EXACT
            )
            if best is None or found.fun < best.fun:
                best = found
        assert best is not None
        found_variances = variances(best.x)
        found_variances[found_variances < _ZERO_SHARE * self.total] = 0.0
        return tuple(map(float, found_variances))  # type: ignore[return-value]

    def _inverses(self, variances: np.ndarray) -> list[tuple[_Alike, np.ndarray, float]]:
        """Each group with the inverse and the log determinant of one configuration's covariance."""
        configuration, interaction, seed = variances
        found = []
        for group in self.groups:
            covariance = interaction * group.same_split + configuration
            covariance.flat[:: len(covariance) + 1] += seed
            found.append((group, np.linalg.inv(covariance), np.linalg.slogdet(covariance)[1]))
        return found

    def _equations(
        self, inverses: list[tuple[_Alike, np.ndarray, float]]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Normal equations of the split means: (splits, splits) and (splits,)."""
        normal, right = np.zeros((self.splits, self.splits)), np.zeros(self.splits)
        for group, inverse, _ in inverses:
            count = group.scores.shape[1]
            normal += count * self._by_split(group, self._by_split(group, inverse).T)
            right += self._by_split(group, inverse @ group.scores.sum(axis=1))
        return normal, right

    def _by_split(self, group: _Alike, values: np.ndarray) -> np.ndarray:
        """Sum what the runs of a group have, by their split: (n, ...) to (splits, ...)."""
        found = np.zeros((self.splits, *values.shape[1:]))
        np.add.at(found, group.splits, values)
        return found

    def _likelihood(self, variances: np.ndarray) -> tuple[float, np.ndarray]:
        """Restricted log likelihood, and its derivative by each of the three variances.

        With ``P`` the projection of restricted maximum likelihood, the derivative by the variance
        of ``V_k`` is ``(y' P V_k P y - tr(P V_k)) / 2`` (Searle, Casella & McCulloch, Variance
        Components, 1992, section 6.6).
        """
        inverses = self._inverses(variances)
        normal, right = self._equations(inverses)
        covariance = np.linalg.inv(normal)
        means = covariance @ right
        value, gradient = np.linalg.slogdet(normal)[1], np.zeros(3)
        for group, inverse, determinant in inverses:
            count = group.scores.shape[1]
            rest = group.scores - means[group.splits, None]
            solved = inverse @ rest
            value += count * determinant + float((rest * solved).sum())
            # What the estimated means take of the inverse.
            taken = inverse @ covariance[np.ix_(group.splits, group.splits)] @ inverse
            kept = solved @ solved.T - count * (inverse - taken)
            gradient += kept.sum(), (kept * group.same_split).sum(), np.trace(kept)
        return -0.5 * value, 0.5 * gradient

    def split_variance(self, variances: np.ndarray) -> float:
        """Variance of the split means, less what the noise of their estimates adds."""
        if not variances.any():
            return float(np.var(self._means_by_split(), ddof=1))
        # Where seeds make no noise at all, they get the least that the fit allows: with nothing, no
        # equations could be solved.
        seed = max(variances[-1], _LOWEST_SHARE * self.total)
        inverses = self._inverses(np.array([*variances[:-1], seed]))
        normal, right = self._equations(inverses)
        covariance = np.linalg.inv(normal)
        means = covariance @ right
        # What all means share (the configurations that were drawn) moves no difference of them.
        noise = (np.trace(covariance) - covariance.sum() / self.splits) / (self.splits - 1)
        return max(0.0, float(np.var(means, ddof=1) - noise))

    def _means_by_split(self) -> np.ndarray:
        sums, counts = np.zeros(self.splits), np.zeros(self.splits)
        for group in self.groups:
            runs, count = group.scores.shape
            sums += self._by_split(group, group.scores.sum(axis=1))
            counts += self._by_split(group, np.full(runs, count))
        return sums / counts
