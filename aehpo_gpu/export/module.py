"""One run as a plain torch.nn.Module, with its parameters taken out of a fleet.

For everything that happens to a single model: export, and the plain loop that fleets are measured
against. Fleets themselves train without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.parameters import LinearParameters


class Autoencoder(nn.Module):
    """Encoder, heads and decoder of one run.

    Parameters
    ----------
    widths
        (n_layers + 1) widths of the encoder, from the features to the latents.
    heads
        Names of the layers between the last hidden layer and the latents; the first is the latent
        mean.
    drop_p
        Dropout of the hidden layers.
    """

    def __init__(self, widths: Sequence[int], heads: Sequence[str], drop_p: float):
        super().__init__()
        self.widths = list(widths)
        self.encoder = nn.Sequential(*_hidden_blocks(widths[:-1], drop_p))
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-2], widths[-1]) for name in heads})
        mirrored = widths[::-1]
        self.decoder = nn.Sequential(
            *_hidden_blocks(mirrored[:-1], drop_p), nn.Linear(mirrored[-2], mirrored[-1])
        )

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, (samples, latents), from (samples, features)."""
        hidden = self.encoder(x)
        return {name: head(hidden) for name, head in self.heads.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples from their latent means."""
        return self.decoder(next(iter(self.encode(x).values())))


def _hidden_blocks(widths: Sequence[int], drop_p: float) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        blocks += [
            nn.Linear(inputs, outputs),
            nn.BatchNorm1d(outputs),
            nn.Dropout(drop_p),
            nn.ReLU(),
        ]
    return blocks


def module_of_run(network: FleetNetwork, position: int, drop_p: float) -> Autoencoder:
    """Copy one run of a fleet into a module of its own.

    Parameters
    ----------
    network
        The fleet.
    position
        Position of the run within it.
    drop_p
        Dropout of the run.

    Returns
    -------
    Autoencoder
        On the CPU, in evaluation mode, without padding.
    """
    widths = network.widths[position]
    module = Autoencoder(widths, network.architecture.heads, drop_p).to(network.dtype)
    targets = [m for m in module.modules() if isinstance(m, (nn.Linear, nn.BatchNorm1d))]
    norms = {
        id(linear): norm
        for linear, norm in itertools.pairwise(targets)
        if isinstance(norm, nn.BatchNorm1d)
    }
    linears = [m for m in targets if isinstance(m, nn.Linear)]
    for linear, source in zip(linears, network.stack.layers, strict=True):
        _copy(source, position, linear, norms.get(id(linear)))
    return module.eval()


@torch.no_grad()
def _copy(
    source: LinearParameters, position: int, linear: nn.Linear, norm: nn.BatchNorm1d | None
) -> None:
    inputs, outputs = linear.in_features, linear.out_features
    linear.weight.copy_(source.weight[position, :inputs, :outputs].T)
    linear.bias.copy_(source.bias[position, 0, :outputs])
    if norm is not None:
        assert source.gamma is not None
        assert source.beta is not None
        assert source.running_mean is not None
        assert source.running_variance is not None
        assert norm.running_mean is not None
        assert norm.running_var is not None
        norm.weight.copy_(source.gamma[position, 0, :outputs])
        norm.bias.copy_(source.beta[position, 0, :outputs])
        norm.running_mean.copy_(source.running_mean[position, 0, :outputs])
        norm.running_var.copy_(source.running_variance[position, 0, :outputs])
