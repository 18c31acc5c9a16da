"""The GPU gives what the CPU gives, a run is untouched by its fleet, precision is what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.training.prices import SHIPPED_CPU
from aehpo_gpu.training.rungs import train_rungs
from aehpo_gpu.training.step import TrainingStep, _Graph
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.device.check import NO_GPU, Check, device
from benchmarks.device.fleets import apart, labelled_task, mixed_runs, runs_of, train

FLOAT64, FLOAT32 = 1e-7, 5e-2
"""Relative differences that a training of some epochs may have on another device: rounding grows
from step to step."""


def checks(smoke: bool) -> Iterator[Check]:
    """Devices, independence, repetition, divergence, precisions, scores."""
    epochs = 1 if smoke else 5
    for architecture in ("vanillix", "varix", "disentanglix"):
        yield f"CPU and GPU, {architecture}", lambda a=architecture: _devices(a, epochs)
    yield "CPU and GPU, varix with MMD", lambda: _devices("varix", epochs, vae_loss="mmd")
    yield "alone and in a fleet", lambda: _alone(epochs)
    yield "the same fleet again", lambda: _again(epochs)
    yield "replayed and kernel by kernel", lambda: _replayed(epochs)
    yield "others leave the fleet", lambda: _leaving(2 * epochs)
    yield "a run that diverges", lambda: _divergence(2 * epochs)
    yield "precisions", lambda: _precisions(smoke)
    yield "scores", lambda: _scores(epochs)


def _devices(architecture: str, epochs: int, **settings: Any) -> dict[str, Any]:
    task, runs, found = labelled_task(), mixed_runs(), {}
    for precision in ("float64", "float32"):
        there, here = (
            train(
                task, runs, architecture, epochs=epochs, precision=precision, device=d, **settings
            )
            for d in ("cpu", device().type)
        )
        found[precision] = apart(here[1], there[1])
    return found | {"ok": found["float64"] < FLOAT64 and found["float32"] < FLOAT32}


def _alone(epochs: int) -> dict[str, Any]:
    task, runs, found = labelled_task(), mixed_runs(), {}
    for precision in ("float64", "float32"):
        _, together = train(task, runs, epochs=epochs, precision=precision)
        alone = [
            train(task, runs.iloc[[row]], epochs=epochs, precision=precision)[1]
            for row in range(len(runs))
        ]
        joined = {name: np.concatenate([run[name] for run in alone]) for name in together}
        found[precision] = apart(joined, together)
    return found | {"ok": found["float64"] < FLOAT64 and found["float32"] < FLOAT32}


def _again(epochs: int) -> dict[str, Any]:
    task, runs = labelled_task(), mixed_runs()
    first, second = (train(task, runs, epochs=epochs)[0] for _ in range(2))
    return {"ok": torch.equal(first.latents, second.latents)}


def _replayed(epochs: int) -> dict[str, Any]:
    """A graph does what its kernels do."""
    if device().type == "cpu":
        return NO_GPU
    task, runs = labelled_task(), mixed_runs()
    _, replayed = train(task, runs, epochs=epochs)
    captured = TrainingStep._captured
    try:
        TrainingStep._captured = lambda *batch: _Graph(None)  # type: ignore[method-assign]
        _, launched = train(task, runs, epochs=epochs)
    finally:
        TrainingStep._captured = captured  # type: ignore[method-assign]
    difference = apart(replayed, launched)
    return {"largest_difference": difference, "ok": difference < FLOAT32}


def _leaving(epochs: int) -> dict[str, Any]:
    """Runs that go on while others leave end as they would have ended."""
    settings = TrainingSettings(epochs=epochs, fidelities=(epochs // 2,))
    table = train_rungs(
        labelled_task(),
        "varix",
        mixed_runs(),
        [[0, 1, 2, 3]],
        settings,
        SHIPPED_CPU,
        lambda epoch, rows: [run != "1" for run in rows["config_id"]],
    )
    ends = table[table["epoch"] == epochs].set_index("config_id")
    _, whole = train(labelled_task(), mixed_runs(), epochs=epochs)
    staying = {name: values[[0, 2, 3]] for name, values in whole.items()}
    difference = apart({name: ends[name].to_numpy() for name in staying}, staying)
    ok = list(ends.index) == ["0", "2", "3"] and difference < FLOAT32
    return {"largest_difference": difference, "ok": ok}


def _divergence(epochs: int) -> dict[str, Any]:
    task, runs = labelled_task(), mixed_runs()
    bad = runs.assign(lr_fixed=[1e-3, 1e30, 3e-4, 5e-3])
    healthy, result = (train(task, table, epochs=epochs)[0] for table in (runs, bad))
    others = [0, 2, 3]
    diverged = result.diverged.tolist()
    untouched = torch.equal(result.latents[others], healthy.latents[others])
    ok = untouched and diverged == [False, True, False, False]
    return {"diverged": diverged, "others_bit_equal": untouched, "ok": ok}


def _precisions(smoke: bool) -> dict[str, Any]:
    """Reduced precision changes digits, by less than another seed does."""
    if device().type == "cpu":
        return NO_GPU
    task = labelled_task(1200, 256 if smoke else 1024)
    runs = runs_of(8, task.matrix.shape[1], enc_factor=1.5, latent_dim_fixed=32, batch_size=256)

    def r2(table: pd.DataFrame, precision: str) -> np.ndarray:
        return train(task, table, epochs=20, precision=precision)[1]["valid_r2"]

    exact = r2(runs, "float32")
    seeds = float(np.abs(r2(runs.assign(seed=1), "float32") - exact).max())
    found: dict[str, Any] = {"another_seed": seeds}
    for precision in ("tf32", "bfloat16"):
        found[precision] = float(np.abs(r2(runs, precision) - exact).max())
    return found | {"ok": all(0 < found[name] < seeds for name in ("tf32", "bfloat16"))}


def _scores(epochs: int) -> dict[str, Any]:
    task = labelled_task()
    latents = train(task, mixed_runs(), epochs=epochs)[0].latents
    here, there = (score_latents(x, task.split, task.targets) for x in (latents, latents.cpu()))
    numbers = here.select_dtypes("number").columns
    difference = float(np.nanmax(np.abs(here[numbers] - there[numbers])))
    return {"largest_difference": difference, "ok": difference < 1e-6}
