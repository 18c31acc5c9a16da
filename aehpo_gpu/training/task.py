"""What a training is given: the data of a task and the settings that all runs share."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.joint_names import modality_of
from aehpo_assets.datasets.labels import DownstreamTargets, class_codes, downstream_targets
from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.errors import InputError
from aehpo_assets.space.batches import epochs_of_steps, last_tenth
from aehpo_assets.space.training import LENGTHS

EVALUATION_CHUNK = 256
"""Samples evaluated at once; fixed, since MMD and total correlation depend on the batch."""

Precision = Literal["float32", "float64", "tf32", "bfloat16"]


@dataclass(frozen=True)
class TrainingTask:
    """The data of one task.

    Attributes
    ----------
    task
        Name of the task.
    matrix
        (samples, features), features by variance on train, scaled.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels that the latents are scored by.
    modalities
        (features,) modality of each feature of a joint task; None for any other.
    ontology
        What the features belong to; None for architectures that need not know.
    classes
        (samples,) class of each sample in the label of a class loss, -1 for none; None without one.
    """

    task: str
    matrix: np.ndarray
    split: np.ndarray
    targets: DownstreamTargets
    modalities: np.ndarray | None = None
    ontology: Ontology | None = None
    classes: np.ndarray | None = None

    @property
    def given(self) -> tuple[np.ndarray, np.ndarray, DownstreamTargets, np.ndarray | None]:
        """Matrix, split, targets and modalities."""
        return self.matrix, self.split, self.targets, self.modalities

    @property
    def n_features(self) -> int:
        """Number of features; a run that asks for more uses all."""
        return self.matrix.shape[1]

    @property
    def n_train(self) -> int:
        """Number of train samples."""
        return int((self.split == "train").sum())


@dataclass(frozen=True)
class TrainingSettings:
    """What all runs of a study share.

    Attributes
    ----------
    epochs, steps
        How long a run is trained: one of the two, the other is None.
    fidelities
        After how many epochs, or steps, learning curves are kept; at the end they always are.
    score_fidelities
        Whether the latents are scored there as well, not only at the end.
    annealing
        Name of the schedule that weights the VAE loss.
    vae_loss
        ``kl`` or ``mmd``.
    precision
        Type of the parameters (``float32``, ``float64``), or of the matrix products alone
        (``tf32``, ``bfloat16``, with parameters in float32).
    device
        ``auto``, ``cpu`` or ``cuda``.
    influence
        Whether to keep what each test sample adds to the test score; it changes no run.
    """

    epochs: int | None = None
    fidelities: tuple[int, ...] = ()
    annealing: str = "logistic-mid"
    vae_loss: str = "kl"
    precision: Precision = "float32"
    device: str = "auto"
    score_fidelities: bool = False
    steps: int | None = None
    influence: bool = False

    def identity(self) -> dict[str, Any]:
        """Everything the numbers of a run depend on; what was added later only where it is set."""
        depended_on = asdict(self)
        del depended_on["influence"]
        return {name: value for name, value in depended_on.items() if value is not None}

    @property
    def unit(self) -> str:
        """What lengths count in, as a column of rows: ``epoch`` or ``step``."""
        return "epoch" if self.steps is None else "step"

    @property
    def length(self) -> int:
        """How long a run is trained, in that unit."""
        length = self.epochs if self.steps is None else self.steps
        assert length is not None
        return length

    @property
    def rungs(self) -> list[int]:
        """Where the runs are evaluated: the fidelities, and the end."""
        return sorted({*self.fidelities, self.length})

    def lengths(self, runs: pd.DataFrame) -> np.ndarray:
        """Return how long each run is trained at most, (runs,), in the unit of lengths."""
        name = LENGTHS[self.unit]
        if name not in runs:
            return np.full(len(runs), self.length)
        return np.minimum(runs[name].to_numpy(dtype=float), self.length).astype(int)

    def rungs_of(self, length: int) -> list[int]:
        """Where a run of a length is evaluated; a shorter one before its own last tenth as well."""
        if length == self.length:
            return self.rungs
        before = {rung for rung in self.rungs if rung < length}
        return sorted({*before, *last_tenth(length), length})

    def epoch_of(self, rung: int, n_train: int, batch_size: int) -> int:
        """Return the epoch at whose end a run has reached a rung.

        Runs end whole epochs: a rung of steps is reached by the first that has so many.
        """
        return rung if self.steps is None else epochs_of_steps(rung, n_train, batch_size)

    @property
    def dtype(self) -> torch.dtype:
        """Type of parameters, optimiser state and losses."""
        return torch.float64 if self.precision == "float64" else torch.float32

    def torch_device(self) -> torch.device:
        """The device to train on.

        Raises
        ------
        InputError
            If CUDA is asked for and there is none, or tf32 is asked for without it.
        """
        available = torch.cuda.is_available()
        if self.device == "cuda" and not available:
            raise InputError(
                "cuda is not available on this machine",
                key="device",
                remedy="Set device: auto or cpu in the study file.",
            )
        device = torch.device("cuda" if available and self.device != "cpu" else "cpu")
        if self.precision == "tf32" and device.type == "cpu":
            raise InputError(
                "tf32 exists on CUDA only",
                key="precision",
                remedy="Set precision: float32 in the study file.",
            )
        return device

    def torch_devices(self) -> list[torch.device]:
        """Return all devices that shards may be dealt to: every visible GPU, or the CPU."""
        device = self.torch_device()
        if device.type == "cpu":
            return [device]
        return [torch.device("cuda", number) for number in range(torch.cuda.device_count())]


def device_name(device: torch.device) -> str:
    """Name of a device for records: the GPU's own, or ``cpu``."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"


TRAINING_INPUTS = ("preprocessed_matrix", "data_split", "sample_labels")
"""Assets of a task that every training reads, in the order of :func:`training_task`."""

REPLICATE_INPUTS = (*TRAINING_INPUTS, "omics_matrix")
"""Assets of a task that are read where runs may be of any replicate."""

ONTOLOGY = "feature_ontology"
"""Asset of a task that is read for architectures that need an ontology."""

TASK_INPUTS = (*REPLICATE_INPUTS, ONTOLOGY)
"""Assets of a task that any training may read."""


def training_task(
    task: str,
    matrix: pd.DataFrame,
    split: pd.DataFrame,
    labels: pd.DataFrame,
    ontology: pd.DataFrame | None = None,
) -> TrainingTask:
    """Put the three tables of a task together for training, and its ontology if one is needed."""
    return TrainingTask(
        task=task,
        matrix=matrix.to_numpy(),
        split=split["split"].to_numpy(dtype=str),
        targets=downstream_targets(labels, split["split"]),
        modalities=modality_of(task, matrix.columns),
        ontology=None if ontology is None else Ontology(ontology, tuple(matrix.columns)),
        classes=class_codes(labels),
    )
