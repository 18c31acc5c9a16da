"""The stacked network of a fleet: encoder, heads, decoder, for all runs at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import Architecture, CodeBatch, Heads, LatentBatch
from aehpo_gpu.training import draws
from aehpo_gpu.training.blocks import Block, HiddenKind, blocks_of
from aehpo_gpu.training.by_modality import OuterLayers, modality_numbers
from aehpo_gpu.training.decoders import decoder_of, decoder_widths, with_decoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.errors import (
    ERRORS,
    ErrorOfSamples,
    ReconstructionError,
    error_blocks,
)
from aehpo_gpu.training.importance import importance_losses
from aehpo_gpu.training.initialisation import initialisations, initialise
from aehpo_gpu.training.layers import HiddenLayer, Linear, evaluate_hidden, evaluate_linear
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.noise import NoiseSource
from aehpo_gpu.training.parameters import (
    LinearParameters,
    ParameterStack,
    layer_shapes,
    padded,
)
from aehpo_gpu.training.reduction import Reduction
from aehpo_gpu.training.weight_masks import WeightMasks, decoder_masks

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
        self.architecture = architecture
        self._modalities, self._ontology = modalities, ontology
        self.device, self.dtype = device, dtype
        self.train_samples, self.vae_loss = train_samples, vae_loss
        self.precision = precision
        self.seed = int(runs["seed"].iloc[0])
        self._task_features = features
        self._steps = torch.zeros(1, device=device, dtype=dtype)
        self._batch_size = int(runs["batch_size"].iloc[0])
        runs = with_defaults(runs, training_defaults(architecture))
        self._lay_out(with_decoder(architecture, runs, ontology))
        self.stack = ParameterStack.allocate(self.shapes, device, dtype, _FACTORS.get(precision))
        sources = [draws.generator(self.seed, "weights") for _ in self.widths]
        initialise(self.stack, self.shapes, sources, initialisations(runs))
        if self.masks is not None:
            self.masks.begin(self.stack.layers)
        self._lay_blocks()
        # A leaf that makes autograd record the first layer; the gradients of the parameters
        # themselves go straight into the stack.
        self._anchor = torch.zeros((), device=device, dtype=dtype, requires_grad=True)

    def take(self, rows: torch.Tensor) -> None:
        """Go on with the runs at some ascending positions; nothing is paid for the others."""
        self._lay_out(self._runs.iloc[rows.tolist()])
        self.stack = self.stack.take(rows, self.shapes)
        self._lay_blocks()

    def _lay_out(self, runs: pd.DataFrame) -> None:
        """Set everything that depends on which runs there are, but for their parameters."""
        self._runs = runs
        features = self._task_features
        self.features = np.minimum(runs["k_filter"].to_numpy(), features)
        self.widths = run_widths(runs, features)
        own = self.architecture
        decoders = [
            decoder_widths(own, run, widths[0])
            for run, widths in zip(runs.to_dict("records"), self.widths, strict=True)
        ]
        self.decoders = [one for one in decoders if one is not None] or None
        self.shapes = layer_shapes(self.widths, len(own.heads), own.head is not None, self.decoders)
        self.hidden = len(self.widths[0]) - 2
        self.width = padded(int(self.features.max()))
        self.latent_dim = padded(max(widths[-1] for widths in self.widths))
        words = [name for name in own.weights if isinstance(runs[name].iloc[0], str)]
        numbers = [name for name in own.weights if name not in words]
        self.hyperparameters = {name: self._row_values(runs, name) for name in numbers}
        self.words = {name: self._row_words(runs, name) for name in words}
        for name in own.group_by:
            if runs[name].nunique() > 1:
                raise ValueError(f"runs of one fleet have several values of {name}")
        self.shared = {name: runs[name].iloc[0] for name in own.group_by}
        self.decoded = own.draws_of(self.shared)
        self.has_dropout = bool((runs["drop_p"] > 0).any())
        self.latent_mask = self._mask([widths[-1] for widths in self.widths])
        mixed = int(self.features.min()) < min(features, self.width)
        self.feature_mask = self._mask(self.features.tolist()) if mixed else None
        self._input_mask = None if self.feature_mask is None else self.feature_mask.mT
        parameters = {one.parameter for one in ERRORS.values() if one.parameter is not None}
        self.errors = error_blocks(
            runs["reconstruction"].tolist(),
            {name: self._row_values(runs, name) for name in parameters},
            self.feature_mask,
            self._mask(self.features.tolist()),
        )
        self.reduction = Reduction.of(runs, self.widths, self.device, self.dtype)
        dropped = enumerate(self._hidden_positions) if self.has_dropout else ()
        count = len(self._hidden_positions)
        times = {n: 1 if n < self.hidden else self.decoded for n in range(count)}
        self._noise = NoiseSource(
            own,
            self.shared,
            self.seed,
            {number: (self.shapes[at].stacked[1], times[number]) for number, at in dropped},
            int(self.features.max()),
            self.width,
            self.latent_dim,
            self._draws_prior,
            self.device,
            self.dtype,
        )
        self.masks: WeightMasks | None = None
        self._root_weights: torch.Tensor | None = None
        if own.balance is not None:
            of_features = modality_numbers(self._modalities, features)
            balance = self._row_values(runs, own.balance)
            outer = OuterLayers(self.widths, of_features, balance, self.device, self.dtype)
            self.masks, self._root_weights = outer.masks, outer.root_weights
        elif own.decoder is not None:
            present = decoder_of(own, runs.iloc[0], self._ontology).masks
            widest = int(self.features.max())
            self.masks = decoder_masks(present, widest, self.latent_mask)

    def _lay_blocks(self) -> None:
        """Cut what follows the products of the hidden layers into stretches of equal runs."""
        columns = (self._runs["activation"], self._runs["batch_norm"])
        kinds = [HiddenKind(str(f), bool(norm)) for f, norm in zip(*columns, strict=True)]
        own = self.architecture
        mirrored = kinds if own.decoder_norm else [HiddenKind(k.activation, False) for k in kinds]
        dropout = self._row_values(self._runs, "drop_p")[:, None, None]

        def blocks(position: int, kinds: list[HiddenKind], dropout: torch.Tensor) -> list[Block]:
            mask = self._mask(list(self.shapes[position].outputs))
            return blocks_of(self.stack.layers[position], kinds, dropout, mask)

        self.blocks = [
            blocks(position, kinds if number < self.hidden else mirrored, dropout)
            for number, position in enumerate(self._hidden_positions)
        ]
        heads = range(self.hidden, self.hidden + len(own.heads)) if own.head is not None else ()
        ends = [] if own.head is None else [HiddenKind(*own.head)] * len(kinds)
        self.head_blocks = [blocks(position, ends, torch.zeros_like(dropout)) for position in heads]

    def _row_values(self, runs: pd.DataFrame, name: str) -> torch.Tensor:
        return torch.tensor(runs[name].tolist(), device=self.device, dtype=self.dtype)

    def _row_words(self, runs: pd.DataFrame, name: str) -> dict[str, torch.Tensor]:
        """Each word that occurs, to whether a run has it."""
        words = runs[name].tolist()
        return {
            known: torch.tensor([word == known for word in words], device=self.device)
            for known in sorted(set(words))
        }

    def _mask(self, widths: list[int]) -> torch.Tensor:
        """(runs, 1, width of the stack): 1 where a run has a unit."""
        widths_of = torch.as_tensor(widths, device=self.device)
        units = torch.arange(padded(max(widths)), device=self.device)
        return (units[None] < widths_of[:, None]).to(self.dtype)[:, None, :]

    def kinds_of(self, position: int) -> dict[str, Any]:
        """What follows the products of a run, as ``Autoencoder`` takes it."""
        run, own = self._runs.iloc[position], self.architecture
        return {
            "activation": str(run["activation"]),
            "batch_norm": bool(run["batch_norm"]),
            "on_logits": ERRORS[run["reconstruction"]].on_logits,
            "head": own.head,
            "decoder_norm": own.decoder_norm,
            "bare_decoder": None if self.decoders is None else self.decoders[position],
            "nonnegative": bool(self.shared.get("nonnegative_latents", False)),
        }

    def cut_gradients(self) -> None:
        """Take out the gradients of weights that do not exist, before a step."""
        if self.masks is not None:
            self.masks.cut_gradients(self.stack.layers)

    def project(self) -> None:
        """Bring weights back to where they may be, after a step."""
        if self.masks is not None:
            self.masks.project(self.stack.layers)

    def draw_noise(self, epoch: int, rows: range) -> dict[str, torch.Tensor]:
        """What the runs draw for some samples of an epoch."""
        return self._noise.draw(epoch, rows)

    def begin_epoch(self, epoch: int) -> None:
        """Say which epoch the steps to come belong to."""
        self._steps.fill_(epoch * steps_per_epoch(self.train_samples, self._batch_size))

    @property
    def _draws_prior(self) -> bool:
        return self.architecture.draws_prior or self.vae_loss == "mmd"

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws in the widest layer."""
        widths = [shape.stacked[1] for shape in self.shapes if shape.hidden]
        widths += [] if self.architecture.corruption is None else [self.width]
        return self.decoded * max(widths, default=1)

    @property
    def _hidden_positions(self) -> list[int]:
        """Positions of the hidden layers of encoder and decoder."""
        decoder = range(self.hidden + len(self.architecture.heads), len(self.shapes) - 1)
        return [*range(self.hidden), *(at for at in decoder if self.shapes[at].hidden)]

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
        self.stack.reduce()
        x = _of_each_run(x)
        layers = iter(self.stack.layers)
        h = self._noise.corrupt(x, noise)
        for number in range(self.hidden):
            h = self._hidden(h, next(layers), noise, number, first=number == 0)
        heads = self._bent(self._heads(h, layers))
        latents, heads = self._latents(heads, noise.get("latent"), noise.get("code"))
        h = latents
        for number in range(self.hidden, len(self._hidden_positions)):
            h = self._hidden(h, next(layers), noise, number)
        for layer in layers:
            h = Linear.apply(h, self._anchor, layer, None, self.precision)
        output = h
        if self.architecture.importance is not None:
            error = ErrorOfSamples.apply(output, x.repeat_interleave(self.decoded, 0), self.errors)
            each = self._latent_loss(heads, latents, latents)
            return importance_losses(
                error, *each, self.decoded, self.reduction, weight, averaged=True
            )
        if self._root_weights is not None:
            output, x = output * self._root_weights, x * self._root_weights
        error = ReconstructionError.apply(output, x, self.errors)
        vae, weighted = self._latent_loss(heads, latents, noise.get("prior", latents))
        return Losses(error, vae, self.reduction.trained(error, weight * weighted, x.shape[-2]))

    def _heads(self, h: torch.Tensor, layers: Iterator[LinearParameters]) -> Heads:
        mask = self._input_mask if self.hidden == 0 else None
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
        own = self.architecture
        return heads if own.bend is None else own.bend(heads, self.latent_mask, self.shared)

    def _latents(
        self, heads: Heads, normal: torch.Tensor | None, uniform: torch.Tensor | None
    ) -> tuple[torch.Tensor, Heads]:
        """What is decoded, and the heads of each of it; draws are None in evaluation."""
        own = self.architecture
        if own.code is not None:
            values = (self.hyperparameters, self.shared, self._steps)
            return own.code(CodeBatch(heads, self.latent_mask, uniform, *values)), heads
        if own.sample is None or normal is None:
            return heads[own.heads[0]], heads
        if own.importance is None:
            return own.sample(heads, normal) * self.latent_mask, heads
        normal = normal.view(-1, self.decoded, normal.shape[-1])
        drawn = own.sample({name: head[:, :, None] for name, head in heads.items()}, normal)
        repeated = {name: head.repeat_interleave(self.decoded, 1) for name, head in heads.items()}
        return drawn.flatten(1, 2) * self.latent_mask, repeated

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
                self.words,
                self.shared,
            )
        )

    @torch.no_grad()
    def encode(self, x: torch.Tensor) -> Heads:
        """Heads in evaluation mode, each (runs, samples, latents)."""
        layers = self.stack.layers
        h = x
        for layer, blocks in zip(layers[: self.hidden], self.blocks[: self.hidden], strict=True):
            h = evaluate_hidden(h, layer, blocks)
        names = self.architecture.heads
        heads = dict(zip(names, layers[self.hidden : self.hidden + len(names)], strict=True))
        if not self.head_blocks:
            return self._bent({name: evaluate_linear(h, layer) for name, layer in heads.items()})
        ends = zip(heads.items(), self.head_blocks, strict=True)
        return self._bent(
            {name: evaluate_hidden(h, layer, blocks) for (name, layer), blocks in ends}
        )

    def _decode(self, h: torch.Tensor) -> torch.Tensor:
        """What latents are decoded to in evaluation mode, (runs, samples, features)."""
        decoder = self.stack.layers[self.hidden + len(self.architecture.heads) :]
        blocks = self.blocks[self.hidden :]
        for layer, own in zip(decoder[: len(blocks)], blocks, strict=True):
            h = evaluate_hidden(h, layer, own)
        for layer in decoder[len(blocks) :]:
            h = evaluate_linear(h, layer)
        return h

    @torch.no_grad()
    def reconstruction(self, latents: torch.Tensor) -> torch.Tensor:
        """What latents decode to in evaluation mode, (runs, samples, features)."""
        return self._reconstruction(self._decode(latents))

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
        errors = self._errors(output, x)
        difference = self._reconstruction(output).sub_(x)
        if self.feature_mask is not None:
            difference.mul_(self.feature_mask)
        squared = difference.square_().sum(2)
        if self.architecture.importance is not None:
            return latents, self._evaluated_draws(heads, x, weight), squared
        prior = x
        if self.architecture.loss is not None and self._draws_prior:
            key = draws.stream_key(self.seed, "prior", "evaluation")
            prior = draws.normal(key, range(x.shape[-2]), self.latent_dim, self.device, self.dtype)
        vae, weighted = self._latent_loss(heads, latents, prior)
        error = squared.sum(1) if errors is None else errors
        losses = Losses(error, vae, self.reduction.reported(error, weight * weighted))
        return latents, losses, squared

    def _evaluated_draws(
        self, heads: Heads, x: torch.Tensor, weight: float | torch.Tensor
    ) -> Losses:
        """Losses of a batch by draws of the latents that are the same in every evaluation."""
        key = draws.stream_key(self.seed, "latent", "evaluation")
        normal = self._noise.repeated(
            draws.normal, key, range(x.shape[-2]), self.decoded, self.latent_dim
        )
        latents, heads = self._latents(heads, normal, None)
        output, repeated = self._decode(latents), x.repeat_interleave(self.decoded, 0)
        error = torch.cat([one.value(output[one.rows], repeated) for one in self.errors])
        each = self._latent_loss(heads, latents, latents)
        return importance_losses(error, *each, self.decoded, self.reduction, weight, averaged=False)

    def _errors(self, output: torch.Tensor, x: torch.Tensor) -> torch.Tensor | None:
        """(runs,) errors that are trained; None where they are the squared ones."""
        if [block.name for block in self.errors] == ["mse"]:
            return None
        return torch.cat([block.value(output[block.rows], x).sum(1) for block in self.errors])

    def _reconstruction(self, output: torch.Tensor) -> torch.Tensor:
        """What the outputs reconstruct; zero where a run has no feature."""
        for block in self.errors:
            if block.kind.on_logits:
                own = block.reconstruction(output[block.rows])
                output[block.rows] = own if block.mask is None else own * block.mask
        return output


def _of_each_run(x: torch.Tensor) -> torch.Tensor:
    """Inputs of a batch as products take them: those of each run, (runs, samples, features)."""
    return x.transpose(0, 1) if x.ndim == 3 else x
