"""The benchmark of searchers: every searcher on every task, many times, resumable.

Here belongs running it. What the trials say belongs to ``analysis``.
"""

from __future__ import annotations

import functools
import logging
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from aehpo_assets.errors import InputError
from aehpo_assets.hpo.after import SCORE, in_place_of_score
from aehpo_assets.hpo.objectives import NAMED
from aehpo_assets.hpo.search.ask_tell import AskTell
from aehpo_assets.hpo.search.oracles import (
    CurveOracle,
    CurveTableOracle,
    Oracle,
    SurrogateOracle,
    TableOracle,
)
from aehpo_assets.hpo.search.problem import Problem, fixed_value
from aehpo_assets.hpo.search.searchers import BOX, check_searchers, find_searcher, with_boxes
from aehpo_assets.hpo.search.simulation import Clock, simulate
from aehpo_assets.hpo.search.told import TaskFacts, Told
from aehpo_assets.hpo.surrogate.curves import Curves
from aehpo_assets.hpo.surrogate.surrogate import Surrogate
from aehpo_assets.hpo.transfer.boxes import bounding_box, top_configurations
from aehpo_assets.space import SearchSpace, sample_configurations
from aehpo_assets.store.hashes import content_hash, folder_hash, settings_hash
from aehpo_assets.store.provenance import named_seed
from aehpo_assets.store.store import Record, Store

logger = logging.getLogger(__name__)

EVALUATIONS = "evaluations"
"""What the processes that share the cells search on, beside the finished cells."""


@dataclass(frozen=True)
class BenchmarkPlan:
    """What a benchmark compares, and how long.

    All searches of one repetition on a task begin with the same random configurations, as many as
    there are workers, since none of these is proposed knowing a result; those in a box with ones of
    the box. Searchers that learn from other tasks begin with what they learned.

    Attributes
    ----------
    searchers
        Names of searchers; a single-fidelity one with ``+box`` searches the bounding box of the
        other tasks' best configurations.
    repetitions
        Searches of each searcher on each task, each with its own seed.
    trials, simulated_hours, workers
        As :func:`aehpo_assets.hpo.search.simulation.simulate` takes them. Only with hours does
        anything depend on seconds.
    oracle
        ``surrogate``: what is true of a configuration is its prediction. ``table``: it is the mean
        that was measured of the nearest trained configuration, and no model stands in between.
        What searches are told of either has the noise of one training, where it is known
        (:class:`aehpo_assets.hpo.search.told.Told`).
    transfer_top_k
        Configurations that each other task gives to a box.
    settings
        Searcher to further settings, by the names that Syne Tune gives them.
    seed
        Seed of all of it.
    objective
        What searches are after, as a study calls it
        (:data:`aehpo_assets.hpo.objectives.NAMED`). Of the loss, which has no noise that is known,
        they are told the mean.
    """

    searchers: tuple[str, ...]
    repetitions: int = 10
    trials: int = 1000
    simulated_hours: float | None = None
    workers: int = 4
    oracle: Literal["surrogate", "table"] = "surrogate"
    transfer_top_k: int = 30
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    seed: int = 0
    objective: str = SCORE

    @property
    def clock(self) -> Clock:
        """Whether a whole training takes its seconds, or all take the same."""
        return "unit" if self.simulated_hours is None else "measured"

    @property
    def needs_curves(self) -> bool:
        """Whether some searcher stops trials on their learning curves."""
        key = "benchmark.searchers"
        return any(find_searcher(name, key).stops_early for name in self.searchers)

    def check(self, *, tasks: int, curves: bool, file: Path | None = None) -> None:
        """Refuse searchers that are unknown or cannot run on what there is.

        Parameters
        ----------
        tasks
            How many tasks there are.
        curves
            Whether there are learning curves to stop trials on.
        file
            The study file, for the message.

        Raises
        ------
        InputError
            Names the searcher and what it lacks.
        """
        key = "benchmark.searchers"
        check_searchers(self.searchers, file, fits=lambda searcher: True, key=key)
        known = with_boxes()
        for name in self.searchers:
            if known[name].learns_from_others and tasks < 2:
                raise InputError(
                    f"{name} needs a second task",
                    file=file,
                    key=key,
                    remedy="Add a task to the study, or leave it out.",
                )
            if known[name].stops_early and not curves:
                raise InputError(
                    f"{name} stops trials on learning curves, and there are none",
                    file=file,
                    key=key,
                    remedy="Set fidelities before the last epoch and score_fidelities: true in the "
                    "study, or leave it out.",
                )
            if self.objective != SCORE and len(known[name].objectives) > 1:
                raise InputError(
                    f"{name} is after several objectives, and hpo.objective names one",
                    file=file,
                    key=key,
                    remedy="Leave it out, or hpo.objective.",
                )
            if self.objective == "valid_loss" and known[name].stops_early:
                raise InputError(
                    f"{name} stops trials on learning curves, which know no valid loss",
                    file=file,
                    key=key,
                    remedy="Leave it out, or set hpo.objective: score or valid_r2.",
                )


