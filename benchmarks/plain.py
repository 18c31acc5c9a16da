"""The plain way: one autoencoder after another, with autograd, a DataLoader and torch's AdamW.

On a GPU, where a DataLoader would fetch sample by sample, batches are gathered on the device.

This is the loop that people write; nothing in it is slower than it has to be for that. Like ours
it is timed from the draw of the weights to the losses of all samples at the end.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pandas as pd
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import ARCHITECTURES
from aehpo_gpu.export.module import Autoencoder
from aehpo_gpu.training.annealing import annealing_weight


def plain_loop(device: torch.device, threads: int) -> str:
    """What a row of the bench calls it."""
    if device.type == "cuda":
        return "plain PyTorch loop, batches gathered on the GPU"
    return f"plain PyTorch loop with a DataLoader, {threads} thread{'s' * (threads > 1)}"


def train_plainly(matrix: Tensor, architecture: str, runs: pd.DataFrame, epochs: int) -> float:
    """Train runs one after another.

    Parameters
    ----------
    matrix
        (samples, features).
    architecture
        ``vanillix`` or ``varix``.
    runs
        One row a run.
    epochs
        Number of epochs.

    Returns
    -------
    float
        Wall clock.
    """
    heads = ARCHITECTURES[architecture].heads
    started = time.perf_counter()
    for widths, run in zip(run_widths(runs, matrix.shape[1]), runs.to_dict("records"), strict=True):
        torch.manual_seed(int(run["seed"]))
        model = Autoencoder(widths, heads, float(run["drop_p"])).to(matrix.device)
        for module in model.modules():
            if isinstance(module, nn.Linear):
                nn.init.xavier_uniform_(module.weight)
                nn.init.constant_(module.bias, 0.01)
        x = matrix[:, : widths[0]].contiguous()
        train_model(model, x, run, epochs)
        model.eval()
        with torch.no_grad():
            nn.functional.mse_loss(model(x), x, reduction="sum").item()
    return time.perf_counter() - started


def train_model(model: Autoencoder, data: Tensor, run: dict[str, float], epochs: int) -> None:
    """Train one model, which keeps what it has learnt; parameters as of :func:`train_plainly`."""
    optimiser = torch.optim.AdamW(model.parameters(), lr=run["lr_fixed"], weight_decay=1e-3)
    model.train()
    for epoch in range(epochs):
        weight = annealing_weight("logistic-mid", epoch, epochs) * run.get("beta", 0.0)
        for x in _batches(data, int(run["batch_size"])):
            optimiser.zero_grad()
            loss = _loss(model, x, weight)
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()


def _batches(data: Tensor, size: int) -> Iterator[Tensor]:
    if data.is_cuda:
        for rows in torch.randperm(len(data), device=data.device).split(size):
            yield data[rows]
        return
    for (x,) in DataLoader(TensorDataset(data), batch_size=size, shuffle=True):
        yield x


def _loss(model: Autoencoder, x: Tensor, weight: float) -> Tensor:
    heads = model.encode(x)
    if "log_variance" not in heads:
        return nn.functional.mse_loss(model.decoder(heads["latent"]), x, reduction="sum")
    mean, log_variance = heads["mean"], heads["log_variance"].clamp(-20, 20)
    latents = mean + torch.exp(0.5 * log_variance) * torch.randn_like(mean)
    divergence = -0.5 * torch.sum(1 + log_variance - mean.pow(2) - log_variance.exp())
    error = nn.functional.mse_loss(model.decoder(latents), x, reduction="sum")
    return error + weight * divergence
