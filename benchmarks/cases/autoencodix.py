"""The study's space against Autoencodix 0.2.5 through its public API, in its own environment.

Both train the 192 configurations of ``study_space`` for the same epochs on the same matrix with
two threads. Autoencodix is timed over ``fit`` (with the losses of the valid split after every
epoch) and ``predict`` (latents and reconstructions of the test split): its training and its
evaluation as its users get them, without reading and preprocessing data, and without keeping the
training dynamics that it keeps by default. Ours is timed from the draw of the weights to losses
and R2 of all splits.

Autoencodix trains a sample of the configurations, evenly spread over their cost; its time for all
is extrapolated in proportion to the cost model's. How far the sample scatters around that
proportion is reported as the standard error of the extrapolation.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_gpu.training.prices import SHIPPED_CPU
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings, TrainingTask
from benchmarks.case import Case, side_by_side, threads
from benchmarks.data import study_runs, synthetic_task
from benchmarks.environment import EnvironmentUnavailableError, autoencodix_python
from benchmarks.fleets import planned, train_planned

ARCHITECTURE = "varix"
NAME = "192 configurations of the study's space, Autoencodix"
AGAINST = "Autoencodix 0.2.5 by its public API, 2 threads"
REACH = 2.8
THREADS = 2
WORKER = Path(__file__).parents[1] / "autoencodix_worker.py"


def run(quick: bool) -> list[Case]:
    """Measure, or say why it cannot be measured."""
    try:
        python = autoencodix_python()
    except EnvironmentUnavailableError as error:
        return [Case(NAME, AGAINST, REACH, skipped=f"Autoencodix cannot be had: {error}")]
    with threads(THREADS), tempfile.TemporaryDirectory() as folder:
        return [_case(quick, python, Path(folder))]


def _case(quick: bool, python: Path, folder: Path) -> Case:
    epochs = 1 if quick else 3
    settings = TrainingSettings(epochs=epochs, device="cpu")
    runs = study_runs(ARCHITECTURE)
    task = synthetic_task(1024)
    matrix = ResidentMatrix(task, settings)
    fleets = planned(matrix, ARCHITECTURE, runs, settings)
    # Loops are compiled once a machine, which is no part of what a study takes.
    train_planned(matrix, ARCHITECTURE, runs, fleets[-1:], settings)
    cost = SHIPPED_CPU.training_runtime(ARCHITECTURE, runs, 1024, len(matrix.train), epochs)
    # The middle of each of as many strata of equal count, from the cheapest run to the dearest.
    size = 12 if quick else 24
    chosen = np.argsort(cost, kind="stable")[len(runs) // size // 2 :: len(runs) // size]
    measured: list[np.ndarray] = []
    with _worker(python, folder, task, runs.iloc[chosen], epochs) as worker:

        def ours() -> float:
            return train_planned(matrix, ARCHITECTURE, runs, fleets, settings)

        def theirs() -> float:
            measured.append(np.array(json.loads(_answer(worker, "measure"))))
            return float(measured[-1].sum() / cost[chosen].sum() * cost.sum())

        sides = side_by_side([(ours, theirs)], 2 if quick else 3)
    return Case.of(
        NAME,
        AGAINST,
        REACH,
        sides.ratios,
        cpu_ratio=sides.cpu_ratio,
        architecture=ARCHITECTURE,
        epochs=epochs,
        seconds=sides.ours,
        seconds_of_autoencodix=sides.theirs,
        configurations_of_autoencodix=size,
        relative_standard_error=_relative_error(np.mean(measured, axis=0), cost[chosen]),
    )


def _relative_error(seconds: np.ndarray, cost: np.ndarray) -> float:
    """Standard error of the ratio ``seconds.sum() / cost.sum()``, relative to it."""
    residuals = seconds - cost * seconds.sum() / cost.sum()
    return float(residuals.std(ddof=1) * np.sqrt(len(cost)) / seconds.sum())


def _worker(
    python: Path, folder: Path, task: TrainingTask, runs: pd.DataFrame, epochs: int
) -> subprocess.Popen[str]:
    """Start the worker and wait until it is warm; leaving its context ends it."""
    parts = {part: task.matrix[task.split == part] for part in ("train", "valid", "test")}
    np.savez(folder / "matrix.npz", **parts)
    configurations = folder / "configurations.json"
    configurations.write_text(runs.to_json(orient="records"), encoding="utf-8")
    command = (python, WORKER, folder / "matrix.npz", configurations, epochs, THREADS)
    worker = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    _answer(worker)
    return worker


def _answer(worker: subprocess.Popen[str], line: str | None = None) -> str:
    """Send a line, if there is one, and return the line that comes back."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    if line is not None:
        worker.stdin.write(line + "\n")
        worker.stdin.flush()
    answer = worker.stdout.readline()
    if not answer:
        raise RuntimeError(f"the worker ended with status {worker.wait()}")
    return answer
