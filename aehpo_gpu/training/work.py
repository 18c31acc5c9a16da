"""What one training step of a fleet consists of, in countable things.

A cost model gives each of them a price; the planner counts them for fleets it only considers.
Nothing here knows seconds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
import torch
from torch import nn

from aehpo_assets.space.widths import operations_of_a_sample, run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.training.decoders import between_of
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.parameters import LANES
from aehpo_gpu.training.solo_module import PRODUCTS, module_of
from aehpo_gpu.training.task import EVALUATION_CHUNK

TERMS = (
    "steps",
    "layers",
    "layers of all runs",
    "operations",
    "parameters",
    "parameters outside the cache",
    "activations",
    "noise",
    "pairs of samples",
)
"""What is counted in a step, in the order of the columns of :func:`step_work`.

``steps`` is 1; ``layers`` are launched once for a fleet, ``layers of all runs`` once for each of
its runs; ``operations`` are floating-point operations of the matrix products; ``parameters`` pass
the optimiser, and cost more where a fleet's exceed :data:`CACHED_PARAMETERS`; ``activations`` are
outputs of layers; ``noise`` is what dropout draws, once for a fleet; ``pairs of samples`` count
for losses that compare the latents of all samples of a batch.
"""

LAUNCHED = ("steps", "layers", "layers of all runs")
"""Terms that are launches; the others are memory and arithmetic."""

CACHED_PARAMETERS = 1 << 20
"""Parameters that, with gradient and two moments in float32, fill 16 MiB."""


def step_work(
    widths: np.ndarray,
    runs: np.ndarray | int,
    heads: int,
    batch_size: float | np.ndarray,
    decoded: int = 1,
    between: int | None = None,
) -> np.ndarray:
    """Count the work of one step for one or more fleets of equal depth.

    Parameters
    ----------
    widths
        (fleets, n_layers + 1) widths of the stacked encoder, from the features to the latents.
    runs
        (fleets,) runs of each.
    heads
        Linear layers between the last hidden layer and the latents.
    batch_size
        Samples of a step, the average where batches differ.
    decoded
        How often each of them is decoded.
    between
        Nodes between the latents and the features of a bare decoder, 0 for none; None where the
        decoder mirrors the encoder.

    Returns
    -------
    np.ndarray
        (fleets, len(TERMS)).
    """
    widths = np.asarray(widths, dtype=np.float64)
    fleets = len(widths)
    runs = np.broadcast_to(np.asarray(runs, dtype=np.float64), (fleets,))
    batch = np.broadcast_to(np.asarray(batch_size, dtype=np.float64), (fleets,))
    hidden, latent = widths[:, 1:-1], widths[:, -1]
    encoder = (widths[:, :-1] * widths[:, 1:]).sum(1)
    decoder, inner, dropped, bare = encoder, hidden.sum(1), hidden.sum(1), widths.shape[1] - 1
    if between is not None:
        decoder = (latent + widths[:, 0]) * between if between else latent * widths[:, 0]
        inner, dropped, bare = np.full(fleets, float(between)), np.zeros(fleets), 1 + (between > 0)
    weights = encoder + decoder + (heads - 1) * widths[:, -2] * latent
    used = weights + (decoded - 1) * decoder
    outputs = hidden.sum(1) + decoded * (inner + widths[:, 0]) + heads * latent
    layers = np.full(fleets, widths.shape[1] - 1 + bare + heads - 1, dtype=np.float64)
    parameters = runs * weights
    products = operations_of_a_sample(used, widths[:, 0] * widths[:, 1])
    return np.stack(
        [
            np.ones(fleets),
            layers,
            runs * layers,
            runs * batch * products,
            parameters,
            np.maximum(parameters - CACHED_PARAMETERS, 0),
            runs * batch * outputs,
            batch * (hidden.sum(1) + decoded * dropped),
            runs * batch**2 * latent,
        ],
        axis=1,
    )


def run_work(
    architecture: str, runs: pd.DataFrame, n_features: int, batch_sizes: Sequence[float]
) -> np.ndarray:
    """Count the work of one step of each run alone.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run.
    n_features
        Features of the task; a run that asks for more uses all.
    batch_sizes
        (runs,) samples of a step.

    Returns
    -------
    np.ndarray
        (runs, len(TERMS)).
    """
    zoo = ARCHITECTURES[architecture]
    widths = run_widths(runs, n_features)
    runs = with_defaults(runs, training_defaults(zoo))
    rows = zip(runs.to_dict("records"), widths, batch_sizes, strict=True)
    if zoo.module is None:
        heads = len(zoo.heads)
        return np.concatenate(
            [
                step_work(np.array([w]), 1, heads, size, zoo.draws_of(run), between_of(zoo, run))
                for run, w, size in rows
            ]
        )
    with torch.device("meta"):
        return np.stack([_module_work(module_of(zoo, run, w), w[0], size) for run, w, size in rows])


def _module_work(module: nn.Module, features: int, batch: float) -> np.ndarray:
    """Count the work of a step of a network that does not stack, layer by layer."""
    layers, outputs = 0, 0
    products: list[int] = []

    def count(layer: nn.Module, given: tuple[torch.Tensor, ...], made: torch.Tensor) -> None:
        nonlocal layers, outputs
        # A weight is used once for each place of what it is applied to.
        if isinstance(layer, PRODUCTS):
            transposed = isinstance(layer, (nn.ConvTranspose1d, nn.ConvTranspose2d))
            places = (given[0] if transposed else made)[0, 0].numel()
            products.append(layer.weight.numel() * places)
        else:
            products.append(cast("int", layer.products))
        layers += 1
        outputs += made[0].numel()

    for layer in module.modules():
        if isinstance(layer, PRODUCTS) or hasattr(layer, "products"):
            layer.register_forward_hook(count)
    (head, *_) = cast("nn.ModuleDict", module.heads).values()
    encoded = cast("nn.Module", module.encoder)(torch.empty(2, features))
    cast("nn.Module", module.decoder)(head(encoded))
    weights = sum(parameter.numel() for parameter in module.parameters())
    noise = batch * outputs if any(isinstance(one, nn.Dropout) for one in module.modules()) else 0.0
    return np.array(
        [
            1,
            layers,
            layers,
            batch * operations_of_a_sample(sum(products), products[0]),
            weights,
            max(weights - CACHED_PARAMETERS, 0),
            batch * outputs,
            noise,
            0,
        ],
        dtype=np.float64,
    )


def fleet_bytes(
    work: np.ndarray,
    widths: np.ndarray,
    itemsize: int,
    pairs: tuple[int, int] = (0, 0),
    samples: int = 0,
    decoded: int = 1,
) -> np.ndarray:
    """Memory that fleets need at their peak, in training or in evaluation.

    In training: parameters, their gradient, two moments and one product on its way into the
    gradient; a handful of buffers for every activation; what a loss keeps of all pairs of samples.
    In evaluation: no product, but the latents of all samples, and some buffers of the widest layer.

    Parameters
    ----------
    work
        (fleets, terms) from :func:`step_work`.
    widths
        (fleets, any) that it is of; the first and the last layer matter.
    itemsize
        Bytes of a number.
    pairs
        What :func:`pair_tensors` says of their loss.
    samples
        Samples of the task.
    decoded
        How often each of them is decoded.

    Returns
    -------
    np.ndarray
        (fleets,) bytes.
    """
    layers, of_all_runs, parameters, activations, compared = (
        work[:, TERMS.index(term)]
        for term in (
            "layers",
            "layers of all runs",
            "parameters",
            "activations",
            "pairs of samples",
        )
    )
    latents = -(-widths[:, -1] // LANES) * LANES
    compared = compared / widths[:, -1] * (pairs[0] * latents + pairs[1])
    training = 5 * parameters + 6 * activations + compared
    evaluated = 3 * decoded * EVALUATION_CHUNK * widths[:, 0] + samples * latents
    evaluation = 4 * parameters + of_all_runs / layers * evaluated
    return itemsize * np.maximum(training, evaluation)


def pair_tensors(architecture: str, vae_loss: str) -> tuple[int, int]:
    """Tensors that a loss makes of all pairs of samples of a batch, see ``Architecture.pairs``."""
    if architecture == "varix" and vae_loss == "mmd":
        return 0, 9
    return ARCHITECTURES[architecture].pairs
