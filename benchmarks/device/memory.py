"""Memory that a plan asks for and a fleet takes; a fleet that is too large splits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from aehpo_gpu.training.fleet import FleetTraining
from aehpo_gpu.training.fleets import Fleets
from aehpo_gpu.training.plan import Fleet, plan_fleets
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.data import study_runs, synthetic_task
from benchmarks.device.check import NO_GPU, Check, device
from benchmarks.device.fleets import free_cache, labelled_task, runs_of

BESIDE = 1 << 28
"""Bytes beside a fleet: the matrix, and the workspace of the matrix library."""


def checks(smoke: bool) -> Iterator[Check]:
    """The largest fleets of a study, and an out-of-memory."""
    yield "largest fleets", lambda: _largest(*((40, 128) if smoke else (3000, 4096)))
    yield "out of memory", lambda: _split(*((4, 128) if smoke else (24, 2048)))


def _largest(configurations: int, features: int) -> dict[str, Any]:
    """Plan a study, and train an epoch of its largest fleet and of its longest."""
    settings = TrainingSettings(epochs=300)
    matrix = ResidentMatrix(synthetic_task(features, 600), settings)
    runs = study_runs("varix", configurations, features)
    fleets = plan_fleets("varix", runs, features, 600, settings)
    found: dict[str, Any] = {}
    ok = True
    sizes: tuple[tuple[str, Fleet], ...] = (
        ("largest", max(fleets, key=lambda fleet: fleet.estimated_bytes)),
        ("most runs", max(fleets, key=lambda fleet: len(fleet.rows))),
    )
    for name, fleet in sizes:
        free_cache()
        training = FleetTraining("varix", runs.iloc[list(fleet.rows)], matrix, settings)
        training.advance(1)
        taken = torch.cuda.max_memory_allocated() if device().type == "cuda" else None
        found[name] = {
            "runs": len(fleet.rows),
            "estimated_gib": fleet.estimated_bytes / 2**30,
            "taken_gib": None if taken is None else taken / 2**30,
        }
        ok &= taken is None or taken < 1.2 * fleet.estimated_bytes + BESIDE
        del training
    return found | {"ok": bool(ok)}


def _split(count: int, features: int) -> dict[str, Any]:
    """Train a fleet with less memory than it takes; the parts end where the whole ends."""
    if device().type == "cpu":
        return NO_GPU
    free_cache()
    settings = TrainingSettings(epochs=1)
    matrix = ResidentMatrix(labelled_task(600, features), settings)
    runs = runs_of(count, features, n_layers=3, enc_factor=1.2, latent_dim_fixed=16, batch_size=64)
    fleets = [list(range(count))]
    whole = Fleets("vanillix", runs, fleets, matrix, settings).advance([1])
    peak = torch.cuda.max_memory_allocated()
    free_cache()
    total = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(0.6 * peak / total)
    try:
        parts = Fleets("vanillix", runs, fleets, matrix, settings).advance([1])
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    losses = [
        np.concatenate([r.metrics["train_recon_loss"].cpu().numpy() for r in trained])
        for trained in (whole, parts)
    ]
    difference = float(np.abs(losses[1] / losses[0] - 1).max())
    found = {"parts": [len(r.rows) for r in parts], "largest_difference": difference}
    return found | {"ok": len(parts) > 1 and difference < 1e-2}
