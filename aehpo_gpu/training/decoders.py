"""Decoders that are not the mirror image of their encoder: how wide they are, run by run.

An ontology decides how many latents such a run has. Its row says so from here on, in
``latent_dim_fixed`` and :data:`BETWEEN`, to whoever plans, prices, trains or counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from aehpo_assets.datasets.ontology import COLUMNS, Ontology
from aehpo_assets.errors import InputError
from aehpo_gpu.architectures import Architecture
from aehpo_gpu.architectures.architecture import MaskedDecoder
from aehpo_gpu.training.defaults import training_defaults, with_defaults

BETWEEN = "ontology_nodes"
"""Column of runs: nodes between the latents and the features, 0 for none."""

_TIMED = 16, 4
"""Nodes and parents of an ontology that stands for any, where steps are timed."""


def decoder_of(
    own: Architecture, run: Mapping[str, Any], ontology: Ontology | None
) -> MaskedDecoder:
    """Return the decoder of a run, of an architecture that has masks.

    Raises
    ------
    InputError
        If the task has no ontology, or one that does not have what the run asks for.
    """
    if ontology is None or ontology.table.empty:
        raise InputError(
            f"{own.name} needs an ontology, and the task has none",
            key="architectures",
            remedy="Name it under the key ontology of each modality in dataset.yaml, or train the "
            "task by other architectures.",
        )
    assert own.decoder is not None
    return own.decoder(ontology, {name: run[name] for name in own.sizes})


def with_decoder(own: Architecture, runs: pd.DataFrame, ontology: Ontology | None) -> pd.DataFrame:
    """Return runs with the widths of their decoders, where an ontology decides.

    Parameters
    ----------
    own
        Their architecture; the runs of one without masks come back as they are.
    runs
        One row a run.
    ontology
        Of the task.

    Raises
    ------
    InputError
        As of :func:`decoder_of`.
    """
    if own.decoder is None:
        return runs
    filled = with_defaults(runs, training_defaults(own))
    known: dict[tuple[Any, ...], list[int]] = {}
    widths = []
    for run in filled[list(own.sizes)].to_dict("records"):
        kind = tuple(run.values())
        if kind not in known:
            masks = decoder_of(own, run, ontology).masks
            known[kind] = [masks[0].shape[0], masks[1].shape[0] if len(masks) > 1 else 0]
        widths.append(known[kind])
    latents, between = zip(*widths, strict=True) if widths else ((), ())
    return runs.assign(latent_dim_fixed=list(latents), **{BETWEEN: list(between)})


def latent_names(
    own: Architecture, run: Mapping[str, Any], count: int, ontology: Ontology | None
) -> list[str]:
    """Names of the latents of a run: ``latent_1`` and on, or ``latent_`` and their nodes."""
    if own.decoder is None:
        return [f"latent_{number}" for number in range(1, count + 1)]
    nodes = decoder_of(own, training_defaults(own) | dict(run), ontology).latents
    return [f"latent_{node}" for node in nodes]


def between_of(own: Architecture, run: Mapping[str, Any]) -> int | None:
    """Nodes between latents and features of a run; None where the decoder mirrors the encoder."""
    return None if own.decoder is None else int(run[BETWEEN])


def decoder_widths(own: Architecture, run: Mapping[str, Any], features: int) -> list[int] | None:
    """Widths from the latents to the features; None where the decoder mirrors the encoder."""
    between = between_of(own, run)
    if between is None:
        return None
    return [int(run["latent_dim_fixed"]), *([between] if between else []), features]


def absent_from_decoder(own: Architecture, runs: pd.DataFrame, ontology: Ontology) -> np.ndarray:
    """Return how many weights the decoder of each run lacks, (runs,).

    Parameters
    ----------
    own, runs, ontology
        As of :func:`with_decoder`.
    """
    absent = []
    for run in with_defaults(runs, training_defaults(own)).to_dict("records"):
        *inner, last = decoder_of(own, run, ontology).masks
        last = last[:, : int(min(run["k_filter"], last.shape[1]))]
        absent.append(sum(int((~mask).sum()) for mask in (*inner, last)))
    return np.array(absent)


def ontology_for_timing(own: Architecture, features: int) -> Ontology | None:
    """Return an ontology that stands for any where the steps of a device are timed."""
    if own.decoder is None:
        return None
    nodes, parents = _TIMED
    names = [str(number) for number in range(features)]
    of = np.arange(features) % nodes
    columns = (names, [f"node {n}" for n in of], [f"parent {n % parents}" for n in of])
    return Ontology(pd.DataFrame(dict(zip(COLUMNS, columns, strict=True))), tuple(names))
