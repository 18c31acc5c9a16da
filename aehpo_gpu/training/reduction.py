"""How the two parts of a loss are summed up: over everything, or as means of something.

``sum`` adds both over the batch, and ``mean_samples`` divides that by its samples. ``mean`` divides
the error by the samples of the batch and the features, and the latent loss by the samples and the
latents, as Autoencodix does. ``mean_mn`` divides both by the samples and the error by the features
as well, and weights the latent loss by ``mn_weight``, as PyTorch-VAE does (there, the batch size
over the number of train samples).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
import torch


@dataclass(frozen=True)
class Reduction:
    """Factors of the two parts, of each run; None where all are plain sums.

    Attributes
    ----------
    error, latent
        (runs,) factors of the error and of the latent loss.
    of_samples
        (runs,) whether the whole is a mean over the samples of the batch.
    """

    error: torch.Tensor | None = None
    latent: torch.Tensor | None = None
    of_samples: torch.Tensor | None = None

    @classmethod
    def of(
        cls,
        runs: pd.DataFrame,
        widths: Sequence[Sequence[int]],
        device: torch.device,
        dtype: torch.dtype,
    ) -> Reduction:
        """Return the reduction of some runs, from the widths of their encoders."""
        names = runs["loss_reduction"].tolist()
        if set(names) == {"sum"}:
            return cls()
        error, latent = [], []
        for name, own, mn_weight in zip(names, widths, runs["mn_weight"], strict=True):
            error.append(1.0 if name in ("sum", "mean_samples") else 1 / own[0])
            weights = {"mean": 1 / own[-1], "mean_mn": float(mn_weight)}
            latent.append(weights.get(name, 1.0))
        columns = (error, latent, [float(name != "sum") for name in names])
        return cls(*(torch.tensor(column, device=device, dtype=dtype) for column in columns))

    def trained(self, error: torch.Tensor, weighted: torch.Tensor, samples: int) -> torch.Tensor:
        """Return the (runs,) losses whose gradients are taken, from the two sums of a batch."""
        return self.over_samples(self.reported(error, weighted), samples)

    def over_samples(self, total: torch.Tensor, samples: int) -> torch.Tensor:
        """Return (runs,) sums over a batch of so many samples, as means where runs take means."""
        return total if self.of_samples is None else total / (1 + self.of_samples * (samples - 1))

    def reported(self, error: torch.Tensor, weighted: torch.Tensor) -> torch.Tensor:
        """Return the (runs,) losses, summed over the samples whatever the reduction."""
        if self.error is None or self.latent is None:
            return error + weighted
        return self.error * error + self.latent * weighted
