"""The largest networks of the study (4096/4/1/64, batch 256) against the machine's sgemm rate.

On the CPU as many networks train side by side as the sgemm has threads.
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import torch

from aehpo_assets.space.widths import run_widths
from aehpo_gpu.training.fleets import Fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import TERMS, step_work
from benchmarks.case import Case, threads
from benchmarks.data import small_runs, synthetic_task
from benchmarks.machine import sgemm_rate

BATCH_SIZE = 256


def run(quick: bool) -> list[Case]:
    """Measure the share of the sgemm rate that training reaches, optimiser and all."""
    with threads(os.cpu_count() or 1):
        return [_case(quick)]


def _case(quick: bool) -> Case:
    steps = 2 if quick else 4
    settings = TrainingSettings(epochs=1)
    device = settings.torch_device()
    matrix = ResidentMatrix(synthetic_task(4096, steps * BATCH_SIZE), settings)
    networks = 1 if device.type == "cuda" else torch.get_num_threads()
    runs = small_runs(networks).assign(
        k_filter=4096, n_layers=4, enc_factor=1.0, latent_dim_fixed=64, batch_size=BATCH_SIZE
    )
    widths = np.array(run_widths(runs, 4096))
    operations = step_work(widths, 1, 1, BATCH_SIZE)[0, TERMS.index("operations")]
    shares, rates = [], []
    for _ in range(2 if quick else 4):
        seconds = _training_seconds(matrix, runs, settings)
        rates.append(sgemm_rate(device.type, 4096 if device.type == "cuda" else 2048))
        shares.append(networks * operations * steps / seconds / rates[-1])
    if device.type == "cuda":
        torch.cuda.empty_cache()
    return Case.of(
        "largest networks, share of the sgemm rate",
        "measured sgemm rate",
        0.65,
        shares,
        device=device.type,
        sgemm_gflops=max(rates) / 1e9,
        operations_per_step=operations,
    )


def _training_seconds(
    matrix: ResidentMatrix, runs: pd.DataFrame, settings: TrainingSettings
) -> float:
    """Seconds of training, each network a fleet of its own."""
    fleets = [[row] for row in range(len(runs))]
    trained = Fleets("vanillix", runs, fleets, matrix, settings).advance([settings.length])
    return max(reached.seconds[0] * len(reached.sharing) for reached in trained)
