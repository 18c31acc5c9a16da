"""Runs of every kind, alone, in nothing but torch.nn, torch.optim and torch's own schedules.

What a run draws is what its fleet draws: the weights layer by layer, the order of the batches, and
the numbers of dropout and of the latents, which come from counters.
"""

from __future__ import annotations

import itertools
import math
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import lr_scheduler

from aehpo_assets.space.training import ANNEALED
from aehpo_assets.space.widths import layer_widths
from aehpo_gpu.training import draws
from aehpo_gpu.training.annealing import annealing_weight
from aehpo_gpu.training.epoch import batch_bounds
from aehpo_gpu.training.task import TrainingTask

ACTIVATIONS = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "elu": nn.ELU,
    "linear": nn.Identity,
}
CPU, DOUBLE = torch.device("cpu"), torch.float64


class CountedDropout(nn.Module):
    """Dropout by the numbers of a stream."""

    def __init__(self, p: float, number: int, seed: int):
        super().__init__()
        self.p, self.number, self.seed = p, number, seed
        self.rows, self.epoch = range(0), 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        key = draws.stream_key(self.seed, "dropout", self.number, self.epoch)
        uniform = draws.uniform(key, self.rows, x.shape[1], CPU, DOUBLE)
        return x * (uniform >= self.p) / (1 - self.p)


class PlainRun(nn.Module):
    """The network of one run."""

    def __init__(self, run: dict[str, Any], features: int, heads: int):
        super().__init__()
        widths = layer_widths(
            min(run["k_filter"], features),
            run["n_layers"],
            run["enc_factor"],
            run["latent_dim_fixed"],
        )
        self.run, self.widths, self.number = run, widths, 0
        self.encoder = nn.Sequential(*self._blocks(widths[:-1]))
        self.heads = nn.ModuleList(nn.Linear(widths[-2], widths[-1]) for _ in range(heads))
        mirrored = widths[::-1]
        self.decoder = nn.Sequential(
            *self._blocks(mirrored[:-1]), nn.Linear(mirrored[-2], mirrored[-1])
        )
        self.to(DOUBLE)
        self._begin()

    def _blocks(self, widths: list[int]) -> list[nn.Module]:
        blocks: list[nn.Module] = []
        for i, o in itertools.pairwise(widths):
            blocks.append(nn.Linear(i, o))
            if self.run["batch_norm"]:
                blocks.append(nn.BatchNorm1d(o))
            dropout = CountedDropout(self.run["drop_p"], self.number, self.run["seed"])
            blocks += [ACTIVATIONS[self.run["activation"]](), dropout]
            self.number += 1
        return blocks

    def _begin(self) -> None:
        source = draws.generator(self.run["seed"], "weights")
        hidden = {m for part in (self.encoder, self.decoder[:-1]) for m in part}
        fill = {
            "xavier_uniform": nn.init.xavier_uniform_,
            "xavier_normal": nn.init.xavier_normal_,
            "kaiming_uniform": nn.init.kaiming_uniform_,
            "normal": nn.init.normal_,
            "uniform": nn.init.uniform_,
            "xavier_sigmoid": partial(nn.init.xavier_uniform_, gain=4.0),
        }
        for module in self.modules():
            if not isinstance(module, nn.Linear):
                continue
            if self.run["init_scope"] == "all" or module in hidden:
                chosen = self.run["init"]
            else:
                chosen = "torch_default"
            if chosen == "torch_default":
                nn.init.kaiming_uniform_(module.weight, a=math.sqrt(5), generator=source)
            else:
                fill[chosen](module.weight, generator=source)
            bound = 1 / math.sqrt(module.in_features)
            if self.run["bias_init"] == "torch":
                nn.init.uniform_(module.bias, -bound, bound, generator=source)
            else:
                constant = {"constant": 0.01, "zeros": 0.0}
                nn.init.constant_(module.bias, constant[self.run["bias_init"]])


def error_of(run: dict[str, Any], output: Tensor, x: Tensor) -> Tensor:
    """Sum over samples and features, by torch's own losses where it has them."""
    kind = run["reconstruction"]
    if kind == "mse":
        return functional.mse_loss(output, x, reduction="sum")
    if kind == "bce":
        return functional.binary_cross_entropy_with_logits(output, x, reduction="sum")
    if kind == "huber":
        return functional.huber_loss(output, x, reduction="sum", delta=run["huber_delta"])
    if kind == "mae":
        return functional.l1_loss(output, x, reduction="sum")
    if kind == "logcosh":
        a = run["logcosh_scale"]
        return torch.log(torch.cosh(a * (output - x))).sum() / a
    q = run["quantile"]
    t = x - output
    return torch.where(t >= 0, q * t, (q - 1) * t).sum()


def kl_of(mean: Tensor, log_variance: Tensor) -> Tensor:
    normal = torch.distributions.Normal(mean, torch.exp(0.5 * log_variance))
    return torch.distributions.kl_divergence(normal, torch.distributions.Normal(0.0, 1.0)).sum()


