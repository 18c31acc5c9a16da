"""The log-cosh VAE (Chen et al. 2018): a beta-VAE whose error is ``log(cosh(a t)) / a``.

The error is that of ``reconstruction: logcosh``, in a form that no error overflows. PyTorch-VAE has
``a t + log(1 + exp(-2 a t)) - log 2``, which is infinite in float32 below ``t = -44.4 / a``.
"""

from aehpo_gpu.architectures.architecture import Architecture
from aehpo_gpu.architectures.vae import HEADS, weighted_divergence
from aehpo_gpu.architectures.varix import sample

LOGCOSH_VAE = Architecture(
    "logcosh_vae",
    HEADS,
    sample,
    weighted_divergence,
    ("beta",),
    training={"reconstruction": "logcosh"},
)
