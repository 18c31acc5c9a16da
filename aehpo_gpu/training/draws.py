"""Random draws of a run, each from a stream that its seed and a name determine.

A run must draw the same numbers alone and in any fleet, on any device, whatever padding surrounds
it. Dropout and latent noise therefore come from a counter: the number for (epoch, sample, unit) is
a hash of these three and the stream's key, so that no draw hangs on how many others are made.
Runs of a fleet share their seed, and so share these draws: they are made once for the stack.
"""

from __future__ import annotations

import math

import torch

from aehpo_assets.provenance import text_hash


def stream_key(seed: int, *names: object) -> int:
    """Key of a named stream: 63 bits from the seed and the names."""
    return int(text_hash(" ".join(map(str, (seed, *names)))), 16) >> 1


def generator(seed: int, *names: object) -> torch.Generator:
    """Torch generator (on the CPU) of a named stream."""
    return torch.Generator().manual_seed(stream_key(seed, *names))


def uniform(
    key: int, rows: int, columns: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Uniform numbers inside (0, 1), each a hash of its row, its column and the key.

    Two rounds of the integer finaliser ``lowbias32`` (C. Wellons, 2018).

    Returns
    -------
    torch.Tensor
        (rows, columns); element (i, j) is the same whatever the shape.
    """
    row = torch.arange(rows, device=device, dtype=torch.int32)
    column = torch.arange(columns, device=device, dtype=torch.int32)
    first, second = key & 0x7FFFFFFF, (key >> 31) & 0x7FFFFFFF
    mixed = _mix(row ^ first)[:, None] ^ _mix(column ^ second)[None, :]
    bits = _mix(mixed) & 0xFFFFFF
    return bits.to(dtype).add_(0.5).mul_(2.0**-24)


def normal(
    key: int, rows: int, columns: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Standard normal numbers by inversion of :func:`uniform`."""
    draws = uniform(key, rows, columns, device, dtype)
    return draws.mul_(2).sub_(1).erfinv_().mul_(math.sqrt(2))


def _mix(x: torch.Tensor) -> torch.Tensor:
    """The finaliser; int32 arithmetic wraps, and the masks make the shifts logical."""
    x = x ^ ((x >> 16) & 0xFFFF)
    x = x * 0x7FEB352D
    x = x ^ ((x >> 15) & 0x1FFFF)
    x = x * (0x846CA68B - 0x100000000)
    return x ^ ((x >> 16) & 0xFFFF)
