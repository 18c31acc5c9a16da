"""A training of xmodalix on two modalities, and its network."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch

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


def stopped_and_not(
    data: TrainingTask, runs: pd.DataFrame, settings: TrainingSettings, folder: Path
) -> tuple[FleetTraining, FleetTraining]:
    """One that goes on from what another wrote after two epochs, and that other, both trained."""
    whole = training_of(data, runs, settings)
    whole.train(2)
    torch.save(whole.state(), folder / "state.pt")
    whole.advance(settings.epochs)
    resumed = training_of(data, runs, settings)
    resumed.restore(torch.load(folder / "state.pt", weights_only=True))
    resumed.advance(settings.epochs)
    return resumed, whole