def optimiser_of(run: dict[str, Any], model: nn.Module) -> torch.optim.Optimizer:
    options: dict[str, Any] = {"lr": run["lr_fixed"], "weight_decay": run["weight_decay"]}
    if run["optimizer"] in ("sgd", "rmsprop"):
        options["momentum"] = run["momentum"]
    kinds = {
        "adamw": torch.optim.AdamW,
        "adam": torch.optim.Adam,
        "sgd": torch.optim.SGD,
        "rmsprop": torch.optim.RMSprop,
    }
    return kinds[run["optimizer"]](model.parameters(), **options)


def schedule_of(run: dict[str, Any], optimiser: torch.optim.Optimizer) -> Any:
    kind = run["lr_schedule"]
    if kind == "step":
        return lr_scheduler.StepLR(optimiser, run["lr_period"], run["lr_gamma"])
    if kind == "exponential":
        return lr_scheduler.ExponentialLR(optimiser, run["lr_gamma"])
    if kind == "cosine":
        lowest = run["lr_floor"] * run["lr_fixed"]
        return lr_scheduler.CosineAnnealingWarmRestarts(optimiser, run["lr_period"], eta_min=lowest)
    return lr_scheduler.LambdaLR(optimiser, lambda epoch: 1.0)


def train_alone(
    task: TrainingTask, row: pd.Series, epochs: int, architecture: str = "vanillix"
) -> tuple[PlainRun, dict[str, float], np.ndarray]:
    """Train one run in float64; return it, its metrics, and its latent means of all samples."""
    run = {one.name: one.default for one in ANNEALED} | row.to_dict()
    whole = ("k_filter", "n_layers", "latent_dim_fixed", "batch_size", "seed", "lr_period")
    run |= {name: int(run[name]) for name in whole}
    is_vae = architecture != "vanillix"
    model = PlainRun(run, task.n_features, heads=2 if is_vae else 1)
    x = torch.tensor(task.matrix, dtype=DOUBLE)[:, : model.widths[0]]
    train = x[torch.as_tensor(task.split == "train")]
    optimiser = optimiser_of(run, model)
    schedule = schedule_of(run, optimiser)
    dropouts = [m for m in model.modules() if isinstance(m, CountedDropout)]
    for epoch in range(epochs):
        order = torch.randperm(
            len(train), generator=draws.generator(run["seed"], "batch order", epoch)
        )
        weight = annealing_weight(run["annealing"], epoch, epochs, run["kappa"])
        for start, stop in batch_bounds(len(train), run["batch_size"]):
            batch = train[order[start:stop]]
            for dropout in dropouts:
                dropout.rows, dropout.epoch = range(start, stop), epoch
            hidden = model.encoder(batch)
            heads = [head(hidden) for head in model.heads]
            latents, latent_loss = heads[0], torch.zeros((), dtype=DOUBLE)
            if is_vae:
                key = draws.stream_key(run["seed"], "latent", epoch)
                shape = (range(start, stop), model.widths[-1])
                noise = draws.normal(key, *shape, CPU, DOUBLE)
                latents = heads[0] + torch.exp(0.5 * heads[1]) * noise
                latent_loss = kl_of(heads[0], heads[1])
            error = error_of(run, model.decoder(latents), batch)
            loss = reduced(run, error, weight * run["beta"] * latent_loss, model, len(batch))
            optimiser.zero_grad()
            loss.backward()
            if run["clip_norm"]:
                nn.utils.clip_grad_norm_(model.parameters(), run["clip_norm"])
            optimiser.step()
        schedule.step()
    return model.eval(), *scored(task, run, model, x, is_vae, weight)


def reduced(
    run: dict[str, Any], error: Tensor, weighted: Tensor, model: PlainRun, samples: int
) -> Tensor:
    features, latents = model.widths[0], model.widths[-1]
    if run["loss_reduction"] == "sum":
        return error + weighted
    if run["loss_reduction"] == "mean_samples":
        return (error + weighted) / samples
    if run["loss_reduction"] == "mean":
        return error / (samples * features) + weighted / (samples * latents)
    return error / (samples * features) + run["mn_weight"] * weighted / samples


@torch.no_grad()
def scored(
    task: TrainingTask, run: dict[str, Any], model: PlainRun, x: Tensor, is_vae: bool, weight: float
) -> tuple[dict[str, float], np.ndarray]:
    hidden = model.encoder(x)
    heads = [head(hidden) for head in model.heads]
    output = model.decoder(heads[0])
    shown = torch.sigmoid(output) if run["reconstruction"] == "bce" else output
    squared = (shown - x).square().sum(1)
    spread = (x - x.mean(1, keepdim=True)).square().sum(1)
    metrics = {}
    for part in ("train", "valid", "test"):
        rows = torch.as_tensor(task.split == part)
        count = int(rows.sum())
        error = error_of(run, output[rows], x[rows])
        kl = kl_of(heads[0][rows], heads[1][rows]) if is_vae else torch.zeros(())
        total = reduced(run, error, weight * run["beta"] * kl, model, count)
        metrics |= {
            f"{part}_recon_loss": float(error) / count,
            f"{part}_vae_loss": float(kl) / count,
            # Sums are reported for each sample, means are what they are.
            f"{part}_total_loss": float(total) / (count if run["loss_reduction"] == "sum" else 1),
            f"{part}_r2": float((1 - squared[rows] / spread[rows]).mean()),
        }
    return metrics, heads[0].numpy()
