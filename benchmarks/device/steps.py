"""How long a training step takes, launched kernel by kernel and replayed, and what is in it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch

from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.optimiser import StackedOptimiser, update
from aehpo_gpu.training.step import TrainingStep
from benchmarks.device.check import Check, device, median_seconds, synchronise
from benchmarks.device.fleets import free_cache, runs_of

STEPS = 20

FLEETS = {
    "64 x 128/2/4/2, batch 32": ("varix", runs_of(64, 128)),
    "512 x 128/4/1.5/16, batch 32": (
        "varix",
        runs_of(512, 128, n_layers=4, enc_factor=1.5, latent_dim_fixed=16),
    ),
    "16 x 1024/3/2/16, batch 64": (
        "varix",
        runs_of(16, 1024, n_layers=3, enc_factor=2.0, latent_dim_fixed=16, batch_size=64),
    ),
    "32 x 4096/3/2/32, batch 32": (
        "varix",
        runs_of(32, 4096, n_layers=3, enc_factor=2.0, latent_dim_fixed=32),
    ),
    "1 x 4096/4/1/64, batch 256": (
        "vanillix",
        runs_of(1, 4096, n_layers=4, enc_factor=1.0, latent_dim_fixed=64, batch_size=256),
    ),
}
"""Features / layers / encoding factor / latents: from the smallest networks to the largest."""

REDUCED = "32 x 4096/3/2/32, batch 32"
"""The fleet that is timed in reduced precision as well."""


def checks(smoke: bool) -> Iterator[Check]:
    """Each fleet in float32, one of them in reduced precision as well; AdamW by itself."""
    precisions = ["float32"] if device().type == "cpu" else ["float32", "tf32", "bfloat16"]
    for name, (architecture, runs) in FLEETS.items():
        if smoke and len(runs) != 64:
            continue
        for precision in precisions if name == REDUCED else ["float32"]:
            yield (
                f"{name}, {precision}",
                lambda a=architecture, r=runs, p=precision: _step(
                    a, r.head(2 if smoke else None), p
                ),
            )
    yield "AdamW", lambda: _optimiser(1 << (16 if smoke or device().type == "cpu" else 27))


def _step(architecture: str, runs: pd.DataFrame, precision: str) -> dict[str, Any]:
    free_cache()
    samples, features = int(runs["batch_size"].iloc[0]), int(runs["k_filter"].max())
    started = time.perf_counter()
    network = FleetNetwork(
        ARCHITECTURES[architecture],
        runs,
        features=features,
        train_samples=STEPS * samples,
        vae_loss="kl",
        precision=precision,
        device=device(),
        dtype=torch.float32,
    )
    rates = torch.full((len(runs),), 1e-4, device=device())
    take_step = TrainingStep(network, StackedOptimiser(network.stack, rates))
    x, noise = (
        torch.randn(samples, network.width, device=device()),
        network.draw_noise(0, range(samples)),
    )
    synchronise()
    drawn = time.perf_counter() - started
    started = time.perf_counter()
    take_step(x, noise)
    synchronise()
    first = time.perf_counter() - started
    launched = median_seconds(lambda: take_step._step(x, noise))
    replayed = median_seconds(lambda: [take_step(x, noise) for _ in range(STEPS)]) / STEPS
    found = {
        "milliseconds": 1e3 * replayed,
        "milliseconds_kernel_by_kernel": 1e3 * launched,
        "seconds_of_the_first": first,
        "seconds_to_draw_weights": drawn,
    }
    return found | _kernels(take_step, x, noise)


def _kernels(
    take_step: TrainingStep, x: torch.Tensor, noise: dict[str, torch.Tensor]
) -> dict[str, Any]:
    """Kernels of a step, and the time that the GPU is busy with them."""
    if device().type == "cpu":
        return {}
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as profiler:
        take_step._step(x, noise)
        synchronise()
    events = [e for e in profiler.events() if e.device_type == torch.autograd.DeviceType.CUDA]
    busy = sum(event.device_time_total for event in events)
    most: dict[str, float] = {}
    for event in events:
        most[event.name[:48]] = most.get(event.name[:48], 0) + event.device_time_total / busy
    largest = sorted(most.items(), key=lambda item: -item[1])[:5]
    return {"kernels": len(events), "milliseconds_busy": busy / 1e3, "most": dict(largest)}


def _optimiser(parameters: int) -> dict[str, Any]:
    """Bytes that AdamW moves for a parameter, by the clock and the bandwidth of a copy."""
    runs = 8
    state = [torch.rand(runs, parameters // runs, device=device()) for _ in range(4)]
    alive = torch.ones(runs, dtype=torch.bool, device=device())
    rows = [torch.ones(runs, device=device()) for _ in range(5)]
    source, target = torch.empty_like(state[0]), torch.empty_like(state[0])
    seconds = median_seconds(lambda: update(*state, alive, *rows))
    copying = median_seconds(lambda: target.copy_(source))
    return {
        "milliseconds": 1e3 * seconds,
        "bytes_a_parameter_at_the_speed_of_a_copy": 8 * seconds / copying,
    }
