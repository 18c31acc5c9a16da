"""The module of a run that is trained alone, how it begins, and how many parameters it has."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import pandas as pd
import torch
from torch import nn

from aehpo_assets.space.widths import run_widths, trainable_parameters, weights_and_biases
from aehpo_gpu.architectures import Architecture
from aehpo_gpu.training.decoders import decoder_widths
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.initialisation import BIAS, INITIALISATIONS
from aehpo_gpu.training.module import MODULES, Autoencoder

PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
"""Layers whose weights are drawn as the run says."""


def module_of(
    architecture: Architecture, run: Mapping[str, Any], widths: Sequence[int]
) -> nn.Module:
    """Return the network of a run, its parameters as torch draws them.

    Parameters
    ----------
    architecture
        Its architecture.
    run
        Hyperparameters, those of training included.
    widths
        Of its encoder.
    """
    if architecture.module is not None:
        return architecture.module(run, widths, MODULES[str(run["activation"])])
    return Autoencoder(
        widths,
        architecture.heads,
        float(run["drop_p"]),
        activation=str(run["activation"]),
        batch_norm=bool(run["batch_norm"]),
        head=architecture.head,
        decoder_norm=architecture.decoder_norm,
        bare_decoder=decoder_widths(architecture, run, widths[0]),
    )


def parameter_counts(
    architecture: Architecture, runs: pd.DataFrame, n_features: int
) -> list[tuple[int, int]]:
    """Count the trainable parameters of each run, and its weights and biases.

    The latter are those of encoder and decoder with one head, without BatchNorm.
    """
    runs = with_defaults(runs, training_defaults(architecture))
    counts = []
    usual = architecture.module is None and architecture.head is None and architecture.decoder_norm
    usual = usual and architecture.decoder is None
    for run, widths in zip(runs.to_dict("records"), run_widths(runs, n_features), strict=True):
        if usual:
            every = trainable_parameters(widths, len(architecture.heads), bool(run["batch_norm"]))
            counts.append((every, weights_and_biases(widths)))
            continue
        with torch.device("meta"):
            module = module_of(architecture, run, widths)
        norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm1d)]
        further = [*norms, *list(cast("nn.ModuleDict", module.heads).values())[1:]]
        left_out = {id(p) for one in further for p in one.parameters()}
        sizes = {id(p): p.numel() for p in module.parameters()}
        own = sum(size for name, size in sizes.items() if name not in left_out)
        counts.append((sum(sizes.values()), own))
    return counts


def begin_module(module: nn.Module, chosen: Any, source: torch.Generator) -> None:
    """Draw the parameters, layer by layer in the order of a fleet."""
    layers = [layer for layer in module.modules() if isinstance(layer, PRODUCTS)]
    bare = {*cast("nn.ModuleDict", module.heads).values(), layers[-1]}
    if isinstance(module, Autoencoder) and module.kinds["bare_decoder"] is not None:
        bare |= set(module.decoder)
    for layer in layers:
        inside = chosen.scope == "all" or layer not in bare
        INITIALISATIONS[chosen.weights if inside else "torch_default"](
            layer.weight, generator=source
        )
        assert layer.bias is not None
        if chosen.bias == "torch":
            fan_in, _ = nn.init._calculate_fan_in_and_fan_out(layer.weight)
            bound = 1 / math.sqrt(fan_in)
            nn.init.uniform_(layer.bias, -bound, bound, generator=source)
        else:
            nn.init.constant_(layer.bias, BIAS if chosen.bias == "constant" else 0.0)
