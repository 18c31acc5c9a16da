"""Estimates what the whole reference study would take on the present device.

``python -m benchmarks.estimate_study [--minutes N] [--json FILE]``: 30,000 runs of 300 epochs with
evaluation, that is 3,000 configurations of vanillix and of varix on each of five tasks. A task has
15,000 train samples and 4,096 features, which makes the 3e18 operations of the study.

The study is planned as it would be trained. Its fleets are sampled with a probability in
proportion to their estimated seconds, evenly from the smallest networks to the largest, until the
minutes are over. Of each are timed the draw of its weights, a training step and the evaluation of
a batch. Measured over estimated seconds, on average, scale the plan's total; their scatter gives
the standard error. Downstream scores are timed on latents of every width of the space.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from rich.console import Console

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.evaluation.downstream import score_latents
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.plan import Fleet, padded_share, plan_study_fleets
from aehpo_gpu.training.task import EVALUATION_CHUNK, TrainingSettings, device_name
from aehpo_gpu.training.timing import time_step
from aehpo_gpu.training.workers import alone
from benchmarks.data import study_runs

TASKS, EPOCHS = 5, 300
STUDIED = ("vanillix", "varix")
CLASSES = (2, 2, 3, 5, 33)
GOLDEN = (5**0.5 - 1) / 2
FEWEST_FLEETS = 8

console = Console()


@dataclass(frozen=True)
class Size:
    """Size of a study: configurations of each architecture on a task, and the task's own size.

    Attributes
    ----------
    configurations, train_samples, samples, features
        Their numbers.
    classes
        Of each label.
    latents
        Widths that downstream scores are timed on.
    """

    configurations: int
    train_samples: int
    samples: int
    features: int
    classes: tuple[int, ...]
    latents: tuple[int, ...]


REFERENCE = Size(3000, 15_000, 21_430, 4096, (2, 2, 3, 5, 33), (2, 4, 8, 16, 32, 64))
SMALL = Size(20, 200, 300, 128, (2,), (2,))
"""To see that estimating works."""


@dataclass(frozen=True)
class Estimate:
    """Hours of the device for the whole study, on one lane.

    Attributes
    ----------
    training, evaluation, scores
        Hours of training with the draw of the weights, of losses and R2, of downstream scores.
    error
        Standard error of ``training`` and ``evaluation`` together, in hours.
    fleets, sampled
        Fleets of the study, and how many of them were measured.
    """

    training: float
    evaluation: float
    scores: float
    error: float
    fleets: int
    sampled: int

    @property
    def total(self) -> float:
        """Hours of everything."""
        return self.training + self.evaluation + self.scores


def main() -> None:
    """Estimate, and print the hours."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=5.0, help="time to measure (default 5)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the estimate there")
    arguments = parser.parse_args()
    settings = TrainingSettings(epochs=EPOCHS)
    device = settings.torch_device()
    lanes = 1 if device.type == "cuda" else os.cpu_count() or 1
    found = estimate(settings, 60 * arguments.minutes)
    kind = "GPU-hours" if device.type == "cuda" else "core-hours"
    console.print(
        f"{TASKS * len(STUDIED) * REFERENCE.configurations:,} runs of {EPOCHS} epochs on "
        f"{device_name(device)}: {found.total:,.1f} +- {found.error:,.1f} {kind} "
        f"({found.training:,.1f} training, {found.evaluation:,.1f} evaluation, "
        f"{found.scores:,.1f} downstream scores), {found.total / lanes:,.1f} hours of this "
        f"machine; {found.sampled} of {found.fleets} fleets measured"
    )
    if arguments.json:
        report = {"device": device_name(device), "lanes": lanes, "total": found.total}
        arguments.json.write_text(json.dumps(report | vars(found), indent=2) + "\n")


