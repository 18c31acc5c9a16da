"""The zoo: one small file an architecture, layers and loss, no training code."""

from aehpo_gpu.architectures.architecture import Architecture, Heads, LatentBatch
from aehpo_gpu.architectures.disentanglix import DISENTANGLIX
from aehpo_gpu.architectures.vanillix import VANILLIX
from aehpo_gpu.architectures.varix import VARIX

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for architecture in (VANILLIX, VARIX, DISENTANGLIX)
}
"""Every architecture by its name; ``aehpo_assets.space`` has a search space for each."""

__all__ = ["ARCHITECTURES", "Architecture", "Heads", "LatentBatch"]
