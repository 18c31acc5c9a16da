"""How the runs of a fleet lie in one stack: all that follows from which they are.

Parameters, and what is computed with them, belong to ``network``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.space.widths import run_widths
from aehpo_gpu.architectures import Architecture
from aehpo_gpu.training.blocks import HiddenKind
from aehpo_gpu.training.by_modality import OuterLayers, modality_numbers
from aehpo_gpu.training.decoders import decoder_of, decoder_widths
from aehpo_gpu.training.errors import ERRORS, ErrorBlock, error_blocks
from aehpo_gpu.training.parameters import LayerShape, layer_shapes, padded
from aehpo_gpu.training.reduction import Reduction
from aehpo_gpu.training.weight_masks import WeightMasks, decoder_masks


@dataclass(frozen=True, eq=False)
class Layout:
    """Runs of equal depth, side by side.

    Attributes
    ----------
    architecture
        Their architecture.
    runs
        One row a run: all hyperparameters and the seed.
    features
        (runs,) how many features each reads.
    widths, decoders
        Widths of each run from its input to its latents, and of its decoder where that is another
        than the mirrored one.
    shapes
        Of every layer of the stack.
    hyperparameters, words
        Of the loss: name to (runs,) values; name to word to (runs,) whether a run has it.
    shared
        Hyperparameters that all runs have the same of.
    decoded
        Latents that each sample is decoded from.
    latent_mask, feature_mask
        (runs, 1, width of the stack): 1 where a run has a unit. Without a feature mask all have as
        many features.
    errors
        Which rows are trained by which error of reconstruction.
    reduction
        How losses are made of it.
    masks, root_weights
        Which weights exist, and (runs, 1, features) root of the weight of the error of each
        feature, where an architecture has such.
    device, dtype
        Of the tensors.
    """

    architecture: Architecture
    runs: pd.DataFrame
    features: np.ndarray
    widths: list[list[int]]
    decoders: list[list[int]] | None
    shapes: list[LayerShape]
    hyperparameters: dict[str, torch.Tensor]
    words: dict[str, dict[str, torch.Tensor]]
    shared: dict[str, Any]
    decoded: int
    latent_mask: torch.Tensor
    feature_mask: torch.Tensor | None
    errors: list[ErrorBlock]
    reduction: Reduction
    masks: WeightMasks | None
    root_weights: torch.Tensor | None
    device: torch.device
    dtype: torch.dtype

    @classmethod
    def of(
        cls,
        architecture: Architecture,
        runs: pd.DataFrame,
        features: int,
        modalities: np.ndarray | None,
        ontology: Ontology | None,
        device: torch.device,
        dtype: torch.dtype,
    ) -> Layout:
        """Lay runs out.

        Parameters
        ----------
        architecture
            Their architecture.
        runs
            One row a run: all hyperparameters and the seed; depth and seed are the same in all.
        features
            Number of features of the task; a run that asks for more uses all.
        modalities
            (features,) modality of each feature of a joint task; None for any other.
        ontology
            That of the task, for architectures that need one.
        device, dtype
            Of the tensors.

        Raises
        ------
        ValueError
            If the runs differ in what all runs of a fleet share.
        """

        def values(name: str) -> torch.Tensor:
            return torch.tensor(runs[name].tolist(), device=device, dtype=dtype)

        for name in architecture.group_by:
            if runs[name].nunique() > 1:
                raise ValueError(f"runs of one fleet have several values of {name}")
        shared = {name: runs[name].iloc[0] for name in architecture.group_by}
        read = np.minimum(runs["k_filter"].to_numpy(), features)
        widest = int(read.max())
        widths = run_widths(runs, features)
        bare = None
        if architecture.decoder is not None:
            rows = zip(runs.to_dict("records"), widths, strict=True)
            decoders = (decoder_widths(architecture, run, own[0]) for run, own in rows)
            bare = [one for one in decoders if one is not None]
        latent_mask = unit_mask([own[-1] for own in widths], device, dtype)
        present = unit_mask(read.tolist(), device, dtype)
        mixed = int(read.min()) < min(features, padded(widest))
        words = {n for n in architecture.weights if isinstance(runs[n].iloc[0], str)}
        parameters = {one.parameter for one in ERRORS.values() if one.parameter is not None}
        masks, root_weights = None, None
        if architecture.balance is not None:
            of_features = modality_numbers(modalities, features)
            outer = OuterLayers(widths, of_features, values(architecture.balance), device, dtype)
            masks, root_weights = outer.masks, outer.root_weights
        elif architecture.decoder is not None:
            edges = decoder_of(architecture, runs.iloc[0], ontology).masks
            masks = decoder_masks(edges, widest, latent_mask)
        return cls(
            architecture,
            runs,
            read,
            widths,
            bare,
            layer_shapes(widths, len(architecture.heads), architecture.head is not None, bare),
            {name: values(name) for name in architecture.weights if name not in words},
            {n: _words(runs[n].tolist(), device) for n in architecture.weights if n in words},
            shared,
            architecture.draws_of(shared),
            latent_mask,
            present if mixed else None,
            error_blocks(
                runs["reconstruction"].tolist(),
                {name: values(name) for name in parameters},
                present if mixed else None,
                present,
            ),
            Reduction.of(runs, widths, device, dtype),
            masks,
            root_weights,
            device,
            dtype,
        )

    @cached_property
    def hidden(self) -> int:
        """Hidden layers of the encoder."""
        return len(self.widths[0]) - 2

    @cached_property
    def width(self) -> int:
        """Features of the stack."""
        return padded(int(self.features.max()))

    @cached_property
    def latent_dim(self) -> int:
        """Latents of the stack."""
        return padded(max(widths[-1] for widths in self.widths))

    @cached_property
    def hidden_positions(self) -> list[int]:
        """Positions of the hidden layers of encoder and decoder."""
        decoder = range(self.hidden + len(self.architecture.heads), len(self.shapes) - 1)
        return [*range(self.hidden), *(at for at in decoder if self.shapes[at].hidden)]

    @cached_property
    def dropout(self) -> torch.Tensor:
        """(runs, 1, 1) share of the units that are dropped."""
        rates = torch.tensor(self.runs["drop_p"].tolist(), device=self.device, dtype=self.dtype)
        return rates[:, None, None]

    @cached_property
    def has_dropout(self) -> bool:
        """Whether any run drops units."""
        return bool((self.runs["drop_p"] > 0).any())

    @cached_property
    def dropped(self) -> dict[int, tuple[int, int]]:
        """Number of each hidden layer that drops units to its units, and how often a sample passes.

        Encoders are passed once, decoders once a latent that is decoded.
        """
        if not self.has_dropout:
            return {}
        return {
            number: (self.shapes[at].stacked[1], 1 if number < self.hidden else self.decoded)
            for number, at in enumerate(self.hidden_positions)
        }

    @cached_property
    def noise_width(self) -> int:
        """Numbers that a sample draws in the widest layer."""
        widths = [shape.stacked[1] for shape in self.shapes if shape.hidden]
        widths += [] if self.architecture.corruption is None else [self.width]
        return self.decoded * max(widths, default=1)

    def unit_mask(self, position: int) -> torch.Tensor:
        """(runs, 1, width of the stack): 1 where a run has a unit of a layer."""
        return unit_mask(list(self.shapes[position].outputs), self.device, self.dtype)

    def hidden_kinds(self) -> tuple[list[HiddenKind], list[HiddenKind]]:
        """What follows the products of the hidden layers of each run, of encoder and decoder."""
        columns = (self.runs["activation"], self.runs["batch_norm"])
        kinds = [HiddenKind(str(f), bool(norm)) for f, norm in zip(*columns, strict=True)]
        if self.architecture.decoder_norm:
            return kinds, kinds
        return kinds, [HiddenKind(kind.activation, False) for kind in kinds]

    def kinds_of(self, position: int) -> dict[str, Any]:
        """What follows the products of one run, as ``Autoencoder`` takes it."""
        run, own = self.runs.iloc[position].to_dict(), self.architecture
        return {
            "activation": str(run["activation"]),
            "batch_norm": bool(run["batch_norm"]),
            "on_logits": ERRORS[run["reconstruction"]].on_logits,
            "head": own.head,
            "decoder_norm": own.decoder_norm,
            "bare_decoder": None if self.decoders is None else self.decoders[position],
            **({} if own.plain is None else own.plain(run)),
        }


def unit_mask(widths: list[int], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return which units runs have.

    Parameters
    ----------
    widths
        Units of each run.
    device, dtype
        Of the mask.

    Returns
    -------
    torch.Tensor
        (runs, 1, width of the stack): 1 where a run has a unit.
    """
    units = torch.arange(padded(max(widths)), device=device)
    return (units[None] < torch.as_tensor(widths, device=device)[:, None]).to(dtype)[:, None, :]


def _words(words: list[str], device: torch.device) -> dict[str, torch.Tensor]:
    """Each word that occurs, to whether a run has it."""
    return {
        known: torch.tensor([word == known for word in words], device=device)
        for known in sorted(set(words))
    }
