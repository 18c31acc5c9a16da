"""192 configurations of the study's space, D up to 1,024, 3 epochs, 2 threads, plain loop."""

from __future__ import annotations

from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.case import Case, side_by_side, threads
from benchmarks.data import study_runs, synthetic_task
from benchmarks.fleets import planned, train_planned
from benchmarks.plain import train_plainly

ARCHITECTURE = "varix"


def run(quick: bool) -> list[Case]:
    """Measure the whole plan; the quick form trains a single epoch, once."""
    with threads(2):
        return [_case(quick)]


def _case(quick: bool) -> Case:
    epochs = 1 if quick else 3
    settings = TrainingSettings(epochs=epochs, device="cpu")
    runs = study_runs(ARCHITECTURE)
    matrix = ResidentMatrix(synthetic_task(1024), settings)
    fleets = planned(matrix, ARCHITECTURE, runs, settings)

    def ours() -> float:
        return train_planned(matrix, ARCHITECTURE, runs, fleets, settings)

    def theirs() -> float:
        return train_plainly(matrix.train, ARCHITECTURE, runs, epochs)

    sides = side_by_side(ours, theirs, 2 if quick else 3)
    return Case.of(
        "192 configurations of the study's space",
        "plain PyTorch loop with a DataLoader, 2 threads",
        2.5,
        sides.ratios,
        cpu_ratio=sides.cpu_ratio,
        architecture=ARCHITECTURE,
        epochs=epochs,
        fleets=len(fleets),
        seconds=sides.ours,
        seconds_of_the_plain_loop=sides.theirs,
    )
