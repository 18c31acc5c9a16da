"""Random draws of a run, each from a stream that its seed and a name determine.

A run must draw the same numbers alone and in any fleet, on any device, whatever padding surrounds
it. Dropout and latent noise therefore come from a counter: the number for (epoch, sample, unit) is
a hash of these three and the stream's key, so that no draw depends on how many others are made.
Runs of a fleet share their seed, and so share these draws: they are made once for the stack.
"""

from __future__ import annotations

import math

import torch

from aehpo_assets.store.hashes import text_hash
from aehpo_gpu.training.loops import COLUMN, FIRST_MIX, ROW, SECOND_MIX, draw


def stream_key(seed: int, *names: object) -> int:
    """Key of a named stream: 63 bits from the seed and the names."""
    return int(text_hash(" ".join(map(str, (seed, *names)))), 16) >> 1


def generator(seed: int, *names: object) -> torch.Generator:
    """Torch generator (on the CPU) of a named stream."""
    return torch.Generator().manual_seed(stream_key(seed, *names))


def uniform(
    key: int, rows: range, columns: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Uniform numbers inside (0, 1), each a hash of its row, its column and the key.

    The integer finaliser ``lowbias32`` (C. Wellons, 2018), without its last shift: only the upper
    23 bits are used. The halves of the key enter before and inside it, so that no two keys give
    shifted copies of the same numbers; they have to be well mixed, as those of
    :func:`stream_key` are.

    Returns
    -------
    torch.Tensor
        (len(rows), columns); the number of a row and a column is the same whatever the shape.
    """
    first, second = key & 0xFFFFFFFF, key >> 32
    if device.type == "cpu":
        drawn = torch.empty(len(rows), columns, dtype=dtype)
        draw(rows.start, first, second, drawn.numpy())
        return drawn
    return inside_unit(hashed(rows, columns, first, second, device), dtype)


def hashed(
    rows: range, columns: int, first: int, second: int, device: torch.device
) -> torch.Tensor:
    """Hash rows and columns with the halves of a key: (len(rows), columns), signed, of 23 bits."""
    row = torch.arange(rows.start, rows.stop, device=device, dtype=torch.int32)[:, None]
    column = torch.arange(columns, device=device, dtype=torch.int32)
    # Integer arithmetic wraps, and the masks make the shifts logical.
    x = row * _signed(ROW) + (column * _signed(COLUMN) + _signed(first))
    shifted = (x >> 16).bitwise_and_(0xFFFF)
    x.bitwise_xor_(shifted).bitwise_xor_(_signed(second)).mul_(FIRST_MIX)
    shifted = torch.bitwise_right_shift(x, 15, out=shifted).bitwise_and_(0x1FFFF)
    return x.bitwise_xor_(shifted).mul_(_signed(SECOND_MIX)).bitwise_right_shift_(9)


def inside_unit(bits: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    """Map signed numbers of 23 bits to (0, 1).

    With a bit more, float32 would round the outermost numbers to 0 or 1, and the normal numbers
    made of them would be infinite.
    """
    return bits.to(dtype).add_(2.0**22 + 0.5).mul_(2.0**-23)


def normal(
    key: int, rows: range, columns: int, device: torch.device, dtype: torch.dtype
) -> torch.Tensor:
    """Standard normal numbers by inversion of :func:`uniform`."""
    draws = uniform(key, rows, columns, device, dtype)
    return draws.mul_(2).sub_(1).erfinv_().mul_(math.sqrt(2))


def _signed(bits: int) -> int:
    """The 32-bit integer of these bits, as torch has it."""
    return bits - (1 << 32) if bits >= 1 << 31 else bits
