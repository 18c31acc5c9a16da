"""The stacked network of a fleet: encoder, heads, decoder, for all runs at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from aehpo_assets.space.widths import layer_widths
from aehpo_gpu.architectures import Architecture, LatentBatch
from aehpo_gpu.training import draws
from aehpo_gpu.training.layers import (
    HiddenBlock,
    Linear,
    SquaredError,
    evaluate_hidden,
    evaluate_linear,
)
from aehpo_gpu.training.parameters import LayerShape, ParameterStack, initialise, padded

_FACTORS = {"bfloat16": torch.bfloat16}
"""Precision to the type of what is multiplied, where it is not that of the parameters."""


@dataclass(frozen=True)
class Losses:
    """Losses of a batch for each run, (runs,), summed over its samples."""

    reconstruction: torch.Tensor
    vae: torch.Tensor
    total: torch.Tensor


class FleetNetwork:
    """Runs of equal depth as one network.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run: hyperparameters and seed; depth and seed are the same in all rows.
    features
        Number of features of the task; a run that asks for more uses all.
    train_samples
        Number of train samples.
    vae_loss, precision, device, dtype
        As in the settings.
    """

    def __init__(
        self,
        architecture: Architecture,
        runs: pd.DataFrame,
        *,
        features: int,
        train_samples: int,
        vae_loss: str,
        precision: str,
        device: torch.device,
        dtype: torch.dtype,
    ):
        self.architecture = architecture
        self.device, self.dtype = device, dtype
        self.train_samples, self.vae_loss = train_samples, vae_loss
        self.precision = precision
        self.seed = int(runs["seed"].iloc[0])
        self._task_features = features
        self._lay_out(runs)
        self.stack = ParameterStack.allocate(self.shapes, device, dtype, _FACTORS.get(precision))
        initialise(
            self.stack, self.shapes, [draws.generator(self.seed, "weights") for _ in self.widths]
        )
        # A leaf that makes autograd record the first layer; the gradients of the parameters
        # themselves go straight into the stack.
        self._anchor = torch.zeros((), device=device, dtype=dtype, requires_grad=True)

    def take(self, rows: torch.Tensor) -> None:
        """Go on with some of the runs alone; nothing is paid for the others any more.

        Parameters
        ----------
        rows
            Positions of the runs, ascending.
        """
        self._lay_out(self._runs.iloc[rows.tolist()])
        self.stack = self.stack.take(rows, self.shapes)

    def _lay_out(self, runs: pd.DataFrame) -> None:
        """Set everything that depends on which runs there are, but for their parameters."""
        self._runs = runs
        features = self._task_features
        self.features = np.minimum(runs["k_filter"].to_numpy(), features)
        self.widths = [
            layer_widths(
                int(k), int(row.n_layers), float(row.enc_factor), int(row.latent_dim_fixed)
            )
            for k, row in zip(self.features, runs.itertuples(), strict=True)
        ]
        self.shapes = _shapes(self.widths, len(self.architecture.heads))
        self.hidden = len(self.widths[0]) - 2
        self.width = padded(int(self.features.max()))
        self.latent_dim = padded(max(widths[-1] for widths in self.widths))
        weights = self.architecture.weights
        self.hyperparameters = {name: self._row_values(runs, name) for name in weights}
        self.dropout = self._row_values(runs, "drop_p")[:, None, None]
        self.has_dropout = bool((runs["drop_p"] > 0).any())
        self.latent_mask = self._mask([widths[-1] for widths in self.widths])
        mixed = int(self.features.min()) < min(features, self.width)
        self.feature_mask = self._mask(self.features.tolist()) if mixed else None
        self._input_mask = None if self.feature_mask is None else self.feature_mask.mT

    def _row_values(self, runs: pd.DataFrame, name: str) -> torch.Tensor:
        return torch.tensor(runs[name].tolist(), device=self.device, dtype=self.dtype)

    def _mask(self, widths: list[int]) -> torch.Tensor:
        """(runs, 1, width of the stack): 1 where a run has a unit."""
        widths_of = torch.as_tensor(widths, device=self.device)
        units = torch.arange(padded(max(widths)), device=self.device)
        return (units[None] < widths_of[:, None]).to(self.dtype)[:, None, :]

    def draw_noise(self, epoch: int, rows: range) -> dict[str, torch.Tensor]:
        """Draw what the runs need for some samples of an epoch.

        Parameters
        ----------
        epoch
            Number of the epoch.
        rows
            Positions in the batch order of the epoch.

        Returns
        -------
        dict
            (len(rows), units) for each layer that draws.
        """
        noise = {}
        if self.has_dropout:
            for number, position in enumerate(self._hidden_positions):
                key = draws.stream_key(self.seed, "dropout", number, epoch)
                units = self.shapes[position].stacked[1]
                noise[f"dropout {number}"] = draws.uniform(
                    key, rows, units, self.device, self.dtype
                )
        if self.architecture.sample is not None:
            for name in ("latent", "prior") if self.vae_loss == "mmd" else ("latent",):
                key = draws.stream_key(self.seed, name, epoch)
                noise[name] = draws.normal(key, rows, self.latent_dim, self.device, self.dtype)
        return noise

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws in the widest layer."""
        return max((shape.stacked[1] for shape in self.shapes if shape.hidden), default=1)

    @property
    def _hidden_positions(self) -> list[int]:
        """Positions of the hidden layers, encoder first."""
        return [i for i, shape in enumerate(self.shapes) if shape.hidden]

    def training_losses(
        self, x: torch.Tensor, noise: Mapping[str, torch.Tensor], weight: float | torch.Tensor
    ) -> Losses:
        """Losses of a batch in training mode, recorded for the gradients.

        Parameters
        ----------
        x
            (samples, features) shared by all runs.
        noise
            The rows of :meth:`draw_noise` that belong to the batch.
        weight
            Annealing weight of the VAE loss.
        """
        self.stack.reduce()
        layers = iter(self.stack.layers)
        h = x
        for number in range(self.hidden):
            h = self._hidden(h, next(layers), noise, number, first=number == 0)
        mask = self._input_mask if self.hidden == 0 else None
        heads = {
            name: Linear.apply(h, self._anchor, next(layers), mask, self.precision)
            for name in self.architecture.heads
        }
        latents = heads[self.architecture.heads[0]]
        if self.architecture.sample is not None:
            latents = self.architecture.sample(heads, noise["latent"]) * self.latent_mask
        h = latents
        for number in range(self.hidden, 2 * self.hidden):
            h = self._hidden(h, next(layers), noise, number)
        output = Linear.apply(h, self._anchor, next(layers), None, self.precision)
        error = SquaredError.apply(output, x, self.feature_mask)
        vae, weighted = self._latent_loss(heads, latents, noise.get("prior", latents))
        return Losses(error, vae, error + weight * weighted)

    def _hidden(
        self,
        h: torch.Tensor,
        parameters: object,
        noise: Mapping[str, torch.Tensor],
        number: int,
        first: bool = False,
    ) -> torch.Tensor:
        mask = self._input_mask if first else None
        drawn = noise.get(f"dropout {number}")
        return HiddenBlock.apply(
            h, self._anchor, parameters, mask, self.precision, drawn, self.dropout
        )

    def _latent_loss(
        self, heads: Mapping[str, torch.Tensor], latents: torch.Tensor, prior: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        if self.architecture.loss is None:
            zero = latents.new_zeros(len(latents))
            return zero, zero
        return self.architecture.loss(
            LatentBatch(
                heads,
                latents,
                self.latent_mask,
                prior,
                self.hyperparameters,
                self.train_samples,
                self.vae_loss,
            )
        )

    @torch.no_grad()
    def encode(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        """Heads in evaluation mode, each (runs, samples, latents)."""
        layers = self.stack.layers
        h = x
        for layer in layers[: self.hidden]:
            h = evaluate_hidden(h, layer)
        heads = layers[self.hidden : self.hidden + len(self.architecture.heads)]
        return {
            name: evaluate_linear(h, layer)
            for name, layer in zip(self.architecture.heads, heads, strict=True)
        }

    @torch.no_grad()
    def evaluate(self, x: torch.Tensor, weight: float) -> tuple[torch.Tensor, Losses, torch.Tensor]:
        """Evaluate a batch: latents are the latent mean, dropout is off.

        Returns
        -------
        latents : torch.Tensor
            (runs, samples, latents).
        losses : Losses
            Summed over the samples.
        squared_error : torch.Tensor
            (runs, samples) summed over the features.
        """
        heads = self.encode(x)
        latents = heads[self.architecture.heads[0]]
        h = latents
        decoder = self.stack.layers[self.hidden + len(heads) :]
        for layer in decoder[:-1]:
            h = evaluate_hidden(h, layer)
        difference = evaluate_linear(h, decoder[-1]).sub_(x)
        if self.feature_mask is not None:
            difference.mul_(self.feature_mask)
        squared = difference.square_().sum(2)
        prior = x
        if self.architecture.loss is not None and self.vae_loss == "mmd":
            key = draws.stream_key(self.seed, "prior", "evaluation")
            prior = draws.normal(key, range(len(x)), self.latent_dim, self.device, self.dtype)
        vae, weighted = self._latent_loss(heads, latents, prior)
        error = squared.sum(1)
        return latents, Losses(error, vae, error + weight * weighted), squared


def _shapes(widths: list[list[int]], heads: int) -> list[LayerShape]:
    """Shapes of all layers in order: hidden encoder, heads, hidden decoder, output."""

    def layer(i: int, o: int, hidden: bool) -> LayerShape:
        return LayerShape(tuple(w[i] for w in widths), tuple(w[o] for w in widths), hidden)

    last = len(widths[0]) - 1
    encoder = [layer(i, i + 1, True) for i in range(last - 1)]
    latent = [layer(last - 1, last, False)] * heads
    decoder = [layer(i, i - 1, i > 1) for i in range(last, 0, -1)]
    return [*encoder, *latent, *decoder]
