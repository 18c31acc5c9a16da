"""What an architecture is: the heads of its encoder, its latent, and its loss beside the error.

Encoder and decoder are the same for all (``aehpo_gpu.training.network``); an architecture adds
the linear heads between the last hidden layer and the latents, how latents are drawn from them
in training, and a loss. Each lives in a file of its own beside this one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import nn

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.space.distributions import Scalar

Heads = Mapping[str, torch.Tensor]
"""Head to its output, (runs, samples, latents), zero where a run has fewer latents."""

MakeModule = Callable[[Mapping[str, Any], Sequence[int], Callable[[], nn.Module]], nn.Module]


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
    shared
        Name to value of what is equal in all runs, ``Architecture.group_by``.
    """

    heads: Heads
    latents: torch.Tensor
    mask: torch.Tensor
    draws: torch.Tensor
    hyperparameters: Mapping[str, torch.Tensor]
    train_samples: int
    vae_loss: str
    words: Mapping[str, Mapping[str, torch.Tensor]] = field(default_factory=dict)
    shared: Mapping[str, Scalar] = field(default_factory=dict)


@dataclass(frozen=True)
class CodeBatch:
    """What the latents are made of, where an architecture makes them in a way of its own.

    Attributes
    ----------
    heads
        Outputs of the heads.
    mask
        (runs, 1, latents): 1 for the latents a run has, 0 for padding.
    draws
        (samples, latents) uniform numbers in training; None in evaluation, or if none are drawn.
    hyperparameters
        Name to (runs,) value, for the weights of the architecture.
    shared
        As in :class:`LatentBatch`.
    steps
        (1,) optimiser steps before the present epoch.
    """

    heads: Heads
    mask: torch.Tensor
    draws: torch.Tensor | None
    hyperparameters: Mapping[str, torch.Tensor]
    shared: Mapping[str, Scalar]
    steps: torch.Tensor


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
class MaskedDecoder:
    """A decoder of bare layers whose weights are not negative, and many of which do not exist.

    Attributes
    ----------
    masks
        (in, out) of each layer, from the latents to the features of the task: where there is a
        weight.
    latents
        Name of each latent.
    """

    masks: tuple[np.ndarray, ...]
    latents: tuple[str, ...]


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
    module
        Hyperparameters of a run, widths of its encoder and what makes its activation to its
        network, of an architecture that does not stack and is trained run by run
        (``aehpo_gpu.training.solo``); None for the usual one. The network has ``encoder``,
        ``heads`` (an ``nn.ModuleDict``) and ``decoder``.
    sizes
        Hyperparameters of its own that decide how large a network is.
    code
        Makes the latents of training and of evaluation, where they are neither a head nor drawn by
        ``sample``; zero where a run has fewer.
    draws_uniform
        Whether it draws uniform numbers.
    importance
        Hyperparameter that is the number of times that the latents of a sample are drawn. The loss
        then returns the log of ``q(z|x) / p(z)`` of each draw, (runs, samples x draws), and the
        same weighted; samples have their draws side by side. None if they are drawn once.
    head
        Activation behind the heads, and whether there is a BatchNorm before it; None for none.
    decoder_norm
        Whether hidden layers of the decoder may have a BatchNorm.
    overcomplete
        Whether something else than fewer latents than features keeps it from copying its input.
    stacked
        Whether it is trained a modality, and then on the latents of all.
    balance
        Hyperparameter that weighs the errors of the modalities, of one whose outer layers know one
        modality each; None for all others.
    decoder
        Ontology of the task and ``sizes`` of a run to its decoder, where that is not the mirror
        image of the encoder.
    crossed
        Whether each modality has an autoencoder of its own, all of which are trained together, run
        by run (``aehpo_gpu.training.crossed``).
    bend
        Heads, mask of the latents and ``sizes`` to what heads become before anything reads them.
    plain
        Hyperparameters of a run to what ``aehpo_gpu.training.module.Autoencoder`` is told of its
        first head, so that its latents are those of ``bend`` or ``code``. An architecture with
        ``code`` and without this is not exported.
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
    module: MakeModule | None = None
    sizes: tuple[str, ...] = ()
    code: Callable[[CodeBatch], torch.Tensor] | None = None
    draws_uniform: bool = False
    importance: str | None = None
    head: tuple[str, bool] | None = None
    decoder_norm: bool = True
    overcomplete: bool = False
    stacked: bool = False
    balance: str | None = None
    decoder: Callable[[Ontology, Mapping[str, Scalar]], MaskedDecoder] | None = None
    bend: Callable[[Heads, torch.Tensor, Mapping[str, Scalar]], Heads] | None = None
    crossed: bool = False
    plain: Callable[[Mapping[str, Any]], dict[str, Any]] | None = None

    @property
    def stacks(self) -> bool:
        """Whether runs are trained as one stack, and not one by one."""
        return self.module is None and not self.crossed

    @property
    def group_by(self) -> tuple[str, ...]:
        """Hyperparameters that are equal in all runs of a fleet, beside depth, batch and seed."""
        corrupted = (
            () if self.corruption is None else (self.corruption.kind, self.corruption.amount)
        )
        sized = self.sizes if self.module is None else ()
        return (*corrupted, *sized)

    def draws_of(self, run: Mapping[str, Any]) -> int:
        """How often the latents of a sample are drawn."""
        return 1 if self.importance is None else int(run[self.importance])
