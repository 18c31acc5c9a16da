"""Runs for tests, and the same autoencoders written plainly in PyTorch."""

from __future__ import annotations

import itertools

import pandas as pd
import torch
from torch import nn

from aehpo_assets.space.widths import layer_widths
from aehpo_gpu.training import draws
from aehpo_gpu.training.epoch import batch_bounds
from aehpo_gpu.training.task import TrainingSettings, TrainingTask


def make_runs(count: int = 1, **changes: object) -> pd.DataFrame:
    """Runs with usual hyperparameters; lists among the changes give each run its own."""
    values = {
        "k_filter": 48,
        "n_layers": 3,
        "enc_factor": 2.0,
        "latent_dim_fixed": 4,
        "lr_fixed": 1e-3,
        "beta": 0.1,
        "beta_mi": 0.1,
        "beta_tc": 0.2,
        "beta_dimKL": 0.1,
        "info_alpha": 0.5,
        "info_lambda": 20.0,
        "kernel": "imq",
        "lambda_od": 0.5,
        "lambda_d": 0.5,
        "dip_variant": "II",
        "latent_l1": 0.1,
        "active_latents": 2,
        "importance_samples": 3,
        "tau_start": 1.0,
        "tau_min": 0.5,
        "tau_rate": 0.05,
        "batch_size": 32,
        "drop_p": 0.0,
        "seed": 0,
    } | changes
    runs = pd.DataFrame(values, index=range(count))
    runs.insert(0, "config_id", [str(i) for i in range(len(runs))])
    return runs


class PlainAutoencoder(nn.Module):
    """Linear, BatchNorm1d, Dropout, ReLU as torch.nn has them."""

    def __init__(self, widths: list[int], heads: int = 1):
        super().__init__()
        self.features = widths[0]
        self.encoder = nn.Sequential(*self._blocks(widths[:-1]))
        self.heads = nn.ModuleList(nn.Linear(widths[-2], widths[-1]) for _ in range(heads))
        mirrored = widths[::-1]
        self.decoder = nn.Sequential(
            *self._blocks(mirrored[:-1]), nn.Linear(mirrored[-2], mirrored[-1])
        )

    @staticmethod
    def _blocks(widths: list[int]) -> list[nn.Module]:
        blocks: list[nn.Module] = []
        for i, o in itertools.pairwise(widths):
            blocks += [nn.Linear(i, o), nn.BatchNorm1d(o), nn.ReLU()]
        return blocks

    def draw(self, source: torch.Generator) -> None:
        for module in self.modules():
            if isinstance(module, nn.Linear):
                drawn = torch.empty(module.weight.shape)
                nn.init.xavier_uniform_(drawn, generator=source)
                module.weight.data.copy_(drawn)
                nn.init.constant_(module.bias, 0.01)

    def encode(self, x: torch.Tensor) -> list[torch.Tensor]:
        h = self.encoder(x)
        return [head(h) for head in self.heads]


def plain_model(data: TrainingTask, run: pd.Series, settings: TrainingSettings) -> PlainAutoencoder:
    """The AE of a run before its first step."""
    features = min(int(run["k_filter"]), data.matrix.shape[1])
    widths = layer_widths(
        features, int(run["n_layers"]), run["enc_factor"], int(run["latent_dim_fixed"])
    )
    model = PlainAutoencoder(widths).to(settings.dtype)
    if settings.dtype == torch.float64:
        double = torch.float64
        torch.set_default_dtype(double)
    try:
        model.draw(draws.generator(int(run["seed"]), "weights"))
    finally:
        torch.set_default_dtype(torch.float32)
    return model


def train_plain(
    data: TrainingTask, run: pd.Series, settings: TrainingSettings
) -> tuple[PlainAutoencoder, torch.Tensor]:
    """Train one AE the plain way: torch.optim.AdamW, clip_grad_norm_, one batch after another."""
    model = plain_model(data, run, settings)
    x = torch.tensor(data.matrix, dtype=settings.dtype)[:, : model.features]
    train = x[torch.as_tensor(data.split == "train")]
    optimiser = torch.optim.AdamW(
        model.parameters(), lr=run["lr_fixed"], betas=(0.9, 0.999), eps=1e-8, weight_decay=1e-3
    )
    for epoch in range(settings.epochs):
        order = torch.randperm(
            len(train), generator=draws.generator(int(run["seed"]), "batch order", epoch)
        )
        for start, stop in batch_bounds(len(train), int(run["batch_size"])):
            batch = train[order[start:stop]]
            loss = (model.decoder(model.encode(batch)[0]) - batch).square().sum()
            optimiser.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
    model.eval()
    return model, x
