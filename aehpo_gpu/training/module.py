"""The plain network of one run, in nothing but ``torch.nn``.

For everything that happens to a single model: export, and the solo path, which is also what fleets
are measured against. Fleets themselves train without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import Any, cast

from torch import Tensor, nn

PLAIN = {
    "activation": "relu",
    "batch_norm": True,
    "on_logits": False,
    "head": None,
    "decoder_norm": True,
    "bare_decoder": None,
    "nonnegative": False,
    "active_latents": None,
    "categories": None,
}
"""What follows the products of a run that names none of it."""


class Autoencoder(nn.Module):
    """Encoder, heads and decoder of one run.

    Parameters
    ----------
    widths
        (n_layers + 1) widths of the encoder, from the features to the latents.
    heads
        Names of the layers between the last hidden layer and the latents; the first is the latent
        mean.
    drop_p
        Dropout of the hidden layers.
    activation, batch_norm
        What follows each of them, as the hyperparameters say it.
    on_logits
        Whether the output is the logit of the reconstruction.
    head
        Activation behind the heads and whether there is a BatchNorm before it; None for neither.
    decoder_norm
        Whether the decoder has BatchNorms where the encoder has them.
    bare_decoder
        Widths from the latents to the features of a decoder of bare layers; None for the mirror
        image of the encoder.
    nonnegative
        Whether a softplus is behind the first head.
    active_latents
        How many latents of a sample count, the largest by their size; None for all.
    categories
        Of how many categories, side by side, each latent is one; None if they are numbers.
    """

    def __init__(
        self,
        widths: Sequence[int],
        heads: Sequence[str],
        drop_p: float,
        activation: str = "relu",
        batch_norm: bool = True,
        on_logits: bool = False,
        head: Sequence[Any] | None = None,
        decoder_norm: bool = True,
        bare_decoder: Sequence[int] | None = None,
        nonnegative: bool = False,
        active_latents: int | None = None,
        categories: int | None = None,
    ):
        super().__init__()
        self.widths, self.drop_p = list(widths), drop_p
        self.kinds: dict[str, Any] = {
            "activation": activation,
            "batch_norm": batch_norm,
            "on_logits": on_logits,
            "head": None if head is None else list(head),
            "decoder_norm": decoder_norm,
            "bare_decoder": None if bare_decoder is None else list(bare_decoder),
            "nonnegative": nonnegative,
            "active_latents": active_latents,
            "categories": categories,
        }

        def hidden(widths: Sequence[int], norm: bool) -> list[nn.Module]:
            return _hidden_blocks(widths, drop_p, activation, norm)

        def end() -> nn.Module:
            if head is None:
                return nn.Linear(widths[-2], widths[-1])
            blocks = _hidden_blocks(widths[-2:], 0.0, *head)
            return nn.Sequential(*(one for one in blocks if not isinstance(one, nn.Dropout)))

        self.encoder = nn.Sequential(*hidden(widths[:-1], batch_norm))
        self.heads = nn.ModuleDict({name: end() for name in heads})
        mirrored = widths[::-1]
        ends: list[nn.Module] = [nn.Linear(mirrored[-2], mirrored[-1])]
        ends += [nn.Sigmoid()] if on_logits else []
        inner = hidden(mirrored[:-1], batch_norm and decoder_norm)
        if bare_decoder is not None:
            layers = [nn.Linear(i, o) for i, o in itertools.pairwise(bare_decoder)]
            inner, ends[0] = [*layers[:-1]], layers[-1]
        self.decoder = nn.Sequential(*inner, *ends)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, (samples, latents), from (samples, features); first the latents."""
        hidden = self.encoder(x)
        heads = {name: head(hidden) for name, head in self.heads.items()}
        first = next(iter(heads))
        heads[first] = self._latents(heads[first])
        return heads

    def _latents(self, head: Tensor) -> Tensor:
        """What the first head is decoded as."""
        if self.kinds["nonnegative"]:
            return nn.functional.softplus(head)
        if (active := self.kinds["active_latents"]) is not None:
            sizes = head.abs()
            last = min(active, head.shape[1])
            return head * (sizes >= sizes.sort(1, descending=True).values[:, last - 1 : last])
        if (categories := self.kinds["categories"]) is not None:
            return head.unflatten(1, (-1, categories)).softmax(2).flatten(1)
        return head

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples from their latent means."""
        return self.decoder(next(iter(self.encode(x).values())))


class OwnNetwork(nn.Module):
    """One run of an architecture that makes its network itself.

    Parameters
    ----------
    made
        Its network: ``encoder``, ``heads`` and ``decoder``.
    widths
        The first is the number of features, the last that of latents.
    on_logits
        Whether the output is the logit of the reconstruction.
    """

    def __init__(self, made: nn.Module, widths: Sequence[int], on_logits: bool):
        super().__init__()
        self.widths, self.on_logits = list(widths), on_logits
        self.encoder = cast("nn.Module", made.encoder)
        self.heads = cast("nn.ModuleDict", made.heads)
        self.decoder = cast("nn.Module", made.decoder)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, (samples, latents), from (samples, features)."""
        hidden = self.encoder(x)
        return {name: head(hidden) for name, head in self.heads.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples from their latent means."""
        output: Tensor = self.decoder(next(iter(self.encode(x).values())))
        return output.sigmoid() if self.on_logits else output


MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "silu": nn.SiLU,
    "mish": nn.Mish,
    "elu": nn.ELU,
    "linear": nn.Identity,
}
"""Name of an activation to what makes its layer."""


def _hidden_blocks(
    widths: Sequence[int], drop_p: float, activation: str, batch_norm: bool
) -> list[nn.Module]:
    blocks: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        blocks.append(nn.Linear(inputs, outputs))
        if batch_norm:
            blocks.append(nn.BatchNorm1d(outputs))
        ends = [nn.Dropout(drop_p), MODULES[activation]()]
        # Only of what is zero at zero it makes no difference which comes first.
        blocks += ends if activation == "relu" else ends[::-1]
    return blocks
