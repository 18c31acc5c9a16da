"""The memory of a training: how much there is, when there is too little, and what is freed kept.

A step allocates and frees the same large temporaries again and again. The C library hands blocks
of that size back to the system each time, and the next step pays for fresh, zeroed pages: a
quarter of the time of the largest networks.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import torch

CPU_FLEET_BYTES = 2 << 30
GPU_MEMORY_SHARE = 0.6

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_MMAP_MAX = -1, -3, -4
"""Parameters of glibc's ``mallopt``, from malloc.h."""

_LARGEST_THRESHOLD = 32 << 20
"""What glibc itself raises its threshold to, once a program has freed a block as large."""


@contextlib.contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed blocks of any size inside the block; give them back to the system at the end.

    Without glibc (macOS, musl), nothing happens.
    """
    try:
        library = ctypes.CDLL("libc.so.6")
        mallopt, malloc_trim = library.mallopt, library.malloc_trim
    except (OSError, AttributeError):
        yield
        return
    mallopt(_M_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
    mallopt(_M_MMAP_MAX, 0)
    mallopt(_M_TRIM_THRESHOLD, 2**31 - 1)
    try:
        yield
    finally:
        mallopt(_M_MMAP_MAX, 65536)
        mallopt(_M_TRIM_THRESHOLD, 2 * _LARGEST_THRESHOLD)
        malloc_trim(0)


def memory_is_short(error: BaseException | None) -> bool:
    """Whether an error, or what it came from, says that memory ran out, on a GPU or on the CPU.

    torch's allocator of the CPU raises a bare RuntimeError, and a graph that could not be captured
    for lack of memory may end with an error of its own.
    """
    while error is not None:
        if isinstance(error, (torch.OutOfMemoryError, MemoryError)) or (
            "DefaultCPUAllocator: can't allocate memory" in str(error)
        ):
            return True
        error = error.__context__
    return False


def largest_memory(cgroups: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes of memory that this process could ever have: of the machine, or of its container.

    Unlike what is free it is always the same on a machine, and a plan may depend on it.

    Parameters
    ----------
    cgroups
        Where the kernel shows the limits of a container (cgroups, version 1 or 2).
    """
    most = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        with contextlib.suppress(OSError, ValueError):
            most.append(int((cgroups / name).read_text()))
    return min(most)


def fleet_memory(device: torch.device) -> int:
    """Bytes a fleet may take: a share of what is free on the GPU, or a fixed amount on the CPU.

    On the CPU it only depends on the machine where that is very small, so that plans are equal.
    """
    if device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return int(GPU_MEMORY_SHARE * (free + cached))
    return min(CPU_FLEET_BYTES, largest_memory() // 4)
