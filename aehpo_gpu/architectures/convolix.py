"""Convolix: a convolutional autoencoder over the features in the order that they have.

Each layer is a convolution of width 4 and stride 2 with BatchNorm, as in the Imagix of Autoencodix,
along one dimension; the decoder mirrors it with transposed convolutions. A layer has ``enc_factor``
times fewer units than the one before, the first ``channels`` channels. Neighbours of a matrix are
features of like variance, or whatever the filter orders by: what a convolution shares among them is
a fact of that order, not of biology. It does not stack, and is trained run by run.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from aehpo_gpu.architectures.architecture import Architecture

KERNEL = (4, 2, 1)
"""Width, stride and padding of a convolution: it halves the length."""


class _Lengthen(nn.Module):
    """One channel of as many features as halve evenly, those that are missing zero."""

    def __init__(self, features: int, length: int):
        super().__init__()
        self.padding = length - features

    def forward(self, x: Tensor) -> Tensor:
        return functional.pad(x, (0, self.padding))[:, None]


class _Shorten(nn.Module):
    """The features that there are of the only channel."""

    def __init__(self, features: int):
        super().__init__()
        self.features = features

    def forward(self, x: Tensor) -> Tensor:
        return x[:, 0, : self.features]


class Convolutions(nn.Module):
    """The network of one run.

    Parameters
    ----------
    run
        ``n_layers``, ``enc_factor``, ``channels``, ``drop_p``, ``batch_norm``.
    widths
        Of an encoder; the first is the number of features, the last that of latents.
    activation
        Makes a layer of the run's activation.
    """

    def __init__(
        self,
        run: Mapping[str, Any],
        widths: Sequence[int],
        activation: Callable[[], nn.Module],
    ):
        super().__init__()
        features, latents = widths[0], widths[-1]
        steps = int(run["n_layers"]) - 1
        length = -(-features // 2**steps) * 2**steps
        # Half the length and twice the channels are as many units.
        growth = 2 / float(run["enc_factor"])
        sizes = [max(1, round(int(run["channels"]) * growth**step)) for step in range(steps)]
        channels = [1, *sizes]

        def ends(count: int) -> list[nn.Module]:
            norm = [nn.BatchNorm1d(count)] if run["batch_norm"] else []
            dropout = nn.Dropout(float(run["drop_p"]))
            return [*norm, activation(), dropout]

        encoder: list[nn.Module] = [_Lengthen(features, length)]
        for i, o in itertools.pairwise(channels):
            encoder += [nn.Conv1d(i, o, *KERNEL), *ends(o)]
        self.encoder = nn.Sequential(*encoder, nn.Flatten())
        last = channels[-1] * (length >> steps)
        self.heads = nn.ModuleDict({"latent": nn.Linear(last, latents)})
        decoder: list[nn.Module] = [nn.Linear(latents, last)]
        decoder.append(nn.Unflatten(1, (channels[-1], length >> steps)))
        mirrored = channels[::-1]
        for i, o in itertools.pairwise(mirrored):
            decoder += [*ends(i), nn.ConvTranspose1d(i, o, *KERNEL)]
        self.decoder = nn.Sequential(*decoder, _Shorten(features))


CONVOLIX = Architecture("convolix", module=Convolutions, sizes=("channels",))
