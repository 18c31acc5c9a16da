"""Memory: what a fleet is counted to take, how much there is, and when it ran out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from aehpo_gpu.training.memory import largest_memory, memory_is_short
from aehpo_gpu.training.task import EVALUATION_CHUNK
from aehpo_gpu.training.work import fleet_bytes, pair_tensors, step_work

WIDTHS = np.array([[512, 128, 8]])


def bytes_of(batch_size: int, pairs: tuple[int, int] = (0, 0), samples: int = 0) -> float:
    work = step_work(WIDTHS, 10, 2, batch_size)
    return float(fleet_bytes(work, WIDTHS, 4, pairs, samples)[0])


def test_pairs_of_samples_are_counted_where_a_loss_makes_them() -> None:
    plain = bytes_of(256, pair_tensors("varix", "kl"))
    assert plain == bytes_of(256)
    # (runs, batch, batch, latents), the latents as wide as the stack has them.
    one = 4 * 10 * 256**2
    assert bytes_of(256, pair_tensors("varix", "mmd")) - plain == 9 * one
    assert bytes_of(256, pair_tensors("disentanglix", "kl")) - plain == (6 * 16 + 2) * one


def test_evaluation_is_counted_where_it_takes_more_than_training() -> None:
    assert bytes_of(256, samples=1000) == bytes_of(256)
    small, large = bytes_of(4, samples=1000), bytes_of(4, samples=2000)
    assert small >= 4 * 10 * 3 * EVALUATION_CHUNK * 512
    assert large - small == 4 * 10 * 16 * 1000


def test_the_memory_of_a_container_is_what_it_may_have(tmp_path: Path) -> None:
    machine = largest_memory(tmp_path)
    assert machine > 2**28
    (tmp_path / "memory.max").write_text("max\n")
    assert largest_memory(tmp_path) == machine
    (tmp_path / "memory.max").write_text("268435456\n")
    assert largest_memory(tmp_path) == 2**28
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "memory.limit_in_bytes").write_text("134217728\n")
    assert largest_memory(tmp_path) == 2**27


def test_an_allocation_that_failed_on_the_cpu_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as failed:
        torch.empty(1 << 60, dtype=torch.uint8)
    assert not isinstance(failed.value, torch.OutOfMemoryError)
    assert memory_is_short(failed.value)
    assert memory_is_short(torch.OutOfMemoryError())
    assert memory_is_short(MemoryError())
    with pytest.raises(RuntimeError) as other:
        torch.empty(2, 3) @ torch.empty(2, 3)
    assert not memory_is_short(other.value)


def test_an_error_that_came_of_a_failed_allocation_counts_as_one() -> None:
    def capture() -> None:
        try:
            torch.empty(1 << 60, dtype=torch.uint8)
        finally:
            raise RuntimeError("operation failed due to a previous error during capture")

    with pytest.raises(RuntimeError, match="during capture") as failed:
        capture()
    assert memory_is_short(failed.value)
