"""One run as a plain torch.nn.Module, with its parameters taken out of a fleet, or of its own."""

from __future__ import annotations

import itertools

import torch
from torch import nn

from aehpo_gpu.training.errors import ERRORS
from aehpo_gpu.training.module import Autoencoder, OwnNetwork
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.parameters import LinearParameters
from aehpo_gpu.training.solo import SoloNetwork
from aehpo_gpu.training.solo_module import module_of


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
    widths, kinds = network.widths[position], network.layout.kinds_of(position)
    module = Autoencoder(widths, network.architecture.heads, drop_p, **kinds)
    module = module.to(network.dtype)
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


def module_of_solo(network: SoloNetwork) -> OwnNetwork:
    """Copy a run that was trained alone into a module of nothing but torch's own layers.

    Parameters
    ----------
    network
        The run, of an architecture that makes its network itself.

    Returns
    -------
    OwnNetwork
        On the CPU, in evaluation mode.
    """
    widths = network.widths[0]
    made = module_of(network.architecture, network.run, widths).to(network.dtype)
    made.load_state_dict(network.module.state_dict())
    on_logits = ERRORS[network.run["reconstruction"]].on_logits
    return OwnNetwork(made, widths, on_logits).eval()


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
