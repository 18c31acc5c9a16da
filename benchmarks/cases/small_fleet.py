"""64 small networks (128/2/4/2, batch 32), 2,000 samples, one thread, against the plain loop."""

from __future__ import annotations

from aehpo_assets.space.batches import steps_per_epoch
from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.case import Case, side_by_side, threads
from benchmarks.data import small_runs, synthetic_task
from benchmarks.fleets import train_planned
from benchmarks.plain import plain_loop, train_plainly


def run(quick: bool) -> list[Case]:
    """Measure both architectures of the study."""
    with threads(1):
        return [_case(architecture, quick) for architecture in ("vanillix", "varix")]


def _case(architecture: str, quick: bool) -> Case:
    runs, task = small_runs(), synthetic_task(128)
    epochs = 3 if quick else 10
    settings = TrainingSettings(epochs=epochs)
    matrix = ResidentMatrix(task, settings)
    # The plain loop takes the same time for each of the equal networks; some stand for all.
    some = runs.iloc[:: 16 if quick else 8]
    plain_epochs = 2

    def ours() -> float:
        return train_planned(matrix, architecture, runs, [list(range(len(runs)))], settings)

    def theirs() -> float:
        seconds = train_plainly(matrix.train, architecture, some, plain_epochs)
        return seconds * len(runs) / len(some) * epochs / plain_epochs

    ours()
    sides = side_by_side([(ours, theirs)], 3 if quick else 5)
    steps = epochs * steps_per_epoch(len(matrix.train), 32)
    return Case.of(
        f"64 small networks, {architecture}",
        plain_loop(matrix.device, 1),
        10.0,
        sides.ratios,
        cpu_ratio=sides.cpu_ratio,
        milliseconds_of_a_fleet_step=1e3 * sides.ours / steps,
        milliseconds_of_a_plain_step_of_one_run=1e3 * sides.theirs / steps / len(runs),
    )
