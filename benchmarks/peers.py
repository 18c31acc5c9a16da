"""Two other ways to train equal networks as one: HFTA's, and torch.func's ``vmap``.

HFTA (Wang et al., MLSys 2021, https://arxiv.org/abs/2102.02344) writes the layers of all models as
one operator: a batched product, a BatchNorm over the units of all. ``vmap`` runs the code of one
model over a stack of parameters (https://docs.pytorch.org/tutorials/intermediate/ensembling.html).
Both leave gradients to autograd, and take one AdamW with a rate and a gradient norm a run. HFTA's
own package is of a torch of 2021 and not installed for it.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence

import pandas as pd
import torch
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state

from aehpo_assets.space.widths import run_widths
from aehpo_gpu.training.module import Autoencoder
from aehpo_gpu.training.optimiser import BETAS, EPSILON

WEIGHT_DECAY, CLIP_NORM = 1e-3, 5.0

Forward = Callable[[Tensor], Tensor]
"""(samples, features) to the reconstructions of all models, (runs, samples, features)."""


class RunDropout(nn.Module):
    """Dropout whose share lies in a buffer, so that it can differ between models of a stack."""

    def __init__(self, share: float):
        super().__init__()
        self.register_buffer("share", torch.tensor(share))

    def forward(self, x: Tensor) -> Tensor:
        """Drop units of (samples, units)."""
        return thinned(x, self.share)  # type: ignore[arg-type]


def thinned(x: Tensor, share: Tensor) -> Tensor:
    """Units that are kept, scaled up."""
    return x * (torch.rand_like(x) >= share) / (1 - share)


def models_of(runs: pd.DataFrame, features: int, device: torch.device) -> list[Autoencoder]:
    """Vanillix networks of equal runs, in training mode."""
    models = []
    for widths, run in zip(run_widths(runs, features), runs.to_dict("records"), strict=True):
        torch.manual_seed(int(run["seed"]))
        models.append(Autoencoder(widths, ("latent",), float(run["drop_p"])).to(device))
    return models


def by_vmap(models: Sequence[Autoencoder]) -> tuple[list[Tensor], Forward]:
    """Stacked parameters of some models, and the forward pass of one of them over the stack."""
    own = [copy.deepcopy(model) for model in models]
    for model in own:
        for sequence in (model.encoder, model.decoder):
            for position, layer in enumerate(sequence):
                if isinstance(layer, nn.Dropout):
                    sequence[position] = RunDropout(layer.p).to(next(model.parameters()).device)
    parameters, buffers = stack_module_state(own)  # type: ignore[arg-type]
    base = copy.deepcopy(own[0]).to("meta")

    def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(base, (parameters, buffers), (x,))  # type: ignore[no-any-return]

    every = torch.vmap(one, in_dims=(0, 0, None), randomness="different")
    return list(parameters.values()), lambda x: every(parameters, buffers, x)


def as_hfta(models: Sequence[Autoencoder]) -> tuple[list[Tensor], Forward]:
    """Parameters of the operators that stand for the layers of all models, and their pass."""
    runs, parameters = len(models), []
    steps: list[Forward] = []

    def parameter(values: Sequence[Tensor]) -> Tensor:
        stacked = torch.stack([value.detach() for value in values]).requires_grad_()
        parameters.append(stacked)
        return stacked

    def linear(weight: Tensor, bias: Tensor) -> Forward:
        return lambda h: torch.baddbmm(bias[:, None], h, weight.transpose(1, 2))

    def norm(scale: Tensor, shift: Tensor, mean: Tensor, variance: Tensor) -> Forward:
        def over_all(h: Tensor) -> Tensor:
            wide = h.transpose(0, 1).flatten(1)
            out = nn.functional.batch_norm(
                wide, mean, variance, scale.flatten(), shift.flatten(), training=True
            )
            return out.unflatten(1, (runs, -1)).transpose(0, 1)

        return over_all

    for layers in zip(*map(layers_of, models), strict=True):
        first = layers[0]
        if isinstance(first, nn.Linear):
            weight, bias = ([getattr(one, name) for one in layers] for name in ("weight", "bias"))
            steps.append(linear(parameter(weight), parameter(bias)))
        elif isinstance(first, nn.BatchNorm1d):
            scale, shift = ([getattr(one, name) for one in layers] for name in ("weight", "bias"))
            means, variances = (
                torch.cat([getattr(one, name) for one in layers])
                for name in ("running_mean", "running_var")
            )
            steps.append(norm(parameter(scale), parameter(shift), means, variances))
        elif isinstance(first, nn.Dropout):
            shares = torch.tensor([one.p for one in layers], device=parameters[0].device)
            steps.append(lambda h, shares=shares: thinned(h, shares[:, None, None]))  # type: ignore[misc]
        else:
            steps.append(torch.relu)

    def forward(x: Tensor) -> Tensor:
        h = x.expand(runs, *x.shape)
        for step in steps:
            h = step(h)
        return h

    return parameters, forward


def layers_of(model: Autoencoder) -> list[nn.Module]:
    """The layers of a model, from its input to its output."""
    return [*model.encoder, model.heads["latent"], *model.decoder]


def train_stacked(
    parameters: Sequence[Tensor],
    forward: Forward,
    data: Tensor,
    runs: pd.DataFrame,
    epochs: int,
) -> Tensor:
    """Train all models of a stack; return the (runs,) losses of the last batch before its step."""
    rates = torch.tensor(runs["lr_fixed"].to_numpy(), dtype=data.dtype, device=data.device)
    moments = [(torch.zeros_like(one), torch.zeros_like(one)) for one in parameters]
    size, step = int(runs["batch_size"].iloc[0]), 0
    losses = torch.zeros(len(runs))
    for _ in range(epochs):
        for rows in torch.randperm(len(data), device=data.device).split(size):
            x, step = data[rows], step + 1
            losses = (forward(x) - x).square().sum((1, 2))
            gradients = torch.autograd.grad(losses.sum(), parameters)
            _adamw(parameters, gradients, moments, rates, step)
    return losses.detach()


@torch.no_grad()
def _adamw(
    parameters: Sequence[Tensor],
    gradients: Sequence[Tensor],
    moments: Sequence[tuple[Tensor, Tensor]],
    rates: Tensor,
    step: int,
) -> None:
    squares = torch.stack([one.flatten(1).square().sum(1) for one in gradients]).sum(0)
    scale = (CLIP_NORM / (squares.sqrt() + 1e-6)).clamp(max=1.0)
    correction = (1 - BETAS[1] ** step) ** 0.5
    for values, gradient, (first, second) in zip(parameters, gradients, moments, strict=True):
        of_runs = (-1, *[1] * (values.dim() - 1))
        rate, clipped = rates.view(of_runs), gradient * scale.view(of_runs)
        first.lerp_(clipped, 1 - BETAS[0])
        second.mul_(BETAS[1]).addcmul_(clipped, clipped, value=1 - BETAS[1])
        direction = first / (second.sqrt() / correction).add_(EPSILON)
        values.mul_(1 - rate * WEIGHT_DECAY).sub_(rate / (1 - BETAS[0] ** step) * direction)
