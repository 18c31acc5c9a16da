"""Timing of training steps on the present device: runs alone, and fleets of equal runs.

What is made of the timings belongs to ``cost``.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import torch

from aehpo_assets.space.training import ANNEALED
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.cost import CostModel, fit_cost_model
from aehpo_gpu.training.decoders import between_of, ontology_for_timing
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.epoch import train_epoch
from aehpo_gpu.training.fleet import begin
from aehpo_gpu.training.step import TrainingStep
from aehpo_gpu.training.task import TrainingSettings, device_name
from aehpo_gpu.training.work import TERMS, fleet_bytes, pair_tensors, run_work, step_work
from aehpo_gpu.training.workers import alone

SOLO_TIMINGS = 60
FLEET_SIZES = (4, 16, 64)
FLEETS_OF_A_SIZE = 8
SECONDS_OF_A_TIMING = 0.15
MOST_STEPS = {"cpu": 16, "cuda": 64}
"""Steps of an epoch that is timed, at most."""

LARGEST_FLEET_OPERATIONS = 3e10
LARGEST_FLEET_BYTES = 1 << 30


def measure_cost_model(
    architecture: str, runs: pd.DataFrame, n_features: int, settings: TrainingSettings
) -> CostModel:
    """Time some runs alone and some fleets, and fit the prices of their work.

    Parameters
    ----------
    architecture
        Name of the architecture.
    runs
        The space that the timings are spread over: all its sizes, the largest included.
        Hyperparameters of training have their defaults in all timings.
    n_features
        Features of the task.
    settings
        Device, precision, VAE loss.
    """
    zoo = ARCHITECTURES[architecture]
    # Prices are of sizes; which run stands for a size must not decide what they are of.
    sizes_alone = runs.drop(columns=[one.name for one in ANNEALED if one.name in runs])
    sizes_named = [name for name in zoo.sizes if name in runs]
    shapes = sizes_alone.drop_duplicates(
        ["k_filter", "n_layers", "enc_factor", "latent_dim_fixed", *sizes_named]
    )
    widths = run_widths(shapes, n_features)
    sizes = shapes["batch_size"].to_numpy(dtype=int)
    solo = run_work(architecture, shapes, n_features, sizes.tolist())
    operations = solo[:, TERMS.index("operations")]
    pairs = pair_tensors(architecture, settings.vae_loss)
    ends = np.array([[w[0], w[-1]] for w in widths])
    held = fleet_bytes(solo, ends, settings.dtype.itemsize, pairs)
    by_size = np.argsort(operations, kind="stable")
    chosen = [(int(row), 1) for row in _spread(by_size, SOLO_TIMINGS)]
    for runs_of_fleet in FLEET_SIZES if zoo.stacks else ():
        fits = (runs_of_fleet * operations <= LARGEST_FLEET_OPERATIONS) & (
            runs_of_fleet * held <= LARGEST_FLEET_BYTES
        )
        fitting = by_size[fits[by_size]]
        chosen += [(int(row), runs_of_fleet) for row in _spread(fitting, FLEETS_OF_A_SIZE)]
    work, seconds = [], []
    with alone(settings.torch_device()):
        for row, count in chosen:
            members = pd.concat([shapes.iloc[[row]].assign(seed=0)] * count, ignore_index=True)
            seconds.append(time_step(architecture, members, n_features, settings))
            work.append(
                solo[[row]]
                if count == 1
                else step_work(
                    np.array([widths[row]]),
                    count,
                    len(zoo.heads),
                    sizes[row],
                    zoo.draws_of(shapes.iloc[row]),
                    between_of(zoo, shapes.iloc[row]),
                )
            )
    counts = np.array([count for _, count in chosen])
    device = settings.torch_device()
    return fit_cost_model(
        device_name(device),
        np.concatenate(work),
        np.array(seconds),
        counts,
        overlapped=device.type == "cuda",
    )


def _spread(rows: np.ndarray, count: int) -> np.ndarray:
    """Take ``count`` of the rows at even distances, the first and the last included."""
    positions = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return rows[np.unique(positions)]


def time_step(
    architecture: str, members: pd.DataFrame, n_features: int, settings: TrainingSettings
) -> float:
    """Time the training step of a fleet.

    Parameters
    ----------
    architecture
        Name of the architecture.
    members
        One row a run, of equal depth, batch size and seed.
    n_features
        Features of the task.
    settings
        Device, precision, VAE loss.

    Returns
    -------
    float
        Seconds: the quickest of some short epochs, so that a busy machine disturbs little.
    """
    device, batch_size = settings.torch_device(), int(members["batch_size"].iloc[0])
    network, optimiser = begin(
        ARCHITECTURES[architecture],
        with_defaults(members, training_defaults(ARCHITECTURES[architecture])).assign(
            lr_fixed=1e-4
        ),
        features=n_features,
        train_samples=MOST_STEPS[device.type] * batch_size,
        settings=settings,
        modalities=np.arange(n_features) % 2 if ARCHITECTURES[architecture].crossed else None,
        ontology=ontology_for_timing(ARCHITECTURES[architecture], n_features),
    )
    take_step = TrainingStep(network, optimiser)
    source = torch.Generator(device).manual_seed(0)
    size = (MOST_STEPS[device.type] * batch_size, network.width)
    data = torch.randn(size, generator=source, device=device).to(settings.dtype)

    def epoch_seconds(steps: int) -> float:
        batches = [(i * batch_size, (i + 1) * batch_size) for i in range(steps)]
        network.train_samples = steps * batch_size
        started = time.perf_counter()
        train_epoch(take_step, data[: steps * batch_size], batches, 0, 1.0)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started

    epoch_seconds(1)
    steps = int(np.clip(SECONDS_OF_A_TIMING / 3 / epoch_seconds(1), 1, MOST_STEPS["cpu"]))
    if device.type == "cuda":
        # What an epoch begins with, drawn kernel by kernel, takes longer than some replayed steps.
        in_time = SECONDS_OF_A_TIMING * steps / epoch_seconds(steps)
        steps = int(np.clip(in_time, steps, MOST_STEPS["cuda"]))
    until = time.perf_counter() + SECONDS_OF_A_TIMING
    quickest = epoch_seconds(steps)
    while time.perf_counter() < until:
        quickest = min(quickest, epoch_seconds(steps))
    return quickest / steps
