"""One run alone, in plain PyTorch: for architectures that do not stack, and to measure fleets by.

A :class:`SoloNetwork` and its :class:`SoloOptimiser` stand where a fleet has its stacked ones: the
loop, the draws, the losses beside the error, and all that becomes rows are the same. What differs
is written by others: ``torch.nn``, ``torch.optim``, and autograd.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, cast

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from aehpo_assets.space.widths import run_widths, trainable_parameters, weights_and_biases
from aehpo_gpu.architectures import Architecture, LatentBatch
from aehpo_gpu.training import draws
from aehpo_gpu.training.defaults import training_defaults, with_defaults
from aehpo_gpu.training.errors import ERRORS
from aehpo_gpu.training.initialisation import BIAS, INITIALISATIONS, initialisations
from aehpo_gpu.training.losses import Losses
from aehpo_gpu.training.module import MODULES, Autoencoder
from aehpo_gpu.training.reduction import Reduction
from aehpo_gpu.training.rules import UpdateRule

PRODUCTS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.ConvTranspose1d, nn.ConvTranspose2d)
"""Layers whose weights are drawn as the run says."""

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


class SoloNetwork:
    """One run, with the interface of :class:`aehpo_gpu.training.network.FleetNetwork`.

    Its module has an ``encoder``, ``heads`` by their names and a ``decoder``, whose last layer is
    the output; every ``nn.Dropout`` in it draws from a stream of the run.

    Parameters
    ----------
    architecture, runs, features, train_samples, vae_loss, device, dtype
        As of a fleet; ``runs`` is one.
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
    ):
        if len(runs) != 1:
            raise ValueError(f"{architecture.name} trains one run at a time, not {len(runs)}")
        runs = with_defaults(runs, training_defaults(architecture))
        self.architecture, self._run = architecture, runs.iloc[0].to_dict()
        self.device, self.dtype = device, dtype
        self.train_samples, self.vae_loss = train_samples, vae_loss
        self.seed = int(self._run["seed"])
        self.widths = run_widths(runs, features)
        self.width, self.latent_dim = self.widths[0][0], self.widths[0][-1]
        self.features = np.array([self.width])
        self.module = module_of(architecture, self._run, self.widths[0]).to(dtype)
        (chosen,) = initialisations(runs)
        _begin(self.module, chosen, draws.generator(self.seed, "weights"))
        self.module.to(device)
        self._encoder = cast("nn.Module", self.module.encoder)
        self._named_heads = cast("nn.ModuleDict", self.module.heads)
        self._decoder = cast("nn.Module", self.module.decoder)
        self._dropouts = _drawn_dropouts(self.module, self.seed)
        self._error = ERRORS[self._run["reconstruction"]]
        self.reduction = Reduction.of(runs, self.widths, device, dtype)

    def _value(self, name: str) -> Tensor:
        return torch.tensor([float(self._run[name])], device=self.device, dtype=self.dtype)

    @property
    def noise_width(self) -> int:
        """Numbers that a sample draws at once."""
        return max(self.width, self.latent_dim)

    @property
    def _draws_prior(self) -> bool:
        return self.architecture.draws_prior or self.vae_loss == "mmd"

    def draw_noise(self, epoch: int, rows: range) -> dict[str, Tensor]:
        """Draw what the run needs for some samples of an epoch, as a fleet does."""
        for dropout in self._dropouts:
            dropout.epoch = epoch
        noise = {ROWS: torch.arange(rows.start, rows.stop)}
        where = (self.device, self.dtype)
        corruption = self.architecture.corruption
        if corruption is not None:
            drawn = draws.normal if self._run[corruption.kind] == "gaussian" else draws.uniform
            key = draws.stream_key(self.seed, "corruption", epoch)
            noise["corruption"] = drawn(key, rows, self.width, *where)
        if self.architecture.sample is not None:
            for name in ("latent", "prior") if self._draws_prior else ("latent",):
                key = draws.stream_key(self.seed, name, epoch)
                noise[name] = draws.normal(key, rows, self.latent_dim, *where)
        return noise

    def training_losses(
        self, x: Tensor, noise: Mapping[str, Tensor], weight: float | Tensor
    ) -> Losses:
        """Losses of a batch in training mode, (1,) each."""
        self.module.train()
        first = int(noise[ROWS][0])
        for dropout in self._dropouts:
            dropout.rows = range(first, first + len(x))
        corruption, given = self.architecture.corruption, x
        if corruption is not None:
            kind, amount = self._run[corruption.kind], float(self._run[corruption.amount])
            given = corruption.apply(x, noise["corruption"], kind, amount)
        heads = self._heads(given)
        latents = heads[self.architecture.heads[0]]
        if self.architecture.sample is not None:
            latents = self.architecture.sample(heads, noise["latent"])
        error = self._errors(self._decoder(latents[0]), x).sum()[None]
        vae, weighted = self._latent_loss(heads, latents, noise.get("prior"))
        return Losses(error, vae, self.reduction.trained(error, weight * weighted, len(x)))

    @torch.no_grad()
    def evaluate(self, x: Tensor, weight: float | Tensor) -> tuple[Tensor, Losses, Tensor]:
        """Evaluate a batch by the latent means, as a fleet does."""
        self.module.eval()
        heads = self._heads(x)
        latents = heads[self.architecture.heads[0]]
        output = self._decoder(latents[0])
        error = self._errors(output, x).sum()[None]
        shown = torch.sigmoid(output) if self._error.on_logits else output
        prior = None
        if self.architecture.loss is not None and self._draws_prior:
            key = draws.stream_key(self.seed, "prior", "evaluation")
            prior = draws.normal(key, range(len(x)), self.latent_dim, self.device, self.dtype)
        vae, weighted = self._latent_loss(heads, latents, prior)
        losses = Losses(error, vae, self.reduction.reported(error, weight * weighted))
        return latents, losses, (shown - x).square().sum(1)[None]

    def _heads(self, x: Tensor) -> dict[str, Tensor]:
        """Head to (1, samples, latents)."""
        hidden = self._encoder(x)
        return {name: head(hidden)[None] for name, head in self._named_heads.items()}

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
        read = {name: self._run[name] for name in self.architecture.weights}
        words = {name: word for name, word in read.items() if isinstance(word, str)}
        everyone = torch.ones(1, dtype=torch.bool, device=self.device)
        return self.architecture.loss(
            LatentBatch(
                heads,
                latents,
                latents.new_ones(1, 1, self.latent_dim),
                latents if prior is None else prior,
                {name: self._value(name) for name in read if name not in words},
                self.train_samples,
                self.vae_loss,
                {name: {word: everyone} for name, word in words.items()},
            )
        )


