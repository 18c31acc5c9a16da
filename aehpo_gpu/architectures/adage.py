"""ADAGE (Tan et al. 2016): one sigmoid layer that restores what was masked, on values in [0, 1].

``adage`` has a decoder of its own. ``adage_tan`` is the published one: the weights of the decoder
are those of the encoder, transposed; it does not stack.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from aehpo_assets.space.distributions import Scalar
from aehpo_gpu.architectures.architecture import Architecture, Corruption
from aehpo_gpu.architectures.denoisix import corrupted

MASKED = Corruption("corruption", "noise_p", corrupted)
PUBLISHED: Mapping[str, Scalar] = {
    "optimizer": "sgd",
    "weight_decay": 0.0,
    "clip_norm": 0.0,
    "init": "xavier_sigmoid",
    "bias_init": "zeros",
    "reconstruction": "bce",
    "loss_reduction": "mean_samples",
}
"""Plain descent on the cross-entropy, summed over the features and averaged over the batch."""


class Transposed(nn.Module):
    """Decoder whose weights are those of an encoder, transposed, with a bias of its own."""

    def __init__(self, encoder: nn.Linear):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(encoder.in_features))
        # In a list it is no module of this one, and its weights are counted once.
        self._encoder = [encoder]

    @property
    def products(self) -> int:
        """Weights that a sample is multiplied by."""
        return self._encoder[0].weight.numel()

    def forward(self, z: Tensor) -> Tensor:
        """Return (samples, features), logits or values."""
        return functional.linear(z, self._encoder[0].weight.T, self.bias)


class TiedNetwork(nn.Module):
    """One layer and its transpose.

    Parameters
    ----------
    run
        Not read.
    widths
        Features and latents.
    activation
        Not read: the layer has a sigmoid.
    """

    def __init__(
        self,
        run: Mapping[str, Any],
        widths: Sequence[int],
        activation: Callable[[], nn.Module],
    ):
        super().__init__()
        layer = nn.Linear(widths[0], widths[-1])
        self.encoder = nn.Identity()
        self.heads = nn.ModuleDict({"latent": nn.Sequential(layer, nn.Sigmoid())})
        self.decoder = Transposed(layer)


ADAGE = Architecture(
    "adage",
    training=PUBLISHED,
    corruption=MASKED,
    head=("sigmoid", False),
    overcomplete=True,
)
ADAGE_TAN = Architecture(
    "adage_tan",
    training=PUBLISHED,
    corruption=MASKED,
    module=TiedNetwork,
    overcomplete=True,
)
