"""Facts about the machine that a measurement belongs to."""

from __future__ import annotations

import os
import platform
from typing import Any

import torch

from aehpo_assets.store.processor import processor_name
from aehpo_assets.store.provenance import library_versions
from benchmarks.case import seconds


def machine_facts() -> dict[str, Any]:
    """Processor, memory, GPU, versions, load, and the measured sgemm rate."""
    facts: dict[str, Any] = {
        "processor": processor_name(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
        "libraries": library_versions(),
        "torch_threads": torch.get_num_threads(),
        "sgemm_gflops": round(sgemm_rate("cpu") / 1e9, 1),
        "gpu": None,
    }
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
        facts["gpu_sgemm_gflops"] = round(sgemm_rate("cuda") / 1e9, 1)
    return facts


def sgemm_rate(device: str, size: int = 2048, repetitions: int = 5) -> float:
    """Best rate of a large float32 matrix product, in floating-point operations per second."""
    a, b = (torch.randn(size, size, device=device) for _ in range(2))
    out = torch.empty(size, size, device=device)

    def product() -> None:
        torch.mm(a, b, out=out)
        if device == "cuda":
            torch.cuda.synchronize()

    product()
    return 2 * size**3 / min(seconds(product) for _ in range(repetitions))
