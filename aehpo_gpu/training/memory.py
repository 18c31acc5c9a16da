"""Keeping freed memory for the next step of a training, on the CPU.

A step allocates and frees the same large temporaries again and again. The C library hands blocks
of that size back to the system each time, and the next step pays for fresh, zeroed pages: a
quarter of the time of the largest networks.
"""

from __future__ import annotations

import contextlib
import ctypes
from collections.abc import Iterator

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
