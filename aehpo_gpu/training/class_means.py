"""The class loss: how far latents are from the mean of their class, and how these means go along.

A mean is one of latents of all modalities, as Autoencodix has it: that of the first batch with the
class, and from then on :data:`KEPT` of what it was and the rest of that of the batch. There is no
gradient through it. Only training moves it: whatever is evaluated is held against the means of the
train samples.
"""

from __future__ import annotations

import torch
from torch import Tensor

KEPT = 0.75
"""Share of a mean that a batch leaves, as in Autoencodix."""


class ClassMeans:
    """The means of the classes of one run.

    Parameters
    ----------
    classes, latents
        How many.
    device, dtype
        Those of the latents.

    Attributes
    ----------
    means
        (classes, latents).
    known
        (classes,) whether there is a mean.
    """

    def __init__(self, classes: int, latents: int, device: torch.device, dtype: torch.dtype):
        self.means = torch.zeros(classes, latents, device=device, dtype=dtype)
        self.known = torch.zeros(classes, device=device, dtype=torch.bool)

    def trained(self, latents: Tensor, codes: Tensor) -> Tensor:
        """Return :meth:`apart` of a batch in training, and let the means follow it.

        Parameters
        ----------
        latents, codes
            As of :meth:`apart`.
        """
        of_class = codes[:, None] == torch.arange(len(self.means), device=codes.device)
        counts = of_class.sum(0)
        # A product, since sums by index come in any order on a GPU.
        sums = of_class.to(latents).T @ latents.detach().mean(0)
        batch = sums / counts.clamp(min=1)[:, None]
        here = (counts > 0)[:, None]
        self.means = torch.where(here & ~self.known[:, None], batch, self.means)
        self.known = self.known | here[:, 0]
        found = self.apart(latents, codes)
        self.means = torch.where(here, KEPT * self.means + (1 - KEPT) * batch, self.means)
        return found

    def apart(self, latents: Tensor, codes: Tensor) -> Tensor:
        """Return the distance from the mean of the class, summed over samples, a modality.

        Parameters
        ----------
        latents
            (modalities, samples, latents).
        codes
            (samples,) class of each, -1 for none. One without a class, or of a class that no batch
            had, counts nothing.
        """
        places = codes.clamp(min=0)
        counted = (codes >= 0) & self.known[places]
        distances = torch.linalg.vector_norm(latents - self.means[places], dim=2)
        return (distances * counted).sum() / len(latents)

    def state(self) -> dict[str, Tensor]:
        """Return what :meth:`restore` goes on with."""
        return {"means": self.means, "known": self.known}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        self.means, self.known = state["means"].to(self.means), state["known"].to(self.known)
