"""What every asset that trains or scores begins with: the task, and the table of runs to train.

Training refuses a matrix whose checks did not pass, whatever run or code location made it: the
inputs are read through :class:`~aehpo_assets.defs.making.Making`, which looks at their records.
"""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from aehpo_assets.defs.making import Making
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.store.code_version import Chosen
from aehpo_assets.store.store import artefact_name
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.runs.table import RunTable, study_replicates, training_settings
from aehpo_gpu.training.replicates import Replicates
from aehpo_gpu.training.task import (
    ONTOLOGY,
    REPLICATE_INPUTS,
    TRAINING_INPUTS,
    TrainingTask,
    training_task,
)

TASK = (training_task, Replicates)
"""What computes :func:`read_training_task` and :func:`read_replicates`."""

ARCHITECTURE = (Chosen(ARCHITECTURES), Chosen(ARCHITECTURE_SPACES))
"""The architecture of the partition, as it is trained and as it is searched."""

TRAINING_SETTINGS = ("epochs", "steps", "annealing", "vae_loss", "precision", "device")
"""Settings of the study that the results of a run depend on."""


def read_training_task(making: Making, task: str) -> TrainingTask:
    """Read the inputs of a training, and record them.

    Raises
    ------
    StaleInputError
        If one is missing, damaged, or did not pass its blocking checks.
    """
    matrix, split, labels = (making.table(asset, task) for asset in TRAINING_INPUTS)
    return training_task(task, matrix, split, labels, _read_ontology(making, task))


def _read_ontology(making: Making, task: str) -> pd.DataFrame | None:
    """The ontology of a task, if the architecture of the partition needs one."""
    known = ARCHITECTURE_SPACES.get(making.partition[0])
    return making.table(ONTOLOGY, task) if known is not None and known.ontology else None


def inputs_of_task(making: Making, task: str) -> dict[str, str]:
    """Return name to version of what :func:`read_training_task` read.

    What else was read, to choose the runs, changes nothing of their results.
    """
    names = [artefact_name(asset, (task,)) for asset in TRAINING_INPUTS]
    return {name: making.inputs[name] for name in names}


def read_replicates(making: Making, task: str) -> Replicates | None:
    """Read what the replicates of a task are made of; None if the study has one only.

    Raises
    ------
    StaleInputError
        As :func:`read_training_task`.
    """
    return None if making.settings.replicates == 1 else read_task_replicates(making, task)


def read_task_replicates(making: Making, task: str) -> Replicates:
    """Read what the replicates of a task are made of, the first included.

    Raises
    ------
    StaleInputError
        As :func:`read_training_task`.
    """
    tables = {asset: making.table(asset, task) for asset in REPLICATE_INPUTS[1:]}
    versions = {a: making.inputs[artefact_name(a, (task,))] for a in REPLICATE_INPUTS}
    ontology = _read_ontology(making, task)
    return study_replicates(task, making.settings, tables, versions, ontology)


def run_table(
    making: Making, data: TrainingTask, runs: pd.DataFrame, curves_at: tuple[int, ...] | None = None
) -> RunTable:
    """Return runs of the partition's architecture as a table that can be trained.

    Parameters
    ----------
    making
        What they are trained for.
    data
        Output of :func:`read_training_task`.
    runs
        One row a run: ``config_id``, the hyperparameters and ``seed``.
    curves_at
        Fidelities to keep learning curves at, without scores; those of the study by default.
    """
    settings = training_settings(making.settings)
    if curves_at is not None:
        settings = replace(settings, fidelities=curves_at, score_fidelities=False)
    return RunTable(
        architecture=making.partition[0],
        data=data,
        runs=runs,
        settings=settings,
        inputs=inputs_of_task(making, data.task),
        home=making.home,
        replicates=read_replicates(making, data.task),
    )
