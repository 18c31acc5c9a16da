"""Intermediate fusion: a varix whose outer layers know one modality each, and the inner ones all.

The first layer of the encoder and the last of the decoder are block-diagonal: a unit beside them
belongs to one modality. ``modality_balance`` weighs their errors: by 0 a feature counts as a
feature, by 1 every modality counts the same. The masks belong to
``aehpo_gpu.training.by_modality``.
"""

from __future__ import annotations

from aehpo_gpu.architectures.architecture import Architecture
from aehpo_gpu.architectures.varix import VARIX

INTERMEDIATE_FUSION = Architecture(
    name="intermediate_fusion",
    heads=VARIX.heads,
    sample=VARIX.sample,
    loss=VARIX.loss,
    weights=VARIX.weights,
    balance="modality_balance",
)
