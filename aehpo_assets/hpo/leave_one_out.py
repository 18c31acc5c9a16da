"""Does transfer help, or harm? Every task in turn plays the new one.

Here belongs searching each task in every way with the same number of evaluations. What the
searches say belongs to ``transfer_verdicts``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.files import atomic_file
from aehpo_assets.hpo.ask_tell import AskTell
from aehpo_assets.hpo.grounds import SurrogateGround, TableGround
from aehpo_assets.hpo.objectives import OBJECTIVES, VALID_SCORE
from aehpo_assets.hpo.problem import Problem, fixed_value
from aehpo_assets.hpo.searchers import SINGLE_FIDELITY, check_searchers
from aehpo_assets.hpo.seeds import named_seed
from aehpo_assets.hpo.simulation import Evaluate, simulate
from aehpo_assets.hpo.surrogate import Surrogate
from aehpo_assets.hpo.task_similarity import rank_correlation
from aehpo_assets.hpo.transfer import (
    bounding_box,
    top_configurations,
    transfer_weights,
    weighted_box,
)
from aehpo_assets.space import SearchSpace
from aehpo_assets.study import Hpo, TransferBenchmark

logger = logging.getLogger(__name__)

WAYS = ("none", "plain", "weighted", "warm")
"""Without transfer; in the plain box of the other tasks; in the box weighed by similarity; warm,
with evaluations of the task itself from an earlier time."""

WARM_POINTS = 3
"""Best earlier configurations that a warm start evaluates first."""


@dataclass(frozen=True)
class TransferPlan:
    """Which ways of searching are compared, and how long.

    Attributes
    ----------
    searchers
        Single-fidelity searchers.
    trials
        Evaluations of each search, whatever the way.
    repetitions
        Searches of each kind, each with its own seed, probe and earlier runs.
    probe
        Configurations of the new task that weighed transfer draws and evaluates first. They count
        as evaluations, and the searcher is told of them.
    earlier_runs
        Configurations that a warm start knows from earlier. They do not count.
    ground
        ``surrogate``: searches are told predictions. ``table``: they are told measured results of
        the nearest trained configuration.
    top_k
        Configurations that each other task gives at most.
    seed
        Seed of all of it.
    """

    searchers: tuple[str, ...] = ("random_search", "regularized_evolution", "cqr")
    trials: int = 50
    repetitions: int = 5
    probe: int = 10
    earlier_runs: int = 20
    ground: Literal["surrogate", "table"] = "surrogate"
    top_k: int = 30
    seed: int = 0

    @classmethod
    def of(cls, asked: TransferBenchmark, hpo: Hpo) -> TransferPlan:
        """Return the plan that a study asks for."""
        return cls(
            searchers=tuple(asked.searchers),
            trials=asked.trials,
            repetitions=asked.repetitions,
            probe=asked.probe,
            earlier_runs=asked.earlier_runs,
            ground=asked.ground,
            top_k=hpo.transfer_top_k,
            seed=hpo.seed,
        )

    def check(self, tasks: int, file: Path | None = None) -> None:
        """Refuse what cannot be compared.

        Parameters
        ----------
        tasks
            How many tasks there are.
        file
            The study file, for the message.

        Raises
        ------
        InputError
            If a searcher is unknown, there is no second task, or the probe takes every evaluation.
        """
        try:
            check_searchers(self.searchers, known=SINGLE_FIDELITY)
        except InputError as error:
            key = "transfer_benchmark.searchers"
            raise InputError(error.problem, file=file, key=key, remedy=error.remedy) from None
        if tasks < 2:
            raise InputError(
                f"transfer needs at least two tasks, and there are {tasks}",
                file=file,
                key="transfer_benchmark",
                remedy="Add a task to the study, or leave the section out.",
            )
        if self.probe >= self.trials:
            raise InputError(
                f"a probe of {self.probe} leaves nothing of {self.trials} trials",
                file=file,
                key="transfer_benchmark.probe",
                remedy="Probe fewer configurations.",
            )


def leave_one_task_out(
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    plan: TransferPlan,
    similarity: pd.DataFrame | None = None,
    *,
    folder: Path | None = None,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Search every task as if it were new, in every one of :data:`WAYS`.

    Parameters
    ----------
    evaluations
        Evaluations of all tasks. Of the task that plays the new one, a search sees nothing but
        its probe, or its earlier runs.
    surrogate
        The surrogate of the same evaluations, and the search space.
    plan
        What to compare.
    similarity
        (tasks, tasks) similarity of the data
        (:func:`aehpo_assets.hpo.task_similarity.data_similarity`), if it is known.
    folder
        Where finished cells (task x searcher) are kept, so that a second call goes on where the
        first one stopped. Whatever they hang on must be part of its name.
    on_progress
        Called with cells done, cells in all, and the name of the cell.

    Returns
    -------
    pandas.DataFrame
        One row an evaluation: ``task, searcher, way, repetition, search_seed, evaluation`` (from
        1), ``score`` (valid, as it was told) and ``best`` (the best so far).

    Raises
    ------
    InputError
        If a searcher is unknown, there is no second task, or the probe takes every evaluation.
    """
    tasks = [str(task) for task in dict.fromkeys(evaluations["task"])]
    plan.check(len(tasks))
    cells = [(task, searcher) for task in tasks for searcher in plan.searchers]
    parts = []
    for done, (task, searcher) in enumerate(cells, start=1):
        kept = None if folder is None else folder / f"{task}.{searcher}.parquet"
        if kept is not None and kept.exists():
            parts.append(pd.read_parquet(kept))
            continue
        part = search_task(task, searcher, evaluations, surrogate, plan, similarity)
        if kept is not None:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with atomic_file(kept) as unfinished:
                part.to_parquet(unfinished, index=False)
        parts.append(part)
        logger.info("transfer: %d of %d cells, %s on %s", done, len(cells), searcher, task)
        if on_progress is not None:
            on_progress(done, len(cells), f"{searcher} on {task}")
    return pd.concat(parts, ignore_index=True)


