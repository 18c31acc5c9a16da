"""Does transfer help, or harm? Every task in turn plays the new one.

Three ways of searching it are compared with the same number of evaluations: without transfer,
with the plain box of the other tasks, and with the box weighed by similarity.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from aehpo_assets.hpo.ask_tell import AskTell
from aehpo_assets.hpo.grounds import SurrogateGround
from aehpo_assets.hpo.objectives import VALID_SCORE
from aehpo_assets.hpo.problem import Problem
from aehpo_assets.hpo.seeds import named_seed
from aehpo_assets.hpo.simulation import simulate
from aehpo_assets.hpo.surrogate import Surrogate
from aehpo_assets.hpo.task_similarity import rank_correlation, transfer_weights
from aehpo_assets.hpo.transfer import bounding_box, top_configurations, weighted_box
from aehpo_assets.space import SearchSpace

WAYS = ("none", "plain", "weighted")


def leave_one_task_out(
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    space: SearchSpace,
    *,
    searchers: Sequence[str] = ("random_search", "regularized_evolution", "cqr"),
    trials: int = 50,
    repetitions: int = 5,
    top_k: int = 30,
    probe: int = 10,
    similarity: pd.DataFrame | None = None,
    seed: int = 0,
) -> pd.DataFrame:
    """Search every task as if it were new, without transfer, with plain and weighed transfer.

    Parameters
    ----------
    evaluations
        Evaluations of all tasks; of the new task, weighed transfer sees ``probe`` configurations
        only, which count as its first evaluations.
    surrogate
        What the searches are told.
    space
        The search space.
    searchers
        Single-fidelity searchers.
    trials
        Evaluations of each search.
    repetitions
        Searches of each kind, each with its own seed and probe.
    top_k
        Configurations that each other task gives.
    probe
        Configurations of the new task that weighed transfer looks at first.
    similarity
        (tasks, tasks) similarity of the data, if known.
    seed
        Seed of all of it.

    Returns
    -------
    pandas.DataFrame
        One row an evaluation: ``task, searcher, way, repetition, evaluation, best`` (the best
        valid score so far).
    """
    tasks = list(dict.fromkeys(evaluations["task"]))
    rows = []
    for task in tasks:
        others = [other for other in tasks if other != task]
        ground = SurrogateGround(surrogate, task)
        plain = bounding_box(space, top_configurations(evaluations, others, top_k, space))
        own = evaluations[evaluations["task"] == task].drop_duplicates("config_id")
        for repetition in range(repetitions):
            draw = np.random.default_rng(named_seed(seed, task, "probe", repetition))
            probed = own.iloc[np.sort(draw.permutation(len(own))[:probe])]
            ranks = rank_correlation(evaluations, task, list(probed["config_id"]))
            row = None if similarity is None else similarity.loc[task]
            weighted = weighted_box(space, evaluations, transfer_weights(ranks, row), top_k)
            known = surrogate.predict(probed, task)[VALID_SCORE].tolist()
            for searcher in searchers:
                search_seed = named_seed(seed, task, searcher, repetition)
                for way, box in zip(WAYS, (space, plain, weighted), strict=True):
                    first = known if way == "weighted" else []
                    count = max(1, trials - len(first))
                    problem = Problem(box, search_seed, count)
                    found = simulate(
                        AskTell(searcher, problem), ground, workers=1, trials=count, clock="unit"
                    )
                    scores = np.concatenate([first, found[VALID_SCORE]])[:trials]
                    best = np.maximum.accumulate(scores)
                    rows.append(
                        pd.DataFrame(
                            {
                                "task": task,
                                "searcher": searcher,
                                "way": way,
                                "repetition": repetition,
                                "evaluation": np.arange(1, len(best) + 1),
                                "best": best,
                            }
                        )
                    )
    return pd.concat(rows, ignore_index=True)


def transfer_verdicts(progress: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Judge each transfer against no transfer, harm included.

    Parameters
    ----------
    progress
        Output of :func:`leave_one_task_out`.
    seed
        Seed of the bootstrap over repetitions.

    Returns
    -------
    pandas.DataFrame
        One row per task, searcher and way of transfer: ``gain`` (mean difference of the final
        best score over the repetitions, paired) with its 95 % bootstrap interval ``gain_lower``,
        ``gain_upper``; ``evaluations_saved`` (median number of evaluations fewer to reach the
        final result without transfer; negative infinity if half the searches never do); and
        ``verdict``: helps, harms, or no clear difference.
    """
    generator = np.random.default_rng(seed)
    rows = []
    for (task, searcher), group in progress.groupby(["task", "searcher"], sort=False):
        curves = {
            way: part.pivot(index="repetition", columns="evaluation", values="best").ffill(axis=1)
            for way, part in group.groupby("way")
        }
        baseline = curves["none"].iloc[:, -1]
        for way in WAYS[1:]:
            difference = (curves[way].iloc[:, -1] - baseline).to_numpy()
            draws = generator.integers(0, len(difference), (2000, len(difference)))
            lower, upper = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
            reached = curves[way].ge(baseline.median())
            needed = np.where(reached.any(axis=1), reached.to_numpy().argmax(axis=1) + 1, np.inf)
            verdict = "helps" if lower > 0 else "harms" if upper < 0 else "no clear difference"
            rows.append(
                {
                    "task": task,
                    "searcher": searcher,
                    "way": way,
                    "gain": float(difference.mean()),
                    "gain_lower": float(lower),
                    "gain_upper": float(upper),
                    "evaluations_saved": float(curves["none"].shape[1] - np.median(needed)),
                    "verdict": verdict,
                }
            )
    return pd.DataFrame(rows)