def estimate(settings: TrainingSettings, seconds: float, size: Size = REFERENCE) -> Estimate:
    """Measure fleets of a study for some seconds and scale up."""
    planned: list[tuple[str, pd.DataFrame, Fleet]] = []
    for architecture in STUDIED:
        runs = study_runs(architecture, size.configurations, size.features)
        fleets, _ = plan_study_fleets(
            architecture, runs, size.features, size.train_samples, settings
        )
        console.print(
            f"{architecture}: {len(fleets)} fleets a task, {padded_share(fleets):.1%} padding",
            style="dim",
        )
        planned += [(architecture, runs.iloc[list(fleet.rows)], fleet) for fleet in fleets]
    planned.sort(key=lambda entry: entry[2].estimated_seconds / len(entry[2].rows))
    estimated = np.array([fleet.estimated_seconds for _, _, fleet in planned])
    edges = np.cumsum(estimated) / estimated.sum()
    until = time.monotonic() + seconds
    measured: list[tuple[float, float]] = []
    with alone(settings.torch_device()):
        scores = size.configurations * len(STUDIED) * _seconds_of_scores(settings, size)
        while len(measured) < FEWEST_FLEETS or time.monotonic() < until:
            # Multiples of the golden ratio fill the range from 0 to 1 evenly, however many.
            place = (len(measured) + 0.5) * GOLDEN % 1
            architecture, runs, fleet = planned[int(np.searchsorted(edges, place))]
            training, evaluation = _seconds_of_fleet(architecture, runs, settings, size)
            measured.append(
                (training / fleet.estimated_seconds, evaluation / fleet.estimated_seconds)
            )
    ratios = np.array(measured)
    hours = TASKS * estimated.sum() / 3600
    spread = ratios.sum(1).std(ddof=1) / np.sqrt(len(ratios))
    return Estimate(
        training=float(hours * ratios[:, 0].mean()),
        evaluation=float(hours * ratios[:, 1].mean()),
        scores=TASKS * scores / 3600,
        error=float(hours * spread),
        fleets=TASKS * len(planned),
        sampled=len(ratios),
    )


def _seconds_of_fleet(
    architecture: str, runs: pd.DataFrame, settings: TrainingSettings, size: Size
) -> tuple[float, float]:
    """Training of a fleet with the draw of its weights, and its evaluation."""
    device = settings.torch_device()
    started = time.perf_counter()
    network = FleetNetwork(
        ARCHITECTURES[architecture],
        runs,
        features=size.features,
        train_samples=size.train_samples,
        vae_loss=settings.vae_loss,
        precision=settings.precision,
        device=device,
        dtype=settings.dtype,
    )
    batch = torch.randn(EVALUATION_CHUNK, network.width, device=device, dtype=settings.dtype)
    network.evaluate(batch, 1.0)[2].sum().item()
    drawn = time.perf_counter() - started
    started = time.perf_counter()
    network.evaluate(batch, 1.0)[2].sum().item()
    evaluation = (time.perf_counter() - started) * size.samples / EVALUATION_CHUNK
    del network
    steps = EPOCHS * steps_per_epoch(size.train_samples, int(runs["batch_size"].iloc[0]))
    return drawn + steps * time_step(architecture, runs, size.features, settings), evaluation


def _seconds_of_scores(settings: TrainingSettings, size: Size, runs: int = 8) -> float:
    """Downstream scores of a run, averaged over the widths of the space."""
    source = np.random.default_rng(0)
    split = np.repeat(
        ["train", "valid", "test"],
        [
            size.train_samples,
            size.samples // 10,
            size.samples - size.samples // 10 - size.train_samples,
        ],
    )
    labels = [source.integers(0, count, size.samples) for count in size.classes]
    targets = DownstreamTargets(
        tuple(
            ClassificationTarget(f"label {i}", tuple(map(str, range(count))), codes, 0.2)
            for i, (count, codes) in enumerate(zip(size.classes, labels, strict=True))
        ),
        (),
        {},
    )
    seconds = []
    for width in size.latents:
        centres = source.normal(size=(max(size.classes), width)) / 2
        latents = centres[labels[-1]] + source.normal(size=(runs, size.samples, width))
        stacked = torch.as_tensor(latents, dtype=settings.dtype, device=settings.torch_device())
        started = time.perf_counter()
        score_latents(stacked, split, targets)
        seconds.append((time.perf_counter() - started) / runs)
    return float(np.mean(seconds))


if __name__ == "__main__":
    main()
