"""What the device can do: copies, products, launches. Everything else is compared with these."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

from benchmarks.device.check import NO_GPU, Check, device, median_seconds
from benchmarks.machine import machine_facts

LAUNCHES = 1000


def checks(smoke: bool) -> Iterator[Check]:
    """Machine, bandwidth, rates of products, time of a launch."""
    yield "machine", machine_facts
    yield "copy", lambda: _copy(1 << (20 if smoke or device().type == "cpu" else 28))
    yield "products", lambda: _products(128 if smoke else 8192)
    yield "launches", _launches


def _copy(numbers: int) -> dict[str, Any]:
    source = torch.randn(numbers, device=device())
    target = torch.empty_like(source)
    seconds = median_seconds(lambda: target.copy_(source))
    return {"terabytes_per_second": 8 * numbers / seconds / 1e12}


def _products(size: int) -> dict[str, Any]:
    found = {}
    for name, dtype in (("float32", torch.float32), ("tf32", None), ("bfloat16", torch.bfloat16)):
        if dtype is None and device().type == "cpu":
            continue
        a, b = (torch.randn(size, size, device=device(), dtype=dtype) for _ in range(2))
        torch.backends.cuda.matmul.allow_tf32 = dtype is None
        seconds = median_seconds(lambda a=a, b=b: torch.mm(a, b))
        torch.backends.cuda.matmul.allow_tf32 = False
        found[f"{name}_teraflops"] = 2 * size**3 / seconds / 1e12
    return found


def _launches() -> dict[str, Any]:
    """A small kernel launched by itself, and as one of many in a graph."""
    if device().type == "cpu":
        return NO_GPU
    x = torch.zeros(64, device=device())

    def many() -> None:
        for _ in range(LAUNCHES):
            x.add_(1)

    one_by_one = median_seconds(many)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        many()
    together = median_seconds(graph.replay)
    scale = 1e6 / LAUNCHES
    return {"microseconds": one_by_one * scale, "microseconds_in_a_graph": together * scale}
