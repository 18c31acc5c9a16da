"""The stacked network of a fleet: encoder, heads, decoder, for all runs at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_gpu.architectures import Architecture, CodeBatch, Heads, LatentBatch
from aehpo_gpu.training import draws
from aehpo_gpu.training.blocks import Block, HiddenKind, blocks_of
from aehpo_gpu.training.decoders import with_decoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.errors import (
    ErrorOfSamples,
    ReconstructionError,
    reconstructed,
    unlike_squared,
)
from aehpo_gpu.training.importance import importance_losses
from aehpo_gpu.training.initialisation import initialisations, initialise
from aehpo_gpu.training.layers import HiddenLayer, Linear, evaluate_hidden, evaluate_linear
from aehpo_gpu.training.layout import Layout
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.noise import NoiseSource
from aehpo_gpu.training.parameters import (
    LinearParameters,
    ParameterStack,
)

_FACTORS = {"bfloat16": torch.bfloat16}
"""Precision to the type of what is multiplied, where it is not that of the parameters."""


class FleetNetwork:
    """Runs of equal depth as one network.

    Parameters
    ----------
    architecture
        Their architecture.
    runs
        One row a run: hyperparameters and seed; depth and seed are the same in all rows.
        Hyperparameters of training that they do not name have their default.
    features
        Number of features of the task; a run that asks for more uses all.
    train_samples
        Number of train samples.
    vae_loss, precision, device, dtype
        As in the settings.
    modalities
        (features,) modality of each feature of a joint task; None for any other.
    ontology
        That of the task, for architectures that need one.
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
        modalities: np.ndarray | None = None,
        ontology: Ontology | None = None,
    ):
        self.device, self.dtype = device, dtype
        self.train_samples, self.vae_loss = train_samples, vae_loss
        self.precision = precision
        self.seed = int(runs["seed"].iloc[0])
        self._steps = torch.zeros(1, device=device, dtype=dtype)
        self._batch_size = int(runs["batch_size"].iloc[0])
        self._task = (features, modalities, ontology)
        runs = with_defaults(runs, training_defaults(architecture))
        runs = with_decoder(architecture, runs, ontology)
        self.layout = Layout.of(architecture, runs, *self._task, device, dtype)
        shapes = self.layout.shapes
        self.stack = ParameterStack.allocate(shapes, device, dtype, _FACTORS.get(precision))
        sources = [draws.generator(self.seed, "weights") for _ in self.layout.widths]
        initialise(self.stack, shapes, sources, initialisations(runs))
        if self.layout.masks is not None:
            self.layout.masks.begin(self.stack.layers)
        self._lay_stack()
        # A leaf that makes autograd record the first layer; the gradients of the parameters
        # themselves go straight into the stack.
        self._anchor = torch.zeros((), device=device, dtype=dtype, requires_grad=True)

    @property
    def architecture(self) -> Architecture:
        """That of all runs."""
        return self.layout.architecture

    @property
    def features(self) -> np.ndarray:
        """(runs,) how many features each run reads."""
        return self.layout.features

    @property
    def widths(self) -> list[list[int]]:
        """Widths of each run, from its input to its latents."""
        return self.layout.widths

    @property
    def width(self) -> int:
        """Features of a batch."""
        return self.layout.width

    @property
    def latent_dim(self) -> int:
        """Latents of a batch."""
        return self.layout.latent_dim

    @property
    def feature_mask(self) -> torch.Tensor | None:
        """(runs, 1, features) 1 where a run has a feature; None where all have as many."""
        return self.layout.feature_mask

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws in the widest layer."""
        return self.layout.noise_width

    def take(self, rows: torch.Tensor) -> None:
        """Go on with the runs at some ascending positions; nothing is paid for the others."""
        runs = self.layout.runs.iloc[rows.tolist()]
        self.layout = Layout.of(self.architecture, runs, *self._task, self.device, self.dtype)
        self.stack = self.stack.take(rows, self.layout.shapes)
        self._lay_stack()

    def _lay_stack(self) -> None:
        """Set what is drawn for the stack, and the stretches of equal runs of each layer."""
        layout, own = self.layout, self.architecture
        self._input_mask = None if layout.feature_mask is None else layout.feature_mask.mT
        self._noise = NoiseSource(
            own,
            layout.shared,
            self.seed,
            layout.dropped,
            int(layout.features.max()),
            layout.width,
            layout.latent_dim,
            self._draws_prior,
            self.device,
            self.dtype,
        )
        encoder, decoder = layout.hidden_kinds()
        self.blocks = [
            self._blocks(position, encoder if number < layout.hidden else decoder, layout.dropout)
            for number, position in enumerate(layout.hidden_positions)
        ]
        self.head_blocks: list[list[Block]] = []
        if own.head is not None:
            ends = [HiddenKind(*own.head)] * len(encoder)
            never = torch.zeros_like(layout.dropout)
            heads = range(layout.hidden, layout.hidden + len(own.heads))
            self.head_blocks = [self._blocks(position, ends, never) for position in heads]

    def _blocks(self, at: int, kinds: list[HiddenKind], dropout: torch.Tensor) -> list[Block]:
        return blocks_of(self.stack.layers[at], kinds, dropout, self.layout.unit_mask(at))

    def cut_gradients(self) -> None:
        """Take out the gradients of weights that do not exist, before a step."""
        if self.layout.masks is not None:
            self.layout.masks.cut_gradients(self.stack.layers)

    def project(self) -> None:
        """Bring weights back to where they may be, after a step."""
        if self.layout.masks is not None:
            self.layout.masks.project(self.stack.layers)

    def draw_noise(self, epoch: int, rows: range) -> dict[str, torch.Tensor]:
        """What the runs draw for some samples of an epoch."""
        return self._noise.draw(epoch, rows)

    def begin_epoch(self, epoch: int) -> None:
        """Say which epoch the steps to come belong to."""
        self._steps.fill_(epoch * steps_per_epoch(self.train_samples, self._batch_size))

    @property
    def _draws_prior(self) -> bool:
        return self.architecture.draws_prior or self.vae_loss == "mmd"

    def training_losses(
        self, x: torch.Tensor, noise: Mapping[str, torch.Tensor], weight: float | torch.Tensor
    ) -> Losses:
        """Losses of a batch in training mode, recorded for the gradients.

        Parameters
        ----------
        x
            (samples, features) shared by all runs, or (samples, runs, features).
        noise
            The rows of :meth:`draw_noise` that belong to the batch.
        weight
            Annealing weight of the VAE loss.
        """
        layout = self.layout
        self.stack.reduce()
        x = _of_each_run(x)
        layers = iter(self.stack.layers)
        h = self._noise.corrupt(x, noise)
        for number in range(layout.hidden):
            h = self._hidden(h, next(layers), noise, number, first=number == 0)
        heads = self._bent(self._heads(h, layers))
        latents, heads = self._latents(heads, noise.get("latent"), noise.get("code"))
        h = latents
        for number in range(layout.hidden, len(layout.hidden_positions)):
            h = self._hidden(h, next(layers), noise, number)
        for layer in layers:
            h = Linear.apply(h, self._anchor, layer, None, self.precision)
        output = h
        if self.architecture.importance is not None:
            repeated = x.repeat_interleave(layout.decoded, 0)
            error = ErrorOfSamples.apply(output, repeated, layout.errors)
            each = self._latent_loss(heads, latents, latents)
            of = (layout.decoded, layout.reduction)
            return importance_losses(error, *each, *of, weight, averaged=True)
        if layout.root_weights is not None:
            output, x = output * layout.root_weights, x * layout.root_weights
        error = ReconstructionError.apply(output, x, layout.errors)
        vae, weighted = self._latent_loss(heads, latents, noise.get("prior", latents))
        trained = layout.reduction.trained(error, weight * weighted, x.shape[-2])
        return Losses(error, vae, trained)

    def _heads(self, h: torch.Tensor, layers: Iterator[LinearParameters]) -> Heads:
        mask = self._input_mask if self.layout.hidden == 0 else None
        names, blocks = self.architecture.heads, self.head_blocks
        if not blocks:
            return {
                name: Linear.apply(h, self._anchor, next(layers), mask, self.precision)
                for name in names
            }
        return {
            name: HiddenLayer.apply(h, self._anchor, next(layers), mask, self.precision, None, own)
            for name, own in zip(names, blocks, strict=True)
        }

    def _bent(self, heads: Heads) -> Heads:
        bend = self.architecture.bend
        return heads if bend is None else bend(heads, self.layout.latent_mask, self.layout.shared)

    def _latents(
        self, heads: Heads, normal: torch.Tensor | None, uniform: torch.Tensor | None
    ) -> tuple[torch.Tensor, Heads]:
        """What is decoded, and the heads of each of it; draws are None in evaluation."""
        own, layout = self.architecture, self.layout
        if own.code is not None:
            values = (layout.hyperparameters, layout.shared, self._steps)
            return own.code(CodeBatch(heads, layout.latent_mask, uniform, *values)), heads
        if own.sample is None or normal is None:
            return heads[own.heads[0]], heads
        if own.importance is None:
            return own.sample(heads, normal) * layout.latent_mask, heads
        normal = normal.view(-1, layout.decoded, normal.shape[-1])
        drawn = own.sample({name: head[:, :, None] for name, head in heads.items()}, normal)
        repeated = {name: head.repeat_interleave(layout.decoded, 1) for name, head in heads.items()}
        return drawn.flatten(1, 2) * layout.latent_mask, repeated

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
        if drawn is not None:
            drawn = drawn.flatten(0, -2)
        return HiddenLayer.apply(
            h, self._anchor, parameters, mask, self.precision, drawn, self.blocks[number]
        )

    def _latent_loss(
        self, heads: Mapping[str, torch.Tensor], latents: torch.Tensor, prior: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        layout = self.layout
        if self.architecture.loss is None:
            zero = latents.new_zeros(len(latents))
            return zero, zero
        return self.architecture.loss(
            LatentBatch(
                heads,
                latents,
                layout.latent_mask,
                prior,
                layout.hyperparameters,
                self.train_samples,
                self.vae_loss,
                layout.words,
                layout.shared,
            )
        )

    @torch.no_grad()
    def encode(self, x: torch.Tensor) -> Heads:
        """Heads in evaluation mode, each (runs, samples, latents)."""
        layers, hidden = self.stack.layers, self.layout.hidden
        h = x
        for layer, blocks in zip(layers[:hidden], self.blocks[:hidden], strict=True):
            h = evaluate_hidden(h, layer, blocks)
        names = self.architecture.heads
        heads = dict(zip(names, layers[hidden : hidden + len(names)], strict=True))
        if not self.head_blocks:
            return self._bent({name: evaluate_linear(h, layer) for name, layer in heads.items()})
        ends = zip(heads.items(), self.head_blocks, strict=True)
        return self._bent(
            {name: evaluate_hidden(h, layer, blocks) for (name, layer), blocks in ends}
        )

    def _decode(self, h: torch.Tensor) -> torch.Tensor:
        """What latents are decoded to in evaluation mode, (runs, samples, features)."""
        decoder = self.stack.layers[self.layout.hidden + len(self.architecture.heads) :]
        blocks = self.blocks[self.layout.hidden :]
        for layer, own in zip(decoder[: len(blocks)], blocks, strict=True):
            h = evaluate_hidden(h, layer, own)
        for layer in decoder[len(blocks) :]:
            h = evaluate_linear(h, layer)
        return h

    @torch.no_grad()
    def reconstruction(self, latents: torch.Tensor) -> torch.Tensor:
        """What latents decode to in evaluation mode, (runs, samples, features)."""
        return reconstructed(self.layout.errors, self._decode(latents))

    @torch.no_grad()
    def evaluate(
        self, x: torch.Tensor, weight: float | torch.Tensor
    ) -> tuple[torch.Tensor, Losses, torch.Tensor]:
        """Evaluate a batch: latents are the latent mean, dropout is off.

        Returns
        -------
        latents : torch.Tensor
            (runs, samples, latents).
        losses : Losses
            Summed over the samples.
        squared_error : torch.Tensor
            (runs, samples) summed over the features, whatever error is trained.
        """
        x = _of_each_run(x)
        heads = self.encode(x)
        latents, _ = self._latents(heads, None, None)
        output = self._decode(latents)
        errors = unlike_squared(self.layout.errors, output, x)
        difference = reconstructed(self.layout.errors, output).sub_(x)
        if self.layout.feature_mask is not None:
            difference.mul_(self.layout.feature_mask)
        squared = difference.square_().sum(2)
        if self.architecture.importance is not None:
            return latents, self._evaluated_draws(heads, x, weight), squared
        prior = x
        if self.architecture.loss is not None and self._draws_prior:
            key = draws.stream_key(self.seed, "prior", "evaluation")
            of = (range(x.shape[-2]), self.layout.latent_dim)
            prior = draws.normal(key, *of, self.device, self.dtype)
        vae, weighted = self._latent_loss(heads, latents, prior)
        error = squared.sum(1) if errors is None else errors
        losses = Losses(error, vae, self.layout.reduction.reported(error, weight * weighted))
        return latents, losses, squared

    def _evaluated_draws(
        self, heads: Heads, x: torch.Tensor, weight: float | torch.Tensor
    ) -> Losses:
        """Losses of a batch by draws of the latents that are the same in every evaluation."""
        key = draws.stream_key(self.seed, "latent", "evaluation")
        normal = self._noise.repeated(
            draws.normal, key, range(x.shape[-2]), self.layout.decoded, self.layout.latent_dim
        )
        latents, heads = self._latents(heads, normal, None)
        output, repeated = self._decode(latents), x.repeat_interleave(self.layout.decoded, 0)
        error = torch.cat([one.value(output[one.rows], repeated) for one in self.layout.errors])
        each = self._latent_loss(heads, latents, latents)
        return importance_losses(
            error, *each, self.layout.decoded, self.layout.reduction, weight, averaged=False
        )


def _of_each_run(x: torch.Tensor) -> torch.Tensor:
    """Inputs of a batch as products take them: those of each run, (runs, samples, features)."""
    return x.transpose(0, 1) if x.ndim == 3 else x
