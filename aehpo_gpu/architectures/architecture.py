"""What an architecture is: the heads of its encoder, its latent, and its loss beside the error.

Encoder and decoder are the same for all (``aehpo_gpu.training.network``); an architecture adds
the linear heads between the last hidden layer and the latents, how latents are drawn from them
in training, and a loss. Each lives in a file of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import torch

from aehpo_assets.space.distributions import Scalar

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
    words
        Name to word to (runs,), whether a run has it: for what the loss reads that are words. Words
        that no run has are left out.
    """

    heads: Heads
    latents: torch.Tensor
    mask: torch.Tensor
    draws: torch.Tensor
    hyperparameters: Mapping[str, torch.Tensor]
    train_samples: int
    vae_loss: str
    words: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)


@dataclass(frozen=True)
class Corruption:
    """How the input of a denoising autoencoder is corrupted; it is one for all runs of a fleet.

    Attributes
    ----------
    kind, amount
        Hyperparameters that say how, and how much.
    apply
        (samples, features), uniform or standard normal numbers of that shape, kind and amount to
        what is encoded.
    """

    kind: str
    amount: str
    apply: Callable[[torch.Tensor, torch.Tensor, str, float], torch.Tensor]


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
    training
        Hyperparameters of training whose default is another one here.
    draws_prior
        Whether the loss compares the latents with draws of the prior, whatever ``vae_loss`` is.
    pairs
        How many tensors of all pairs of samples the loss makes, counted in the graph of the
        gradients and with two more for the way back: (runs, batch, batch, latents) and (runs,
        batch, batch).
    corruption
        What happens to the input in training; None for nothing.
    stacked
        Whether it is trained a modality, and then on the latents of all.
    balance
        Hyperparameter that weighs the errors of the modalities, of one whose outer layers know one
        modality each; None for all others.
    """

    name: str
    heads: tuple[str, ...] = ("latent",)
    sample: Callable[[Heads, torch.Tensor], torch.Tensor] | None = None
    loss: Callable[[LatentBatch], tuple[torch.Tensor, torch.Tensor]] | None = None
    weights: tuple[str, ...] = ()
    training: Mapping[str, Scalar] = field(default_factory=dict)
    draws_prior: bool = False
    pairs: tuple[int, int] = (0, 0)
    corruption: Corruption | None = None
    stacked: bool = False
    balance: str | None = None

    @property
    def group_by(self) -> tuple[str, ...]:
        """Hyperparameters that are equal in all runs of a fleet, beside depth, batch and seed."""
        return () if self.corruption is None else (self.corruption.kind, self.corruption.amount)
