"""The plain network of one run, in nothing but ``torch.nn``.

For everything that happens to a single model: export, and the solo path, which is also what fleets
are measured against. Fleets themselves train without it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import Tensor, nn

PLAIN = {"activation": "relu", "batch_norm": True, "on_logits": False}
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
    """

    def __init__(
        self,
        widths: Sequence[int],
        heads: Sequence[str],
        drop_p: float,
        activation: str = "relu",
        batch_norm: bool = True,
        on_logits: bool = False,
    ):
        super().__init__()
        self.widths = list(widths)
        self.kinds = {"activation": activation, "batch_norm": batch_norm, "on_logits": on_logits}

        def hidden(widths: Sequence[int]) -> list[nn.Module]:
            return _hidden_blocks(widths, drop_p, activation, batch_norm)

        self.encoder = nn.Sequential(*hidden(widths[:-1]))
        self.heads = nn.ModuleDict({name: nn.Linear(widths[-2], widths[-1]) for name in heads})
        mirrored = widths[::-1]
        ends: list[nn.Module] = [nn.Linear(mirrored[-2], mirrored[-1])]
        ends += [nn.Sigmoid()] if on_logits else []
        self.decoder = nn.Sequential(*hidden(mirrored[:-1]), *ends)

    def encode(self, x: Tensor) -> dict[str, Tensor]:
        """Head to its output, (samples, latents), from (samples, features)."""
        hidden = self.encoder(x)
        return {name: head(hidden) for name, head in self.heads.items()}

    def forward(self, x: Tensor) -> Tensor:
        """Reconstruct samples from their latent means."""
        return self.decoder(next(iter(self.encode(x).values())))


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
