"""Does transfer help, or harm? Every task is held out in turn.

Here belongs searching each task in every way with the same number of evaluations. What the
searches say belongs to ``verdicts``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.objectives import OBJECTIVE_NAMES, VALID_SCORE
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.oracles import Oracle, SurrogateOracle, TableOracle
from aehpo_assets.hpo.search.problem import Problem, fixed_value
from aehpo_assets.hpo.search.searchers import check_searchers
from aehpo_assets.hpo.search.simulation import simulate
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.transfer.boxes import (
    bounding_box,
    top_configurations,
    transfer_weights,
    weighted_box,
)
from aehpo_assets.hpo.transfer.similarity import rank_correlation
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.store.store import Record, Store
from aehpo_assets.study.searches import Hpo, TransferBenchmark

logger = logging.getLogger(__name__)

WAYS = ("none", "plain", "weighted", "warm")
"""Without transfer; in the unweighted box of the other tasks (``plain``); in the
similarity-weighted box; warm, with evaluations of the task itself from an earlier time."""

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
        Random configurations that similarity-weighted transfer evaluates first, to learn how the
        tasks rank them. They count as evaluations, and the searcher observes them.
    earlier_runs
        Random configurations that a warm start knows from earlier. They do not count.
    oracle
        ``surrogate``: searches observe predictions. ``table``: they observe measured results of
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
    oracle: Literal["surrogate", "table"] = "surrogate"
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
            oracle=asked.ground,
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
        key = "transfer_benchmark.searchers"
        check_searchers(self.searchers, file, lambda searcher: searcher.single_fidelity, key)
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
        Evaluations of all tasks. Of the task that is held out, a search sees nothing but
        its probe, or its earlier runs: configurations drawn from the space like any other. What
        the task was trained on is no part of them, since a surrogate knows its scores too well.
    surrogate
        The surrogate of the same evaluations, and the search space.
    plan
        What to compare.
    similarity
        (tasks, tasks) similarity of the data
        (:func:`aehpo_assets.hpo.transfer.similarity.data_similarity`), if it is known.
    folder
        Where finished cells (task x searcher) are kept, so that a second call goes on where the
        first one stopped. Whatever they depend on must be part of its name.
    on_progress
        Called with cells done, cells in all, and the name of the cell.

    Returns
    -------
    pandas.DataFrame
        One row an evaluation: ``task, searcher, way, repetition, search_seed, evaluation`` (from
        1), ``score`` (valid, as it was observed) and ``best`` (the best so far).

    Raises
    ------
    InputError
        If a searcher is unknown, there is no second task, or the probe takes every evaluation.
    """
    tasks = [str(task) for task in dict.fromkeys(evaluations["task"])]
    plan.check(len(tasks))
    cells = [(task, searcher) for task in tasks for searcher in plan.searchers]
    archive, name = (Store(folder.parent), folder.name) if folder else (None, "")
    parts = []
    for done, (task, searcher) in enumerate(cells, start=1):
        if archive and (kept := archive.find_table(name, (task, searcher))) is not None:
            parts.append(kept)
            continue
        part = search_task(task, searcher, evaluations, surrogate, plan, similarity)
        if archive:
            archive.write_table(name, (task, searcher), part, Record(name))
        parts.append(part)
        logger.info("transfer: %d of %d cells, %s on %s", done, len(cells), searcher, task)
        if on_progress is not None:
            on_progress(done, len(cells), f"{searcher} on {task}")
    return pd.concat(parts, ignore_index=True)


