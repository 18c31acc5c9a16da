"""The zoo: one small file an architecture, layers and loss, no training code."""

import importlib
import pkgutil

from aehpo_assets.registry import Registry
from aehpo_gpu.architectures.architecture import Architecture, Heads, LatentBatch

ARCHITECTURES = Registry(
    Architecture,
    "aehpo.architectures",
    *(
        importlib.import_module(f"{__name__}.{module.name}")
        for module in pkgutil.iter_modules(__path__)
        if module.name != "architecture"
    ),
)
"""Every architecture by its name; ``aehpo_assets.space`` has a search space for each."""

__all__ = ["ARCHITECTURES", "Architecture", "Heads", "LatentBatch"]
