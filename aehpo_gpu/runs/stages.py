"""What every stage of a study takes beside its sampled runs: seconds, at the prices of this device.

Trainings are priced by the planner, baselines by ``baseline_seconds``, the rest by a few constants
that were measured on the demo and hold within a factor of about 1.5 on one core of today.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd

from aehpo_assets.datasets.dataset import Dataset
from aehpo_assets.datasets.joint_names import is_joint, parts_of
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.train_sizes import MOST_SIZES
from aehpo_assets.hpo.transfer.leave_one_out import WAYS
from aehpo_assets.race.schedule import most_trainings
from aehpo_assets.study import Study
from aehpo_gpu.runs.baseline_seconds import BaselineSeconds

ARTEFACT = 1.0
"""Seconds of any artefact: reading, checks, pictures, the history of runs."""

ARTEFACTS_OF_A_TASK = 6
ARTEFACTS_OF_AN_ARCHITECTURE = 7
ARTEFACTS_OF_BOTH = 7

REPLICATE = 1.0
"""Seconds of fitting a replicate and of preparing its fleets."""

TRIAL = 0.03
"""Seconds of a simulated trial: what a searcher thinks, and what a surrogate answers."""

SURROGATE = 2.0
SURROGATE_GROWTH = 4e-10
"""Seconds of a task, and of the cube of its configurations up to :data:`LARGEST_PROCESS`."""
LARGEST_PROCESS = 2_000

REPORT = 12.0
REPORT_OF_A_TASK = 12.0
"""Seconds of the page of a study: its pictures, and the layouts of the samples of a task."""

START = 8.0
"""Seconds until the first artefact is begun."""


@dataclass(frozen=True)
class Stage:
    """A stage of a study.

    Attributes
    ----------
    name
        What is made.
    architecture, task
        Of what; empty for what they share.
    runs
        Trainings.
    seconds
        What it takes.
    at_most
        Whether it may end before.
    """

    name: str
    architecture: str
    task: str
    runs: int
    seconds: float
    at_most: bool = False


Priced = Callable[[int], float]
"""So many configurations side by side in one replicate to the seconds of their training."""


def classes_of(dataset: Dataset, samples: pd.Index, modality: str) -> tuple[int, ...]:
    """Return the number of classes of each label that is scored."""
    labels = read_labels(dataset, samples, modality)
    scored = labels.select_dtypes(exclude="number")
    return tuple(int(count) for count in scored.nunique() if count > 1)


def stages_of_task(study: Study, task: str, of: BaselineSeconds) -> list[Stage]:
    """Return what is made once a task: its matrices and its baselines."""
    fresh = study.hpo.validation_seeds or study.replicates
    seconds = of.performance(study.replicates, fresh)
    stages = [
        Stage("data", "", task, 0, ARTEFACTS_OF_A_TASK * ARTEFACT),
        Stage("baselines", "", task, 0, seconds),
    ]
    if study.replicates == 1:
        # Baselines of several replicates are scored on test together with valid, and kept.
        stages.append(Stage("opening the test", "", task, 0, of.again()))
    if is_joint(task):
        stages.append(Stage("shared factors", "", task, 0, ARTEFACT + of.factors()))
    return stages


def stages_of_both(
    study: Study,
    architecture: str,
    task: str,
    train: Priced,
    of: BaselineSeconds,
    configurations: int,
) -> list[Stage]:
    """Return what is made of one architecture on one task beside the sampled runs.

    Parameters
    ----------
    study
        The study.
    architecture, task
        Of what.
    train
        What trainings of the first sampled configurations take.
    of
        The baselines of the task.
    configurations
        How many are trained.
    """
    own = (architecture, task)
    seeds = study.hpo.validation_seeds or len(study.run_seeds)
    candidates = 2 * study.hpo.validate_top + 1
    validation = seeds * (train(candidates) + candidates * of.probe(_widest(of)) + REPLICATE)
    transfers = 2 if study.tasks == "all" or len(study.tasks) > 1 else 1
    trials = study.hpo.trials * len(study.hpo.searchers) * study.hpo.repetitions * transfers
    size = min(configurations, LARGEST_PROCESS)
    stages = [
        Stage(
            "surrogate and searches",
            *own,
            0,
            SURROGATE + SURROGATE_GROWTH * size**3 + TRIAL * trials,
        ),
    ]
    if study.race is not None:
        stages.append(_race(study, own, train, of))
    stages += [
        Stage("validation", *own, candidates * seeds, validation),
        Stage("latents", *own, study.hpo.validate_top, train(study.hpo.validate_top)),
        Stage("the rest", *own, 0, ARTEFACTS_OF_BOTH * ARTEFACT),
    ]
    if is_joint(task):
        runs = seeds * len(parts_of(task))
        seconds = runs * (train(1) + 2 * of.probe(_widest(of))) + seeds * REPLICATE
        stages.append(Stage("late fusion", *own, runs, seconds))
    if study.train_sizes is not None:
        sizes = len(study.train_sizes.sizes or range(MOST_SIZES - 1))
        parts = sizes * min(study.train_sizes.replicates, seeds)
        seconds = parts * (train(2) + 3 * of.probe(_widest(of)) + REPLICATE)
        stages.append(Stage("train sizes", *own, 2 * parts, seconds, at_most=True))
    if study.benchmark is not None:
        asked = study.benchmark
        repeated = len(asked.searchers) * asked.repetitions * len(asked.grounds)
        seconds = TRIAL * repeated * asked.trials / max(1, asked.processes)
        stages.append(Stage("benchmark of searchers", *own, 0, seconds))
        if asked.validate_repetitions is not None:
            found = len(asked.searchers) * asked.validate_repetitions * len(asked.grounds)
            seconds = seeds * (train(found) + REPLICATE)
            stages.append(Stage("what it found", *own, found * seeds, seconds, at_most=True))
    if study.transfer_benchmark is not None:
        compared = study.transfer_benchmark
        held_out = len(compared.searchers) * len(WAYS) * compared.repetitions
        stages.append(Stage("benchmark of transfer", *own, 0, TRIAL * held_out * compared.trials))
    if study.live is not None:
        live = study.live
        batches = math.ceil(live.runs / live.batch)
        seconds = len(live.searchers) * batches * (train(live.batch) + REPLICATE)
        if live.seconds is not None:
            seconds = min(seconds, len(live.searchers) * live.seconds)
        runs = len(live.searchers) * live.runs
        stages.append(Stage("live searches", *own, runs, seconds, at_most=True))
    return stages


def shared_stages(study: Study, tasks: Sequence[str]) -> list[Stage]:
    """Return what is made once an architecture, or once a study."""
    summaries = len(study.architectures) * ARTEFACTS_OF_AN_ARCHITECTURE * ARTEFACT
    stages = [Stage("start and summaries", "", "", 0, START + summaries)]
    if study.report is not None:
        pages = len(study.architectures) * len(tasks)
        stages.append(Stage("page of the study", "", "", 0, REPORT + REPORT_OF_A_TASK * pages))
    return stages


def _race(study: Study, own: tuple[str, str], train: Priced, of: BaselineSeconds) -> Stage:
    assert study.race is not None
    runs, seconds = 0, 0.0
    schedule = most_trainings(study.race.candidates, study.race.max_replicates)
    for side_by_side, replicates in schedule:
        runs += side_by_side * replicates
        scoring = side_by_side * of.probe(_widest(of))
        seconds += replicates * (train(side_by_side) + scoring + REPLICATE)
    baselines = study.race.max_replicates * of.raced()
    return Stage("race", *own, runs, seconds + baselines, at_most=True)


def _widest(of: BaselineSeconds) -> int:
    return max(of.dims, default=1)
