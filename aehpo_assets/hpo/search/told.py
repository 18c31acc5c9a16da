"""What a simulated search is told: one training of a configuration, not what it truly reaches.

Whoever trains a configuration is told its score with the noise of a replicate. A search that is
told the oracle's means looks better than it will ever do: it never falls for a lucky run. What the
means are belongs to ``oracles``, where the variance components come from to ``aehpo_assets.noise``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.hpo.objectives import (
    OBJECTIVE,
    OPERATIONS,
    VALID_R2,
    VALID_SCORE,
)
from aehpo_assets.hpo.search.operations import TrainingOperations
from aehpo_assets.hpo.search.oracles import Answer, Oracle
from aehpo_assets.hpo.surrogate.means import FEWEST_DEGREES
from aehpo_assets.space import SearchSpace
from aehpo_assets.store.provenance import named_seed

NOISY = (VALID_R2, VALID_SCORE)
"""Objectives that a training tells with noise."""

TRUE = {name: f"true_{name}" for name in NOISY}
"""Noisy objective to the column of its true value, in the unit of the objective."""

TRUE_SCORE = TRUE[VALID_SCORE]


@dataclass(frozen=True)
class RunNoise:
    """How far one training lies from what its configuration truly reaches.

    Attributes
    ----------
    split
        Standard deviation of what the split of a replicate does to all configurations alike; 0
        with a single split.
    own
        Standard deviation of the rest: the seed, and how differently configurations take a split.
    """

    split: float
    own: float


@dataclass(frozen=True)
class TaskFacts:
    """What is known of a task beside its evaluations.

    Attributes
    ----------
    operations
        Counts what a training of a configuration costs.
    noise
        Objective to the noise of one training; empty where it is not known.
    """

    operations: TrainingOperations
    noise: Mapping[str, RunNoise] = field(default_factory=dict)


def run_noise(components: pd.DataFrame) -> dict[str, RunNoise]:
    """Pick the noise that searches are told out of the variance components of a task.

    Parameters
    ----------
    components
        Of :func:`aehpo_assets.noise.summary.noise_tables`.

    Returns
    -------
    dict of str to RunNoise
        By objective; empty where that of the valid score is not known, or known by fewer than
        :data:`aehpo_assets.hpo.surrogate.means.FEWEST_DEGREES` degrees of freedom.
    """
    known = components[components["known"] & (components["degrees"] >= FEWEST_DEGREES)]
    by_score = known.set_index("score")[["split", "replicate"]].fillna(0.0)
    noise = {
        str(score): RunNoise(math.sqrt(row["split"]), math.sqrt(row["replicate"]))
        for score, row in by_score.iterrows()
        if score in NOISY
    }
    return noise if VALID_SCORE in noise else {}


class Told:
    """What every search of one repetition on a task is told: the same draw of the same training.

    A repetition is one replicate: one split, and one training of every configuration. Its noise is
    normal, and depends on nothing but the seed and the configuration whose values an oracle answers
    with: all searchers that come by it are told the same (common random numbers). A lucky run is
    lucky all along its learning curve.

    Parameters
    ----------
    oracle
        Knows the means.
    facts
        Of the task; where its noise is not known, searches are told the means.
    seed
        Seed of the replicate, the same for all searchers.
    fidelities
        Epochs or steps at which the oracle answers, ascending; the last is a whole training.

    Attributes
    ----------
    objectives
        What searches are told, in the order in which it is told: all that the oracle knows, and the
        operations.
    """

    def __init__(
        self, oracle: Oracle, facts: TaskFacts, seed: int, fidelities: Sequence[int] = (1,)
    ):
        self.oracle, self.facts, self.seed = oracle, facts, seed
        self.fidelities = np.asarray(fidelities)
        known, noise = oracle.objectives, facts.noise
        self.objectives = (*known, OPERATIONS)
        draws = np.random.default_rng(named_seed(seed, "split")).normal(size=len(known))
        of_split, of_run = (
            np.array([getattr(noise.get(name), part, 0.0) for name in known])
            for part in ("split", "own")
        )
        self._of_split, self._of_run = of_split * draws, of_run

    def __call__(self, configurations: Sequence[Mapping[str, Any]]) -> np.ndarray:
        """Tell all of :attr:`objectives`: (configurations, fidelities, objectives)."""
        answer = self.oracle.answer(configurations)
        shares = self.fidelities / self.fidelities[-1]
        operations = self.facts.operations(answer.configurations)[:, None] * shares
        return np.concatenate([self._noisy(answer), operations[..., None]], axis=2)

    def _noisy(self, answer: Answer) -> np.ndarray:
        if not self.facts.noise:
            return answer.values
        draws = np.array(
            [
                np.random.default_rng(named_seed(self.seed, config_id)).normal(
                    size=len(self._of_run)
                )
                for config_id in answer.config_ids
            ]
        )
        told = answer.values + (self._of_split + self._of_run * draws)[:, None, :]
        for name in self.facts.noise:
            column = self.objectives.index(name)
            told[..., column] = told[..., column].clip(*OBJECTIVE[name].bounds)
        return told

    def with_truth(self, trials: pd.DataFrame, space: SearchSpace) -> pd.DataFrame:
        """Write beside each trial of which configuration its values are, and what is true of it.

        Parameters
        ----------
        trials
            Output of :func:`aehpo_assets.hpo.search.simulation.simulate`.
        space
            The architecture's whole search space.

        Returns
        -------
        pandas.DataFrame
            The trials with ``told_config_id`` and ``told_distance``, whose values it was told and
            how far that configuration is (:class:`aehpo_assets.hpo.search.oracles.Answer`), and
            the columns of :data:`TRUE`: the oracle's means at the epoch that the trial reached,
            NaN where the noise is not known, since they were told then.
        """
        if trials.empty:
            missing = trials.assign(told_config_id="", told_distance=0.0)
            return missing.assign(**dict.fromkeys(TRUE.values(), np.nan))
        answer = self.oracle.answer(trials[space.names].to_dict("records"))
        reached = np.searchsorted(self.fidelities, trials["epoch"])
        means = answer.values[np.arange(len(trials)), reached]
        truths = {
            column: means[:, self.objectives.index(name)] if name in self.facts.noise else np.nan
            for name, column in TRUE.items()
        }
        return trials.assign(
            told_config_id=answer.config_ids, told_distance=answer.distances, **truths
        )


def true_values(trials: pd.DataFrame, objective: str = VALID_SCORE) -> pd.Series:
    """Return what is true of trials: what was told where the noise is not known."""
    return trials[TRUE[objective]].fillna(trials[objective])


def with_true_values(trials: pd.DataFrame) -> pd.DataFrame:
    """Return trials with what is true in the place of what was told."""
    return trials.assign(**{name: true_values(trials, name) for name in NOISY})


def with_operations(evaluations: pd.DataFrame, facts: Mapping[str, TaskFacts]) -> pd.DataFrame:
    """Return evaluations with the column of operations."""
    parts = [
        own.assign(**{OPERATIONS: facts[str(task)].operations(own.to_dict("records"))})
        for task, own in evaluations.groupby("task", sort=False)
    ]
    return pd.concat(parts)