def run_benchmark(
    folder: Path,
    plan: BenchmarkPlan,
    evaluations: pd.DataFrame,
    facts: Mapping[str, TaskFacts],
    surrogate: Path,
    curves: Path | None = None,
    *,
    code: Mapping[str, str] | None = None,
    processes: int = 1,
    on_progress: Callable[[int, int, str], None] | None = None,
) -> pd.DataFrame:
    """Run a benchmark, cell by cell (task x searcher), and keep every finished cell.

    A second call with the same plan and inputs goes on where the first one stopped.

    Parameters
    ----------
    folder
        Where finished cells are kept, as a store; one that is damaged is searched again.
    plan
        What to compare.
    evaluations
        Evaluations of all tasks (:func:`aehpo_assets.hpo.surrogate.fit.training_table`).
    facts
        Task to what else is known of it.
    surrogate
        Folder of the saved surrogate.
    curves
        Folder of the saved :class:`aehpo_assets.hpo.surrogate.curves.Curves`, for the searchers
        that need them.
    code
        Searcher to the version of its code; a cell that another version searched is searched again.
    processes
        Processes to share the cells.
    on_progress
        Called with cells done, cells in all, and the name of the cell.

    Returns
    -------
    pandas.DataFrame
        Every trial: the columns of :func:`aehpo_assets.hpo.search.simulation.simulate` and ``task,
        searcher, repetition, search_seed, searcher_seconds`` (real seconds that the searcher
        computed for in that search); objectives as they were told, and of which configuration they
        are and what is true of it (:meth:`aehpo_assets.hpo.search.told.Told.with_truth`).

    Raises
    ------
    InputError
        If a searcher is unknown or cannot run on what there is, or the simulated hours are too few
        for a single training.
    """
    tasks = list(dict.fromkeys(evaluations["task"]))
    plan.check(tasks=len(tasks), curves=curves is not None)
    inputs = [content_hash(evaluations), folder_hash(surrogate)]
    inputs += [folder_hash(curves)] if curves is not None else []
    settings = {key: value for key, value in asdict(plan).items() if key != "searchers"}
    if plan.objective == SCORE:
        # Cells of before there was a choice are those of this one.
        del settings["objective"]
    key = settings_hash([settings, inputs, {task: asdict(facts[task]) for task in tasks}])
    archive = Store(folder)
    archive.write_table(EVALUATIONS, (inputs[0],), evaluations, Record(key))
    cells = [(task, searcher) for task in tasks for searcher in plan.searchers]
    places: dict[tuple[str, str], tuple[str, ...]] = {
        cell: (*cell, code[cell[1]]) if code else cell for cell in cells
    }
    found = {cell: archive.find_table(key, places[cell]) for cell in cells}
    missing = [cell for cell in cells if found[cell] is None]
    done = len(cells) - len(missing)
    work = [
        (plan, places[cell], key, folder, inputs[0], facts[cell[0]], surrogate, curves)
        for cell in missing
    ]
    for cell in _finished(work, processes):
        done += 1
        logger.info("benchmark: %d of %d cells, %s on %s", done, len(cells), cell[1], cell[0])
        if on_progress is not None:
            on_progress(done, len(cells), f"{cell[1]} on {cell[0]}")
    found |= {cell: archive.read_table(key, places[cell]) for cell in missing}
    trials = pd.concat([found[cell] for cell in cells], ignore_index=True)
    whole = trials[trials["status"] == "completed"]
    finished = set(whole[["task", "searcher"]].itertuples(index=False, name=None))
    if without := [cell for cell in cells if cell not in finished]:
        task, searcher = without[0]
        raise InputError(
            f"no simulated training of {task} ends in any search of {searcher}",
            key="benchmark.simulated_hours",
            remedy="Allow more hours, or leave them out.",
        )
    return trials


_Work = tuple[BenchmarkPlan, tuple[str, ...], str, Path, str, TaskFacts, Path, Path | None]


