"""One run alone, in plain PyTorch: for architectures that do not stack, and to measure fleets by.

A :class:`SoloNetwork` and its ``SoloOptimiser`` stand where a fleet has its stacked ones: the
loop, the draws, the losses beside the error, and all that becomes rows are the same. What differs
is written by others: ``torch.nn``, ``torch.optim``, and autograd.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.space.batches import steps_per_epoch
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import Architecture, CodeBatch, LatentBatch
from aehpo_gpu.training import draws
from aehpo_gpu.training.decoders import decoder_of, with_decoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.errors import ERRORS
from aehpo_gpu.training.importance import importance_losses
from aehpo_gpu.training.initialisation import initialisations
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.noise import NoiseSource
from aehpo_gpu.training.reduction import Reduction
from aehpo_gpu.training.solo_module import begin_module, module_of

ROWS = "rows"
"""Name of the positions of samples in the batch order of the epoch, among what a batch draws."""


class DrawnDropout(nn.Module):
    """Dropout by the numbers of a stream of the run.

    Parameters
    ----------
    p
        Share of the units that is dropped.
    seed, number
        Seed of the run, and number of the layer, encoder first.
    """

    def __init__(self, p: float, seed: int, number: int):
        super().__init__()
        self.p, self._seed, self._number = p, seed, number
        self.epoch, self.rows = 0, range(0)

    def forward(self, x: Tensor) -> Tensor:
        """Return (samples, …), in training without what is dropped."""
        if not self.training or self.p == 0:
            return x
        key = draws.stream_key(self._seed, "dropout", self._number, self.epoch)
        drawn = draws.uniform(key, self.rows, x[0].numel(), x.device, x.dtype)
        return x * (drawn.view_as(x) >= self.p) / (1 - self.p)


class Passed(NamedTuple):
    """What a batch becomes on its way through a network.

    Attributes
    ----------
    latents
        (samples, latents), as decoded.
    errors
        (samples,) summed over the features.
    latent_loss, weighted
        (1,) summed over the samples, and the same weighted.
    """

    latents: Tensor
    errors: Tensor
    latent_loss: Tensor
    weighted: Tensor


class SoloNetwork:
    """One run, with the interface of :class:`aehpo_gpu.training.network.FleetNetwork`.

    Its module has an ``encoder``, ``heads`` by their names and a ``decoder``, whose last layer is
    the output; every ``nn.Dropout`` in it draws from a stream of the run.

    Parameters
    ----------
    architecture, runs, features, train_samples, vae_loss, device, dtype, ontology
        As of a fleet; ``runs`` is one.

    Attributes
    ----------
    run
        Hyperparameters, those of training included.
    module
        The network.
    """

    def __init__(
        self,
        architecture: Architecture,
        runs: pd.DataFrame,
        *,
        features: int,
        train_samples: int,
        vae_loss: str,
        device: torch.device,
        dtype: torch.dtype,
        ontology: Ontology | None = None,
    ):
        if len(runs) != 1:
            raise ValueError(f"{architecture.name} trains one run at a time, not {len(runs)}")
        runs = with_defaults(runs, training_defaults(architecture))
        runs = with_decoder(architecture, runs, ontology)
        self.architecture, self.run = architecture, runs.to_dict("records")[0]
        self.device, self.dtype = device, dtype
        self.train_samples, self.vae_loss = train_samples, vae_loss
        self.seed = int(self.run["seed"])
        self.widths = run_widths(runs, features)
        self.width, self.latent_dim = self.widths[0][0], self.widths[0][-1]
        self.features = np.array([self.width])
        self.module = module_of(architecture, self.run, self.widths[0]).to(dtype)
        (chosen,) = initialisations(runs)
        begin_module(self.module, chosen, draws.generator(self.seed, "weights"))
        self.module.to(device)
        self._masks: list[tuple[nn.Linear, Tensor]] = []
        if architecture.decoder is not None:
            self._mask(decoder_of(architecture, self.run, ontology).masks)
        self._encoder = cast("nn.Module", self.module.encoder)
        self._named_heads = cast("nn.ModuleDict", self.module.heads)
        self._decoder = cast("nn.Module", self.module.decoder)
        self._dropouts = _drawn_dropouts(self.module, self.seed)
        self._shared = {name: self.run[name] for name in architecture.group_by}
        self._draws = architecture.draws_of(self.run)
        decoding = set(self._decoder.modules())
        self._times = [self._draws if one in decoding else 1 for one in self._dropouts]
        self._steps = torch.zeros(1, device=device, dtype=dtype)
        sizes = (self.width, self.width, self.latent_dim, self._draws_prior)
        self._noise = NoiseSource(architecture, self._shared, self.seed, {}, *sizes, device, dtype)
        self._error = ERRORS[self.run["reconstruction"]]
        self.reduction = Reduction.of(runs, self.widths, device, dtype)

    def _value(self, name: str) -> Tensor:
        return torch.tensor([float(self.run[name])], device=self.device, dtype=self.dtype)

    @torch.no_grad()
    def _mask(self, masks: Sequence[np.ndarray]) -> None:
        """Give the layers of the decoder weights where masks say so, and none below zero."""
        decoder = cast("nn.Module", self.module.decoder)
        layers = [one for one in decoder.modules() if isinstance(one, nn.Linear)]
        for layer, mask in zip(layers, masks, strict=True):
            present = torch.as_tensor(mask[:, : layer.out_features].T.copy())
            self._masks.append((layer, present.to(layer.weight)))
            layer.weight.abs_().mul_(self._masks[-1][1])

    @torch.no_grad()
    def cut_gradients(self) -> None:
        """Take out the gradients of weights that do not exist, before a step."""
        for layer, present in self._masks:
            assert layer.weight.grad is not None
            layer.weight.grad.mul_(present)

    @torch.no_grad()
    def project(self) -> None:
        """Bring weights back to where they may be, after a step."""
        for layer, present in self._masks:
            layer.weight.clamp_(min=0).mul_(present)

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws at once."""
        return self._draws * max(self.width, self.latent_dim)

    @property
    def _draws_prior(self) -> bool:
        return self.architecture.draws_prior or self.vae_loss == "mmd"

    def begin_epoch(self, epoch: int) -> None:
        """Say which epoch the steps to come belong to."""
        size = int(self.run["batch_size"])
        self._steps.fill_(epoch * steps_per_epoch(self.train_samples, size))

    def draw_noise(self, epoch: int, rows: range) -> dict[str, Tensor]:
        """Draw what the run needs for some samples of an epoch, as a fleet does."""
        for dropout in self._dropouts:
            dropout.epoch = epoch
        return {ROWS: torch.arange(rows.start, rows.stop)} | self._noise.draw(epoch, rows)

    def training_losses(
        self, x: Tensor, noise: Mapping[str, Tensor], weight: float | Tensor
    ) -> Losses:
        """Losses of a batch in training mode, (1,) each."""
        self._begin_batch(noise, len(x))
        return self._losses(
            self._heads(self._noise.corrupt(x, noise)),
            x,
            weight,
            normal=noise.get("latent"),
            uniform=noise.get("code"),
            prior=noise.get("prior"),
        )

    def _begin_batch(self, noise: Mapping[str, Tensor], samples: int) -> None:
        """Go into training mode, and say which samples of the epoch a batch has."""
        self.module.train()
        first = int(noise[ROWS][0])
        for dropout, times in zip(self._dropouts, self._times, strict=True):
            dropout.rows = range(first * times, (first + samples) * times)

    def passed(self, x: Tensor, noise: Mapping[str, Tensor] | None) -> Passed:
        """Take a batch through, of an architecture that draws its latents once.

        Parameters
        ----------
        x
            (samples, features).
        noise
            The rows of :meth:`draw_noise` that belong to it; None in evaluation.
        """
        if noise is None:
            self.module.eval()
            normal, prior = None, self._evaluation_prior(len(x))
        else:
            self._begin_batch(noise, len(x))
            normal, prior = noise["latent"], noise.get("prior")
        heads = self._heads(x)
        latents, sample = self._mean(heads, None), self.architecture.sample
        if normal is not None and sample is not None:
            latents = sample(heads, normal)
        errors = self._errors(self._decoder(latents[0]), x).sum(1)
        return Passed(latents[0], errors, *self._latent_loss(heads, latents, prior))

    def decoded(self, latents: Tensor) -> Tensor:
        """What (samples, latents) are decoded to, (samples, features)."""
        output = self._decoder(latents)
        return torch.sigmoid(output) if self._error.on_logits else output

    def _evaluation_prior(self, samples: int) -> Tensor | None:
        if self.architecture.loss is None or not self._draws_prior:
            return None
        key = draws.stream_key(self.seed, "prior", "evaluation")
        return draws.normal(key, range(samples), self.latent_dim, self.device, self.dtype)

    def _losses(
        self,
        heads: dict[str, Tensor],
        x: Tensor,
        weight: float | Tensor,
        *,
        normal: Tensor | None,
        uniform: Tensor | None = None,
        prior: Tensor | None = None,
    ) -> Losses:
        """Losses of a batch by the numbers that are drawn for it; without any, by the means."""
        own, samples = self.architecture, len(x)
        latents = self._mean(heads, uniform)
        if own.sample is not None and normal is not None:
            # Each draw of a sample is a sample of its own from here on.
            heads = {name: head.repeat_interleave(self._draws, 1) for name, head in heads.items()}
            latents = own.sample(heads, normal.flatten(0, -2))
            x = x.repeat_interleave(self._draws, 0)
        errors = self._errors(self._decoder(latents[0]), x).sum(1)[None]
        if own.importance is not None:
            each = self._latent_loss(heads, latents, prior)
            return importance_losses(
                errors, *each, self._draws, self.reduction, weight, averaged=self.module.training
            )
        error = errors.sum(1)
        vae, weighted = self._latent_loss(heads, latents, prior)
        if self.module.training:
            return Losses(error, vae, self.reduction.trained(error, weight * weighted, samples))
        return Losses(error, vae, self.reduction.reported(error, weight * weighted))

    def _mean(self, heads: dict[str, Tensor], uniform: Tensor | None) -> Tensor:
        """Latents that are not drawn, (1, samples, latents)."""
        own = self.architecture
        if own.code is None:
            return heads[own.heads[0]]
        numbers, _ = self._read()
        mask = heads[own.heads[0]].new_ones(1, 1, self.latent_dim)
        return own.code(CodeBatch(heads, mask, uniform, numbers, self._shared, self._steps))

    @torch.no_grad()
    def evaluate(self, x: Tensor, weight: float | Tensor) -> tuple[Tensor, Losses, Tensor]:
        """Evaluate a batch by the latent means, as a fleet does."""
        self.module.eval()
        own, heads = self.architecture, self._heads(x)
        latents = self._mean(heads, None)
        shown = self.decoded(latents[0])
        normal = prior = None
        if own.importance is not None:
            key = draws.stream_key(self.seed, "latent", "evaluation")
            size = (self._draws, self.latent_dim)
            normal = self._noise.repeated(draws.normal, key, range(len(x)), *size)
        else:
            prior = self._evaluation_prior(len(x))
        losses = self._losses(heads, x, weight, normal=normal, prior=prior)
        return latents, losses, (shown - x).square().sum(1)[None]

    def _heads(self, x: Tensor) -> dict[str, Tensor]:
        """Head to (1, samples, latents)."""
        hidden = self._encoder(x)
        heads = {name: head(hidden)[None] for name, head in self._named_heads.items()}
        bend = self.architecture.bend
        if bend is None:
            return heads
        return dict(bend(heads, x.new_ones(1, 1, self.latent_dim), self._shared))

    def _errors(self, output: Tensor, x: Tensor) -> Tensor:
        name = self._error.parameter
        parameter = self._value(name) if name is not None else x.new_ones(1)
        return self._error.value(output, x, parameter)

    def _latent_loss(
        self, heads: Mapping[str, Tensor], latents: Tensor, prior: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        if self.architecture.loss is None:
            zero = latents.new_zeros(1)
            return zero, zero
        numbers, words = self._read()
        return self.architecture.loss(
            LatentBatch(
                heads,
                latents,
                latents.new_ones(1, 1, self.latent_dim),
                latents if prior is None else prior,
                numbers,
                self.train_samples,
                self.vae_loss,
                words,
                self._shared,
            )
        )

    def _read(self) -> tuple[dict[str, Tensor], dict[str, dict[str, Tensor]]]:
        """What the architecture reads, as the tensors of a fleet of one: numbers, and words."""
        read = {name: self.run[name] for name in self.architecture.weights}
        everyone = torch.ones(1, dtype=torch.bool, device=self.device)
        words = {n: {word: everyone} for n, word in read.items() if isinstance(word, str)}
        return {name: self._value(name) for name in read if name not in words}, words


def _drawn_dropouts(module: nn.Module, seed: int) -> list[DrawnDropout]:
    """Put dropouts that draw from streams of the run in the places of torch's own."""
    found: list[DrawnDropout] = []
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                found.append(DrawnDropout(child.p, seed, len(found)))
                setattr(parent, name, found[-1])
    return found
