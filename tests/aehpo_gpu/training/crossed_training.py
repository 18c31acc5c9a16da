"""A training of xmodalix on two modalities, and its network."""

from __future__ import annotations

import numpy as np
import pandas as pd

from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask

SETTINGS = TrainingSettings(epochs=3, device="cpu", precision="float64")
MODALITIES = np.array(["rna", "cna"] * 16 + ["rna"] * 16)


def training_of(
    data: TrainingTask, runs: pd.DataFrame, settings: TrainingSettings = SETTINGS
) -> FleetTraining:
    return FleetTraining("xmodalix", runs, ResidentMatrix(data, settings), settings)


def network_of(training: FleetTraining) -> CrossedNetwork:
    assert isinstance(training.network, CrossedNetwork)
    return training.network