def _finished(work: list[_Work], processes: int) -> Iterator[tuple[str, str]]:
    """Yield the cells as they finish."""
    if processes == 1 or len(work) <= 1:
        for item in work:
            yield _run_and_keep(item)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, mp_context=context) as pool:
        for future in as_completed([pool.submit(_run_and_keep, item) for item in work]):
            yield future.result()


def _run_and_keep(item: _Work) -> tuple[str, str]:
    plan, place, key, folder, version, facts, surrogate, curves = item
    task, searcher = place[:2]
    evaluations, fitted, of_curves = _inputs(key, folder, version, surrogate, curves)
    trials = run_cell(plan, task, searcher, evaluations, facts, fitted, of_curves)
    Store(folder).write_table(key, place, trials, Record(key))
    return task, searcher


@functools.lru_cache(maxsize=1)
def _inputs(
    key: str, folder: Path, version: str, surrogate: Path, curves: Path | None
) -> tuple[pd.DataFrame, Surrogate, Curves | None]:
    """Read the inputs once per process; ``key`` changes with what is in the files."""
    of_curves = None if curves is None else Curves.load(curves)
    evaluations = Store(folder).read_table(EVALUATIONS, (version,))
    return evaluations, Surrogate.load(surrogate), of_curves


def run_cell(
    plan: BenchmarkPlan,
    task: str,
    searcher: str,
    evaluations: pd.DataFrame,
    facts: TaskFacts,
    surrogate: Surrogate,
    curves: Curves | None = None,
) -> pd.DataFrame:
    """Run all repetitions of one searcher on one task; see :func:`run_benchmark`."""
    space = surrogate.space
    learned_from = in_place_of_score(evaluations, plan.objective)
    others = learned_from[learned_from["task"] != task]
    oracle, fidelities = oracle_of(plan, task, searcher, evaluations, surrogate, curves)
    known = find_searcher(searcher)
    name = searcher.removesuffix(BOX)
    if known.box:
        sources = list(others["task"].unique())
        space = bounding_box(space, top_configurations(others, sources, plan.transfer_top_k, space))
    parts = []
    for repetition in range(plan.repetitions):
        seed = named_seed(plan.seed, "benchmark", task, searcher, repetition)
        common = named_seed(plan.seed, "benchmark", task, "replicate", repetition)
        told = Told(oracle, facts, common, fidelities)
        problem = Problem(
            space,
            seed,
            plan.trials,
            known.objectives if plan.objective == SCORE else (NAMED[plan.objective],),
            fidelities=fidelities,
            points_to_evaluate=_start_points(plan, task, repetition, space),
            evidence=others,
            settings=plan.settings.get(name, {}),
        )
        conversation = AskTell(name, problem)
        found = simulate(
            conversation,
            told,
            workers=plan.workers,
            trials=plan.trials,
            simulated_hours=plan.simulated_hours,
            clock=plan.clock,
            objectives=told.objectives,
        )
        parts.append(
            told.with_truth(found, surrogate.space).assign(
                task=task,
                searcher=searcher,
                repetition=repetition,
                search_seed=seed,
                searcher_seconds=conversation.seconds,
            )
        )
    return pd.concat(parts, ignore_index=True)


def _start_points(
    plan: BenchmarkPlan, task: str, repetition: int, space: SearchSpace
) -> Sequence[Mapping[str, Any]]:
    """Draw the configurations that the searches of a repetition begin with."""
    free = [name for name, values in space.hyperparameters.items() if fixed_value(values) is None]
    count = int(min(plan.workers, plan.trials, max(1, space.size / 2)))
    seed = named_seed(plan.seed, "benchmark", task, "start", repetition)
    drawn = sample_configurations(space, count, seed)[free].to_dict("records")
    return [{str(name): value for name, value in point.items()} for point in drawn]


def oracle_of(
    plan: BenchmarkPlan,
    task: str,
    searcher: str,
    evaluations: pd.DataFrame,
    surrogate: Surrogate,
    curves: Curves | None,
) -> tuple[Oracle, tuple[int, ...]]:
    """Return what knows the truth about a searcher's proposals, and at which epochs."""
    if find_searcher(searcher).stops_early and curves is not None:
        if plan.oracle == "table":
            return CurveTableOracle(curves.measured, surrogate.space, task), curves.fidelities
        return CurveOracle(curves.surrogate, task), curves.fidelities
    if plan.oracle == "table":
        return TableOracle(evaluations, surrogate.space, task), (1,)
    return SurrogateOracle(surrogate, task), (1,)
