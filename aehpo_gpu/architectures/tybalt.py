"""Tybalt (Way & Greene 2018): a VAE with BatchNorm and ReLU behind its heads, on values in [0, 1].

Means and log variances are therefore never below zero, as published. Without a hidden layer
(``n_layers: [1]``) it is their one-layer model, with one (``[2]``) their two-layer one; the decoder
has no BatchNorm. The weight of the KL divergence is ``min(1, kappa t)`` in epoch t, which is what
they mean; their code reads it once, while it is zero, and ``kappa: [0]`` is what they trained.
"""

from aehpo_gpu.architectures.architecture import Architecture
from aehpo_gpu.architectures.vae import HEADS, divergence
from aehpo_gpu.architectures.varix import sample

TYBALT = Architecture(
    "tybalt",
    HEADS,
    sample,
    divergence,
    training={
        "annealing": "linear-warmup",
        "optimizer": "adam",
        "weight_decay": 0.0,
        "clip_norm": 0.0,
        "bias_init": "zeros",
        "reconstruction": "bce",
    },
    head=("relu", True),
    decoder_norm=False,
)
