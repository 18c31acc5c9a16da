"""What every asset that trains or scores reads first: matrix, split and targets of a task.

Training refuses a matrix whose checks did not pass, whatever run or code location made it: the
inputs are read through :class:`~aehpo_assets.defs.making.Making`, which looks at their records.
"""

from __future__ import annotations

from aehpo_assets.defs.making import Making
from aehpo_assets.space import ARCHITECTURE_SPACES
from aehpo_assets.store.code_version import Chosen
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.task import TRAINING_INPUTS, TrainingTask, training_task

TASK = (training_task,)
"""What computes :func:`read_training_task`."""

ARCHITECTURE = (Chosen(ARCHITECTURES), Chosen(ARCHITECTURE_SPACES))
"""The architecture of the partition, as it is trained and as it is searched."""


def read_training_task(making: Making, task: str) -> TrainingTask:
    """Read the inputs of a training, and record them.

    Raises
    ------
    StaleInputError
        If one is missing, damaged, or did not pass its blocking checks.
    """
    matrix, split, labels = (making.table(asset, task) for asset in TRAINING_INPUTS)
    return training_task(task, matrix, split, labels)
