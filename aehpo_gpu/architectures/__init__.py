"""The zoo: one small file an architecture, layers and loss, no training code.

To add one: a file here with an :class:`Architecture` at its top level, or an entry point of another
package. ``aehpo_assets.space`` has a search space for each.
"""

from __future__ import annotations

import importlib
import pkgutil

from aehpo_assets.registry import Registry
from aehpo_gpu.architectures.architecture import (
    Architecture,
    CodeBatch,
    Corruption,
    Heads,
    LatentBatch,
)

_KIND = "architecture"
"""The file that says what an architecture is; all others are one."""

_FILES = [found.name for found in pkgutil.iter_modules(__path__) if found.name != _KIND]

ARCHITECTURES = Registry(
    Architecture,
    "aehpo.architectures",
    *(importlib.import_module(f"{__name__}.{name}") for name in _FILES),
)
"""Every architecture by its name."""

__all__ = ["ARCHITECTURES", "Architecture", "CodeBatch", "Corruption", "Heads", "LatentBatch"]