def search_task(
    task: str,
    searcher: str,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    plan: TransferPlan,
    similarity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Search one task with one searcher in every way; see :func:`leave_one_task_out`."""
    space = surrogate.space
    ground = _ground(task, evaluations, surrogate, plan)
    others = evaluations[evaluations["task"] != task]
    plain = bounding_box(
        space, top_configurations(others, others["task"].unique(), plan.top_k, space)
    )
    parts = []
    for repetition in range(plan.repetitions):
        seed = named_seed(plan.seed, "transfer", task, searcher, repetition)
        probe, weights = _probe(task, repetition, evaluations, ground, space, plan, similarity)
        box = weighted_box(space, others, weights["weight"].to_dict(), plan.top_k)
        earlier = _drawn(task, "earlier runs", repetition, plan.earlier_runs, evaluations, plan)
        earlier = _told(earlier, ground, space)
        problems = {
            "none": Problem(space, seed, plan.trials),
            "plain": Problem(plain, seed, plan.trials),
            # What was probed and lies outside the box, the searcher passes over.
            "weighted": Problem(box, seed, plan.trials - len(probe), observations=probe),
            "warm": Problem(
                space,
                seed,
                plan.trials,
                points_to_evaluate=_best_points(earlier, space),
                observations=earlier,
            ),
        }
        for way, problem in problems.items():
            found = simulate(
                AskTell(searcher, problem), ground, workers=1, trials=problem.trials, clock="unit"
            )
            first = probe[VALID_SCORE] if way == "weighted" else []
            scores = np.concatenate([first, found[VALID_SCORE]])
            parts.append(
                pd.DataFrame(
                    {
                        "task": task,
                        "searcher": searcher,
                        "way": way,
                        "repetition": repetition,
                        "search_seed": seed,
                        "evaluation": np.arange(1, len(scores) + 1),
                        "score": scores,
                        "best": np.maximum.accumulate(scores),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)


def probe_weights(
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    plan: TransferPlan,
    similarity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Return how much each other task counted after the probe, in every repetition.

    Parameters
    ----------
    evaluations, surrogate, plan, similarity
        Those of :func:`leave_one_task_out`.

    Returns
    -------
    pandas.DataFrame
        ``task, repetition, other`` and the columns of
        :func:`aehpo_assets.hpo.transfer.transfer_weights`.
    """
    parts = []
    for task in dict.fromkeys(evaluations["task"]):
        ground = _ground(task, evaluations, surrogate, plan)
        for repetition in range(plan.repetitions):
            _, weights = _probe(
                task, repetition, evaluations, ground, surrogate.space, plan, similarity
            )
            weights = weights.rename_axis("other").reset_index()
            parts.append(weights.assign(task=task, repetition=repetition))
    table = pd.concat(parts, ignore_index=True)
    first = ["task", "repetition", "other"]
    return table[[*first, *(name for name in table if name not in first)]]


def _ground(
    task: str, evaluations: pd.DataFrame, surrogate: Surrogate, plan: TransferPlan
) -> Evaluate:
    if plan.ground == "table":
        return TableGround(evaluations, surrogate.space, task)
    return SurrogateGround(surrogate, task)


def _drawn(
    task: str,
    purpose: str,
    repetition: int,
    count: int,
    evaluations: pd.DataFrame,
    plan: TransferPlan,
) -> pd.DataFrame:
    """Draw some of the configurations that the task has been trained on."""
    own = evaluations[evaluations["task"] == task].drop_duplicates("config_id")
    draw = np.random.default_rng(named_seed(plan.seed, "transfer", task, purpose, repetition))
    return own.iloc[np.sort(draw.permutation(len(own))[:count])]


def _told(drawn: pd.DataFrame, ground: Evaluate, space: SearchSpace) -> pd.DataFrame:
    """Replace what was measured by what a search is told, so that both are of one world."""
    told = ground(drawn[space.names].to_dict("records"))[:, -1, OBJECTIVES.index(VALID_SCORE)]
    return drawn[["task", "config_id", *space.names]].assign(**{VALID_SCORE: told})


def _probe(
    task: str,
    repetition: int,
    evaluations: pd.DataFrame,
    ground: Evaluate,
    space: SearchSpace,
    plan: TransferPlan,
    similarity: pd.DataFrame | None,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Evaluate the first configurations of the task, and weigh the other tasks by them."""
    drawn = _drawn(task, "probe", repetition, plan.probe, evaluations, plan)
    probe = _told(drawn, ground, space)
    others = evaluations[evaluations["task"] != task]
    ranks = rank_correlation(pd.concat([probe, others], ignore_index=True), task)
    return probe, transfer_weights(ranks, None if similarity is None else similarity.loc[task])


def _best_points(earlier: pd.DataFrame, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the best earlier configurations, without what cannot vary."""
    best = earlier.sort_values(VALID_SCORE, ascending=False, kind="stable").head(WARM_POINTS)
    free = [name for name, d in space.hyperparameters.items() if fixed_value(d) is None]
    return [{str(k): v for k, v in row.items()} for row in best[free].to_dict("records")]
