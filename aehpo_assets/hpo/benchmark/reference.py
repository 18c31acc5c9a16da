"""The best score that the oracle of a benchmark has, found by no competitor: the regret of 0.

Running the competitors belongs to ``run``, measuring their regret to ``benchmark_analysis``.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_assets.hpo.benchmark.run import BenchmarkPlan, oracle_of
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.search.searchers import find_searcher
from aehpo_assets.hpo.search.simulation import Evaluate
from aehpo_assets.hpo.surrogate.curves import Curves
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.store.provenance import named_seed

DRAWS = 4096
"""Random configurations that the reference begins with: more than any search is given."""

ROUNDS, PARENTS, MUTATION = 4, 64, 0.2
"""Rounds of recombining the best, how many they are, and the share of values drawn afresh."""


def reference_optima(
    plan: BenchmarkPlan,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    curves: Curves | None = None,
) -> pd.Series:
    """Return the best valid score that each task's oracle is known to answer with.

    A table's is the best of its rows. A surrogate is asked for every trained configuration, for a
    large random sample and for recombinations of the best of these: a lower bound of its maximum,
    found without the searchers that are measured by it.

    Parameters
    ----------
    plan
        The benchmark; only its searchers' kinds, its oracle and its seed matter.
    evaluations, surrogate, curves
        As :func:`aehpo_assets.hpo.benchmark.run.run_cell` takes them.

    Returns
    -------
    pandas.Series
        Valid score by (``kind``, ``task``): searchers that stop trials are answered by curves.
    """
    one_of = {find_searcher(name).kind: name for name in plan.searchers}
    names, space = surrogate.space.names, surrogate.space
    found = {}
    for task, own in evaluations.groupby("task", sort=False):
        trained = own.drop_duplicates("config_id")[names]
        for kind, searcher in one_of.items():
            oracle, _ = oracle_of(plan, str(task), searcher, evaluations, surrogate, curves)
            if plan.oracle == "table":
                found[kind, task] = float(_scores(oracle, trained).max())
            else:
                seed = named_seed(plan.seed, "benchmark", "reference", task)
                found[kind, task] = _best_of_model(oracle, trained, space, seed)
    return pd.Series(found).rename_axis(["kind", "task"])


def _best_of_model(oracle: Evaluate, trained: pd.DataFrame, space: SearchSpace, seed: int) -> float:
    generator = np.random.default_rng(seed)
    # A small space may have fewer; half of it comes quickly.
    count = int(min(DRAWS, max(1, space.size / 2)))
    random = sample_configurations(space, count, seed)[space.names]
    known = pd.concat([trained, random], ignore_index=True)
    scores = _scores(oracle, known)
    for _ in range(ROUNDS):
        parents = known.iloc[np.argsort(-scores, kind="stable")[:PARENTS]]
        children = pd.DataFrame(
            {
                name: np.where(
                    generator.random(len(random)) < MUTATION,
                    generator.permutation(random[name].to_numpy()),
                    generator.choice(parents[name].to_numpy(), len(random)),
                )
                for name in space.names
            }
        ).drop_duplicates()
        known = pd.concat([known, children], ignore_index=True)
        scores = np.append(scores, _scores(oracle, children))
    return float(scores.max())


def _scores(oracle: Evaluate, configurations: pd.DataFrame) -> np.ndarray:
    """Valid score of each configuration after its last epoch."""
    answers = oracle(configurations.to_dict("records"))
    return answers[:, -1, OBJECTIVE_NAMES.index(VALID_SCORE)]
