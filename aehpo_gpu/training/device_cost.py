"""The cost model of the present device: measured if need be, and kept.

What the model says and how it is fitted belongs to ``cost``, the timings to ``timing``.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

import pandas as pd
import torch

from aehpo_assets.store.processor import processor_name
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.cost import CostModel, load_cost_model, save_cost_model
from aehpo_gpu.training.decoders import ontology_for_timing, with_decoder
from aehpo_gpu.training.task import TrainingSettings, device_name
from aehpo_gpu.training.timing import measure_cost_model
from aehpo_gpu.training.work import TERMS, run_work

logger = logging.getLogger(__name__)

LARGER_THAN_MEASURED = 1.05
"""A run whose operations exceed those of all timings by more than this asks for new timings."""


def cost_model(
    folder: Path,
    architecture: str,
    runs: pd.DataFrame,
    n_features: int,
    settings: TrainingSettings,
) -> CostModel:
    """Return the cost model of this device, measured if need be and kept in a folder.

    What is kept is used as long as no run is larger than all that was timed.

    Parameters
    ----------
    folder
        Folder of the models: one file for each processor, architecture, loss and precision.
    architecture
        Name of the architecture.
    runs
        The runs whose cost will be asked for; timings are spread over them.
    n_features
        Features of the task.
    settings
        Device, precision, VAE loss.
    """
    own = ARCHITECTURES[architecture]
    runs = with_decoder(own, runs, ontology_for_timing(own, n_features))
    name = priced_device(settings.torch_device())
    parts = (name, architecture, settings.vae_loss, settings.precision)
    path = folder / f"{re.sub(r'[^a-z0-9]+', '-', ' '.join(parts).lower())}.json"
    model = load_cost_model(path, parts)
    overlapped = settings.torch_device().type == "cuda"
    if (
        model is None
        or model.overlapped != overlapped
        or _largest_step(architecture, runs, n_features) > LARGER_THAN_MEASURED * model.largest_step
    ):
        logger.info("measuring what training costs on %s, under a minute", name)
        model = measure_cost_model(architecture, runs, n_features, settings)
        save_cost_model(model, path, parts)
        logger.info(
            "cost model of %s: error %.0f %% over %d runs alone, %.0f %% over %d fleets",
            name,
            100 * model.solo_error,
            model.solo_timings,
            100 * model.fleet_error,
            model.fleet_timings,
        )
    return model


def priced_device(device: torch.device) -> str:
    """Name of what does the arithmetic: the GPU's own, or the model of the CPU.

    Prices of one processor say nothing of another, also where a home moves between them.
    """
    return device_name(device) if device.type == "cuda" else f"cpu {processor_name()}"


def _largest_step(architecture: str, runs: pd.DataFrame, n_features: int) -> float:
    sizes = runs["batch_size"].to_numpy(dtype=float).tolist()
    work = run_work(architecture, runs, n_features, sizes)
    return float(work[:, TERMS.index("operations")].max())
