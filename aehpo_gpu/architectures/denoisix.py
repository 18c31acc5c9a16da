"""Denoisix: the plain autoencoder that reconstructs samples from corrupted ones.

Entries are masked (set to 0), get the value of another sample of the batch (swap), or are blurred
by normal noise (Vincent et al. 2008). What is left is not scaled up, as Dropout would; samples are
corrupted in training only.
"""

from __future__ import annotations

import torch

from aehpo_gpu.architectures.architecture import Architecture, Corruption


def corrupted(x: torch.Tensor, noise: torch.Tensor, kind: str, amount: float) -> torch.Tensor:
    """Return (samples, features) of a batch, corrupted.

    Parameters
    ----------
    x
        The batch.
    noise
        (samples, features) uniform numbers; standard normal ones if it is to be blurred.
    kind
        ``masking``, ``swap`` or ``gaussian``.
    amount
        Share of the entries, or standard deviation of the noise.
    """
    if kind == "gaussian":
        return x + amount * noise
    if kind == "masking":
        return x * (noise >= amount)
    # The numbers of a feature put its samples into a random order: each gets the value of the next.
    order = noise.argsort(0)
    other = torch.empty_like(x).scatter(0, order, x.gather(0, order.roll(-1, 0)))
    return torch.where(noise < amount, other, x)


DENOISIX = Architecture(
    "denoisix", corruption=Corruption("corruption", "noise_p", corrupted), overcomplete=True
)
