"""Hours of the whole reference study on a GPU, from counts: no GPU is needed, and none is timed.

``python -m benchmarks.study_model``: the fleets that the study is planned as, each at the longer of
its launches and of memory and arithmetic. What a launch and a number of the activations take are
the shipped prices; bytes of a parameter and operations are counted, and priced at the bandwidth
and the rate of the card. Evaluation and scores are not in it, and what an H100 took was a third
more in float32 (88 hours) and a sixth more in TF32 (59), with fleets that were planned by other
prices. ``benchmarks.estimate_study`` measures instead.

A parameter is read by the forward and the backward product, and its gradient is written, read for
the norm and read by AdamW, which reads and writes the parameter and both moments: 44 bytes a step.
With AdamW inside the product that makes the gradient, no gradient would be in memory: 32. The norm
that gradients are clipped by has to be known before the first of them is used; it follows from the
Gram matrices of a layer's inputs and of the errors of its outputs, which is arithmetic.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training import plan
from aehpo_gpu.training.cost import CostModel
from aehpo_gpu.training.memory import GPU_MEMORY_SHARE
from aehpo_gpu.training.prices import SHIPPED_CUDA
from aehpo_gpu.training.task import TrainingSettings
from aehpo_gpu.training.work import TERMS, step_work
from benchmarks.data import study_runs
from benchmarks.estimate_study import EPOCHS, REFERENCE, STUDIED, TASKS

BYTES = {"as it is": 44, "AdamW inside the product": 32}
"""Bytes of memory that a parameter takes a step."""

PRICED_BANDWIDTH = 3.0e12
"""Bytes a second of the card that the shipped prices are of."""


@dataclass(frozen=True)
class Card:
    """A GPU: bytes of memory, bytes and operations a second."""

    memory: float
    bandwidth: float
    float32: float
    tf32: float


CARDS = {
    "H100": Card(80e9, 3.0e12, 51e12, 330e12),
    "H200": Card(141e9, 4.3e12, 51e12, 330e12),
}
"""Bandwidths of copies and rates of large products, as they were measured."""


class OnGpu(TrainingSettings):
    """Settings of a study that trains on a GPU, whether there is one or not."""

    def torch_device(self) -> torch.device:
        """CUDA."""
        return torch.device("cuda")


def main() -> None:
    """Print the hours of every card, precision and optimiser."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    table = Table("card", "products in", *(f"hours, {how}" for how in BYTES))
    for name, card in CARDS.items():
        for precision in ("float32", "tf32"):
            hours = [f"{hours_of(card, precision, how):.0f}" for how in BYTES]
            table.add_row(name, precision, *hours)
    Console().print(table)


def hours_of(card: Card, precision: str, how: str) -> float:
    """Hours of training on a card, by a planner that knows what a step takes there."""
    cost = prices(card, getattr(card, precision), BYTES[how])
    steps, work, gram = counted_steps(card.memory, cost)
    if how != "as it is":
        work[:, TERMS.index("operations")] += gram
    return float(steps @ cost.step_seconds(work)) / 3600


def prices(card: Card, rate: float, parameter_bytes: float) -> CostModel:
    """The shipped prices on another card, at a rate of products and so many bytes a parameter."""
    slower = PRICED_BANDWIDTH / card.bandwidth
    known = SHIPPED_CUDA.seconds
    own = {name: known[name] * slower for name in ("activations", "noise", "pairs of samples")}
    own |= {"operations": 1 / rate, "parameters": parameter_bytes / card.bandwidth}
    return replace(SHIPPED_CUDA, seconds={**known, **own})


def counted_steps(memory: float, cost: CostModel) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Plan the study by some prices on a GPU of so much memory, and count.

    Returns
    -------
    steps : np.ndarray
        (fleets,) of all tasks.
    work : np.ndarray
        (fleets, terms) of a step.
    gram : np.ndarray
        (fleets,) operations that the Gram matrices of a step would add.
    """
    plan.fleet_memory = lambda device: int(GPU_MEMORY_SHARE * memory)
    plan.shipped_prices = lambda device, precision: cost
    steps, work, gram = [], [], []
    size, settings = REFERENCE, OnGpu(epochs=EPOCHS)
    for architecture in STUDIED:
        heads = len(ARCHITECTURES[architecture].heads)
        runs = study_runs(architecture, size.configurations, size.features)
        task = (architecture, runs, size.features, size.train_samples, settings)
        widths = run_widths(runs, size.features)
        for fleet in plan.plan_fleets(*task):
            stacked = np.array([widths[row] for row in fleet.rows]).max(0)
            batch = int(runs["batch_size"].iloc[fleet.rows[0]])
            in_epoch = steps_per_epoch(size.train_samples, batch)
            mean = size.train_samples / in_epoch
            steps.append(TASKS * EPOCHS * in_epoch)
            work.append(step_work(stacked[None], len(fleet.rows), heads, mean)[0])
            inner = 2 * stacked.sum() - stacked[0] - stacked[-1]
            ends = 2 * inner + (heads - 1) * stacked[-2:].sum()
            gram.append(2 * len(fleet.rows) * mean**2 * ends)
    return np.array(steps, dtype=float), np.array(work), np.array(gram)


if __name__ == "__main__":
    main()