class SoloOptimiser:
    """The update of one run by ``torch.optim``, with the interface of a stacked optimiser.

    Parameters
    ----------
    network
        The run.
    rate
        Its learning rate.
    rule
        Its rule.
    """

    def __init__(self, network: SoloNetwork, rate: float, rule: UpdateRule):
        self._parameters = list(network.module.parameters())
        self._rate, self._clip = rate, rule.clip_norm
        options: dict[str, Any] = {"lr": rate, "weight_decay": rule.weight_decay}
        if rule.optimizer in ("sgd", "rmsprop"):
            options["momentum"] = rule.momentum
        kinds: dict[str, Any] = {
            "adamw": torch.optim.AdamW,
            "adam": torch.optim.Adam,
            "sgd": torch.optim.SGD,
            "rmsprop": torch.optim.RMSprop,
        }
        self._optimiser = kinds[rule.optimizer](self._parameters, **options)
        self.alive = torch.ones(1, device=network.device, dtype=torch.bool)

    def scale_rates(self, multipliers: Sequence[float]) -> None:
        """Set what the learning rate is multiplied by from now on."""
        for group in self._optimiser.param_groups:
            group["lr"] = self._rate * multipliers[0]

    def step(self) -> None:
        """Update the run, unless a gradient was ever not finite."""
        norm = nn.utils.get_total_norm([p.grad for p in self._parameters if p.grad is not None])
        self.alive &= torch.isfinite(norm)
        if bool(self.alive):
            if math.isfinite(self._clip):
                nn.utils.clip_grads_with_norm_(self._parameters, self._clip, norm)
            self._optimiser.step()
        self._optimiser.zero_grad()


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
    kinds = str(run["activation"]), bool(run["batch_norm"])
    return Autoencoder(widths, architecture.heads, float(run["drop_p"]), *kinds)


def parameter_counts(
    architecture: Architecture, runs: pd.DataFrame, n_features: int
) -> list[tuple[int, int]]:
    """Count the trainable parameters of each run, and its weights and biases.

    The latter are those of encoder and decoder with one head, without BatchNorm.
    """
    runs = with_defaults(runs, training_defaults(architecture))
    counts = []
    for run, widths in zip(runs.to_dict("records"), run_widths(runs, n_features), strict=True):
        if architecture.module is None:
            every = trainable_parameters(widths, len(architecture.heads), bool(run["batch_norm"]))
            counts.append((every, weights_and_biases(widths)))
            continue
        module = module_of(architecture, run, widths)
        layers = [layer for layer in module.modules() if isinstance(layer, PRODUCTS)]
        own = (p.numel() for layer in layers for p in layer.parameters())
        counts.append((sum(p.numel() for p in module.parameters()), sum(own)))
    return counts


def _begin(module: nn.Module, chosen: Any, source: torch.Generator) -> None:
    """Draw the parameters, layer by layer in the order of a fleet."""
    layers = [layer for layer in module.modules() if isinstance(layer, PRODUCTS)]
    bare = {*cast("nn.ModuleDict", module.heads).modules(), layers[-1]}
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


def _drawn_dropouts(module: nn.Module, seed: int) -> list[DrawnDropout]:
    """Put dropouts that draw from streams of the run in the places of torch's own."""
    found: list[DrawnDropout] = []
    for parent in list(module.modules()):
        for name, child in parent.named_children():
            if isinstance(child, nn.Dropout):
                found.append(DrawnDropout(child.p, seed, len(found)))
                setattr(parent, name, found[-1])
    return found
