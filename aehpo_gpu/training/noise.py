"""What a batch draws in training: dropout, corruption, latents, codes, each from its own stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from aehpo_gpu.architectures import Architecture
from aehpo_gpu.training import draws


@dataclass(frozen=True)
class NoiseSource:
    """The streams of the runs of a fleet, or of one run.

    Attributes
    ----------
    architecture, shared
        Their architecture, and what all runs have in common of it.
    seed
        Of all runs.
    dropouts
        Number of each hidden layer that drops units to its width and how often a sample passes it.
    features, width
        Features of the widest run, and columns of a batch.
    latents
        Columns of the latents.
    draws_prior
        Whether numbers of the prior are drawn.
    device, dtype
        Of what is drawn.
    """

    architecture: Architecture
    shared: Mapping[str, Any]
    seed: int
    dropouts: Mapping[int, tuple[int, int]]
    features: int
    width: int
    latents: int
    draws_prior: bool
    device: torch.device
    dtype: torch.dtype

    @property
    def corrupted_by(self) -> str | None:
        """Kind of the corruption."""
        corruption = self.architecture.corruption
        return None if corruption is None else str(self.shared[corruption.kind])

    def draw(self, epoch: int, rows: range) -> dict[str, torch.Tensor]:
        """Draw for some samples of an epoch.

        Parameters
        ----------
        epoch
            Number of the epoch.
        rows
            Positions in the batch order of the epoch.

        Returns
        -------
        dict
            (len(rows), units) for each thing that draws; (len(rows), times, units) if a sample
            draws more than once.
        """
        noise = {}
        for number, (units, times) in self.dropouts.items():
            key = draws.stream_key(self.seed, "dropout", number, epoch)
            noise[f"dropout {number}"] = self.repeated(draws.uniform, key, rows, times, units)
        if self.architecture.corruption is not None:
            key = draws.stream_key(self.seed, "corruption", epoch)
            drawn = draws.normal if self.corrupted_by == "gaussian" else draws.uniform
            noise["corruption"] = self.repeated(drawn, key, rows, 1, self.width)
            # What pads the widest run stays zero.
            noise["corruption"][:, self.features :] = 1 if drawn is draws.uniform else 0
        if self.architecture.sample is not None:
            times = self.architecture.draws_of(self.shared)
            for name, count in {"latent": times, "prior": 1}.items():
                if name == "latent" or self.draws_prior:
                    key = draws.stream_key(self.seed, name, epoch)
                    noise[name] = self.repeated(draws.normal, key, rows, count, self.latents)
        if self.architecture.draws_uniform:
            key = draws.stream_key(self.seed, "code", epoch)
            noise["code"] = self.repeated(draws.uniform, key, rows, 1, self.latents)
        return noise

    def repeated(
        self, draw: Callable[..., torch.Tensor], key: int, rows: range, times: int, columns: int
    ) -> torch.Tensor:
        """Draw for some samples, (rows, times, columns) if they draw more than once."""
        every = range(rows.start * times, rows.stop * times)
        drawn = draw(key, every, columns, self.device, self.dtype)
        return drawn if times == 1 else drawn.view(len(rows), times, columns)

    def corrupt(self, x: torch.Tensor, noise: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """What is encoded of a batch in training, (samples, features)."""
        corruption = self.architecture.corruption
        if corruption is None:
            return x
        amount = float(self.shared[corruption.amount])
        return corruption.apply(x, noise["corruption"], str(self.corrupted_by), amount)
