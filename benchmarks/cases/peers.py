"""64 small networks as HFTA and as torch.func's vmap stack them, on the device of the bench."""

from __future__ import annotations

from aehpo_gpu.training.resident import ResidentMatrix
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.case import Case, seconds, side_by_side, threads
from benchmarks.data import small_runs, synthetic_task
from benchmarks.fleets import train_planned
from benchmarks.peers import as_hfta, by_vmap, models_of, train_stacked

WAYS = {"HFTA's way of stacking": as_hfta, "torch.func's vmap": by_vmap}


def run(quick: bool) -> list[Case]:
    """Measure both, from the draw of the weights to the losses of all samples."""
    with threads(1):
        return [_case(name, 1 if quick else 3) for name in WAYS]


def _case(name: str, epochs: int) -> Case:
    runs, settings = small_runs(), TrainingSettings(epochs=epochs)
    matrix = ResidentMatrix(synthetic_task(128), settings)
    together = [list(range(len(runs)))]

    def ours() -> float:
        return train_planned(matrix, "vanillix", runs, together, settings)

    def theirs() -> float:
        def work() -> None:
            parameters, forward = WAYS[name](models_of(runs, 128, matrix.device))
            train_stacked(parameters, forward, matrix.train, runs, epochs)
            forward(matrix.train).sum().item()

        return seconds(work)

    ours(), theirs()
    sides = side_by_side([(ours, theirs)], 5)
    return Case.of(
        f"64 small networks, {name}",
        f"{name}, autograd, on {matrix.device.type}",
        1.0,
        sides.ratios,
        cpu_ratio=sides.cpu_ratio,
        seconds=sides.ours,
        seconds_of_the_peer=sides.theirs,
    )