@dataclass(frozen=True)
class NewTask:
    """A task that is held out, as if it were new.

    Attributes
    ----------
    name
        The task.
    evaluations
        Evaluations of all tasks.
    surrogate
        The surrogate of the same evaluations, and the search space.
    plan
        What is compared.
    """

    name: str
    evaluations: pd.DataFrame
    surrogate: Surrogate
    plan: TransferPlan

    @property
    def others(self) -> pd.DataFrame:
        """Evaluations of the other tasks."""
        return self.evaluations[self.evaluations["task"] != self.name]

    @cached_property
    def oracle(self) -> Oracle:
        """What answers the searches of the task."""
        if self.plan.oracle == "table":
            return TableOracle(self.evaluations, self.surrogate.space, self.name)
        return SurrogateOracle(self.surrogate, self.name)

    def evaluated(self, purpose: str, repetition: int, count: int) -> pd.DataFrame:
        """Draw random configurations, as many as the space has, and evaluate them.

        Returns
        -------
        pandas.DataFrame
            ``task, config_id``, the hyperparameters and the valid score.
        """
        seed = named_seed(self.plan.seed, "transfer", self.name, purpose, repetition)
        space = self.surrogate.space
        drawn = sample_configurations(space, int(min(count, space.size)), seed)
        values = self.oracle(drawn[space.names].to_dict("records"))
        score = values[:, -1, OBJECTIVE_NAMES.index(VALID_SCORE)]
        return drawn.assign(task=self.name, **{VALID_SCORE: score})

    def weights(
        self, probe: pd.DataFrame, repetition: int, similarity: pd.DataFrame | None
    ) -> pd.DataFrame:
        """Weigh the other tasks by their scores of what was probed, as noisy as real ones."""
        scores = [probe]
        for other in self.others["task"].unique():
            if self.plan.oracle == "table":
                configurations = probe[self.surrogate.space.names].to_dict("records")
                table = TableOracle(self.evaluations, self.surrogate.space, other)
                score = table(configurations)[:, -1, OBJECTIVE_NAMES.index(VALID_SCORE)]
            else:
                words = ("transfer", self.name, "probe of", other, repetition)
                generator = np.random.default_rng(named_seed(self.plan.seed, *words))
                drawn = self.surrogate.sample(probe, other, generator)
                score = drawn[VALID_SCORE].to_numpy()
            scores.append(probe.assign(task=other, **{VALID_SCORE: score}))
        ranks = rank_correlation(pd.concat(scores, ignore_index=True), self.name)
        return transfer_weights(ranks, None if similarity is None else similarity.loc[self.name])


def search_task(
    task: str,
    searcher: str,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    plan: TransferPlan,
    similarity: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Search one task with one searcher in every way; see :func:`leave_one_task_out`."""
    new = NewTask(task, evaluations, surrogate, plan)
    space, others = surrogate.space, new.others
    unweighted = bounding_box(
        space, top_configurations(others, others["task"].unique(), plan.top_k, space)
    )
    parts = []
    for repetition in range(plan.repetitions):
        seed = named_seed(plan.seed, "transfer", task, searcher, repetition)
        probe = new.evaluated("probe", repetition, plan.probe)
        weights = new.weights(probe, repetition, similarity)["weight"].to_dict()
        earlier = new.evaluated("earlier runs", repetition, plan.earlier_runs)
        problems = {
            "none": Problem(space, seed, plan.trials),
            "plain": Problem(unweighted, seed, plan.trials),
            "weighted": Problem(
                weighted_box(space, others, weights, plan.top_k),
                seed,
                plan.trials - plan.probe,
                # The searcher passes over what lies outside the box.
                observations=probe,
            ),
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
                AskTell(searcher, problem),
                new.oracle,
                objectives=new.oracle.objectives,
                workers=1,
                trials=problem.trials,
                clock="unit",
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
        :func:`aehpo_assets.hpo.transfer.boxes.transfer_weights`.
    """
    parts = []
    for task in dict.fromkeys(evaluations["task"]):
        new = NewTask(str(task), evaluations, surrogate, plan)
        for repetition in range(plan.repetitions):
            probe = new.evaluated("probe", repetition, plan.probe)
            weights = new.weights(probe, repetition, similarity).rename_axis("other").reset_index()
            parts.append(weights.assign(task=task, repetition=repetition))
    table = pd.concat(parts, ignore_index=True)
    first = ["task", "repetition", "other"]
    return table[[*first, *(name for name in table if name not in first)]]


def _best_points(earlier: pd.DataFrame, space: SearchSpace) -> list[dict[str, Any]]:
    """Return the best earlier configurations, without what cannot vary."""
    best = earlier.sort_values(VALID_SCORE, ascending=False, kind="stable").head(WARM_POINTS)
    free = [name for name, d in space.hyperparameters.items() if fixed_value(d) is None]
    return [{str(k): v for k, v in row.items()} for row in best[free].to_dict("records")]
