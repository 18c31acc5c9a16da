"""Stackix: a varix a modality, then one on their latents (Autoencodix' Stackix; H-VAE of layers).

All of them have the hyperparameters of the run. What goes from one stage to the next belongs to
``aehpo_gpu.training.stacked``.
"""

from __future__ import annotations

from aehpo_gpu.architectures.architecture import Architecture
from aehpo_gpu.architectures.varix import VARIX

STACKIX = Architecture(
    name="stackix",
    heads=VARIX.heads,
    sample=VARIX.sample,
    loss=VARIX.loss,
    weights=VARIX.weights,
    stacked=True,
)
