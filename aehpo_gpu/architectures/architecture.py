"""What an architecture is: the heads of its encoder, its latent, and its loss beside the error.

Encoder and decoder are the same for all (``aehpo_gpu.training.network``); an architecture adds
the linear heads between the last hidden layer and the latents, how latents are drawn from them
in training, and a loss. Each lives in a file of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

Heads = Mapping[str, torch.Tensor]
"""Head to its output, (runs, samples, latents), zero where a run has fewer latents."""


@dataclass(frozen=True)
class LatentBatch:
    """What the loss of an architecture sees of a batch.

    Attributes
    ----------
    heads
        Outputs of the heads.
    latents
        (runs, samples, latents), as decoded.
    mask
        (runs, 1, latents): 1 for the latents a run has, 0 for padding.
    draws
        (samples, latents) standard normal numbers that were not used for the latents.
    hyperparameters
        Name to (runs,) value, for the weights of the loss.
    train_samples
        Number of train samples.
    vae_loss
        ``kl`` or ``mmd``.
    """

    heads: Heads
    latents: torch.Tensor
    mask: torch.Tensor
    draws: torch.Tensor
    hyperparameters: Mapping[str, torch.Tensor]
    train_samples: int
    vae_loss: str


@dataclass(frozen=True)
class Architecture:
    """One member of the zoo.

    Attributes
    ----------
    name
        Its name in studies.
    heads
        Names of the linear layers between the last hidden layer and the latents; the first is
        the latent mean, by which a run is evaluated.
    sample
        Heads and (samples, latents) standard normal numbers to the latents of training; None if
        the first head is the latent.
    loss
        Latent batch to (runs,) loss and (runs,) weighted loss, summed over the batch; None for
        none.
    weights
        Hyperparameters that the loss reads.
    """

    name: str
    heads: tuple[str, ...] = ("latent",)
    sample: Callable[[Heads, torch.Tensor], torch.Tensor] | None = None
    loss: Callable[[LatentBatch], tuple[torch.Tensor, torch.Tensor]] | None = None
    weights: tuple[str, ...] = ()
