"""A trained run that has an autoencoder a modality, as one module: of stackix, and of xmodalix.

Each part reads the features of its modality, by their positions among those of the run. How they
are trained belongs to ``aehpo_gpu.training.stacked`` and ``crossed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from aehpo_assets.errors import InputError
from aehpo_gpu.export.module import module_of_run
from aehpo_gpu.training.crossed import CrossedNetwork
from aehpo_gpu.training.errors import ERRORS
from aehpo_gpu.training.module import PLAIN, Autoencoder
from aehpo_gpu.training.network import FleetNetwork
from aehpo_gpu.training.stacked import StackedTraining


class Part(NamedTuple):
    """The autoencoder of one modality.

    Attributes
    ----------
    modality
        Its name; empty where there is one alone.
    columns
        Positions of its features among those of the run.
    network
        What it is.
    """

    modality: str
    columns: Sequence[int]
    network: Autoencoder


class _Parts(nn.Module):
    """The autoencoders of the modalities."""

    def __init__(self, parts: Sequence[Part]):
        super().__init__()
        self.modalities = [part.modality for part in parts]
        self.columns = [list(part.columns) for part in parts]
        self.networks = [part.network for part in parts]
        self.parts = nn.ModuleList(self.networks)
        # Each has these.
        self.heads = list(parts[0].network.heads)
        self.widths = [sum(map(len, self.columns)), parts[0].network.widths[-1]]

    def _encoded(self, x: Tensor) -> list[dict[str, Tensor]]:
        pairs = zip(self.networks, self.columns, strict=True)
        return [part.encode(x[:, columns]) for part, columns in pairs]

    def _decoded(self, latents: Sequence[Tensor]) -> Tensor:
        """Put what the latents of each modality are decoded to in the places of its features."""
        whole = latents[0].new_zeros(len(latents[0]), self.widths[0])
        for part, columns, own in zip(self.networks, self.columns, latents, strict=True):
            whole[:, columns] = part.decoder(own)
        return whole


class StackedAutoencoder(_Parts):
    """Autoencoders of modalities, and one on their latents (stackix).

    Parameters
    ----------
    parts
        Those of the modalities.
    joined
        That on their latent means, side by side.
    """

    def __init__(self, parts: Sequence[Part], joined: Autoencoder):
        super().__init__(parts)
        self.joined = joined
        self.mean: Tensor
        self.deviation: Tensor
        self.register_buffer("mean", torch.zeros(joined.widths[0]))
        self.register_buffer("deviation", torch.ones(joined.widths[0]))
        self.widths[-1] = joined.widths[-1]

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, (samples, latents), from (samples, features); first the latents."""
        return self.joined.encode(self._standardised(x))

    def _standardised(self, x: Tensor) -> Tensor:
        """What the second stage reads."""
        means = [next(iter(heads.values())) for heads in self._encoded(x)]
        return (torch.cat(means, 1) - self.mean) / self.deviation

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples from their latent means, the whole way back."""
        joined = self.joined(self._standardised(x)) * self.deviation + self.mean
        return self._decoded(joined.split([part.widths[-1] for part in self.networks], 1))


class CrossedAutoencoder(_Parts):
    """Autoencoders of modalities that share their latents (xmodalix).

    Parameters
    ----------
    parts
        Those of the modalities.
    """

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, a mean over the modalities; parameters as of an autoencoder."""
        each = self._encoded(x)
        return {name: torch.stack([one[name] for one in each]).mean(0) for name in self.heads}

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct each modality of samples from its own latent means."""
        return self._decoded([next(iter(heads.values())) for heads in self._encoded(x)])

    def translate(self, x: Tensor, source: str, target: str) -> Tensor:
        """Return what the latent means of one modality say of another.

        Parameters
        ----------
        x
            (samples, features) of ``source`` alone, in the order of its columns.
        source, target
            Modalities.

        Returns
        -------
        torch.Tensor
            (samples, features) of ``target``.

        Raises
        ------
        InputError
            If there is no such modality.
        """
        for name in (source, target):
            if name not in self.modalities:
                raise InputError(
                    f"there is no modality {name!r}",
                    key="modality",
                    remedy=f"Known are: {', '.join(self.modalities)}.",
                )
        one, other = (self.networks[self.modalities.index(name)] for name in (source, target))
        found: Tensor = other.decoder(next(iter(one.encode(x).values())))
        return found


Composed = StackedAutoencoder | CrossedAutoencoder


def stacked_module(training: StackedTraining, drop_p: float) -> StackedAutoencoder:
    """Copy a run of stackix that was trained alone into a module of its own."""
    assert training.second is not None
    parts = []
    for (name, columns), one in zip(training.columns.items(), training.first, strict=True):
        network = _fleet(one.network)
        module = module_of_run(network, 0, drop_p)
        parts.append(Part(name, columns[: module.widths[0]].tolist(), module))
    joined = module_of_run(_fleet(training.second.network), 0, drop_p)
    whole = StackedAutoencoder(parts, joined).to(training.joined.mean.dtype)
    whole.mean.copy_(training.joined.mean[0])
    whole.deviation.copy_(training.joined.deviation[0])
    return whole.eval()


def crossed_module(network: CrossedNetwork) -> CrossedAutoencoder:
    """Copy a run of xmodalix into a module of its own."""
    parts = []
    for (name, own), columns in zip(network.parts.items(), network.columns, strict=True):
        run = own.run
        module = Autoencoder(
            own.widths[0],
            own.architecture.heads,
            float(run["drop_p"]),
            activation=str(run["activation"]),
            batch_norm=bool(run["batch_norm"]),
            on_logits=ERRORS[run["reconstruction"]].on_logits,
        ).to(own.dtype)
        module.load_state_dict(own.module.state_dict())
        parts.append(Part(name, columns.tolist(), module))
    return CrossedAutoencoder(parts).eval()


def composition(module: Composed) -> dict[str, Any]:
    """Return what :func:`build_composed` builds the module from, as JSON values."""
    parts = zip(module.modalities, module.columns, module.networks, strict=True)
    described: dict[str, Any] = {
        "parts": [
            {"modality": name, "columns": columns, **_described(part)}
            for name, columns, part in parts
        ]
    }
    if isinstance(module, StackedAutoencoder):
        described["joined"] = _described(module.joined)
    return described


def build_composed(config: Mapping[str, Any]) -> Composed:
    """Build the module of :func:`composition`.

    Raises
    ------
    KeyError
        If something is missing.
    InputError
        If the columns of the parts are not those of the features, each once.
    """
    parts = [
        Part(str(one["modality"]), list(map(int, one["columns"])), _built(one))
        for one in config["parts"]
    ]
    every = sorted(column for part in parts for column in part.columns)
    if not parts or every != list(range(int(config["widths"][0]))):
        raise InputError(
            "the columns of its parts are not those of the features, each once",
            key="parts",
            remedy="Export the model again.",
        )
    if "joined" in config:
        return StackedAutoencoder(parts, _built(config["joined"]))
    return CrossedAutoencoder(parts)


def _described(module: Autoencoder) -> dict[str, Any]:
    own = {"widths": module.widths, "heads": list(module.heads), "drop_p": module.drop_p}
    return own | module.kinds


def _built(config: Mapping[str, Any]) -> Autoencoder:
    given = {name: config[name] for name in ("widths", "heads", "drop_p", *PLAIN)}
    return Autoencoder(**given)


def _fleet(network: object) -> FleetNetwork:
    assert isinstance(network, FleetNetwork)
    return network
