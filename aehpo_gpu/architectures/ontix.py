"""Ontix: a varix whose decoder is an ontology, so that every latent is a node of it.

Its decoder has one linear layer from the nodes to their features, or two: from parents to nodes,
and from these to features. There is a weight where the ontology has an edge, none is negative, and
nothing lies between the layers. A latent that rises raises all its features, or none; its sign is
that of the node, and biases are free, so that values need not be positive.

Autoencodix masks and clamps before the step of the optimiser, so that every forward pass and the
saved model have weights that the ontology lacks; and it cuts the means of the latents at zero,
which ends their gradient. Here gradients are masked and weights projected after the step, by
``aehpo_gpu.training.weight_masks``, and ``nonnegative_latents`` is a softplus.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.ontology import Ontology
from aehpo_assets.errors import InputError
from aehpo_assets.space.distributions import Scalar
from aehpo_gpu.architectures.architecture import Architecture, Heads, MaskedDecoder
from aehpo_gpu.architectures.varix import VARIX

UNCOVERED = "(uncovered)"
"""The node of features that no other has, where a run keeps them."""


def decoder(ontology: Ontology, shared: Mapping[str, Scalar]) -> MaskedDecoder:
    """Return which weights a decoder has.

    Parameters
    ----------
    ontology
        Of the task.
    shared
        ``ontology_levels`` and ``keep_uncovered``.

    Raises
    ------
    InputError
        If two levels are asked for, and nodes have no parent.
    """
    table = ontology.table
    covered = table["node"] != ""
    edges = table[covered]
    if shared["keep_uncovered"]:
        own = table[~covered].assign(node=UNCOVERED, parent=UNCOVERED)
        edges = pd.concat([edges, own])
    nodes = sorted(set(edges["node"]))
    of_features = _incidence(edges["node"], nodes, edges["feature"], ontology.features)
    if int(shared["ontology_levels"]) == 1:
        return MaskedDecoder((of_features,), tuple(nodes))
    if (edges["parent"] == "").any():
        raise InputError(
            "two levels are asked for, and the nodes of the ontology have no parents",
            key="space.ontology_levels",
            remedy="Set ontology_levels: [1], or add a column parent to the ontology.",
        )
    parents = sorted(set(edges["parent"]))
    of_nodes = _incidence(edges["parent"], parents, edges["node"], nodes)
    return MaskedDecoder((of_nodes, of_features), tuple(parents))


def _incidence(
    above: pd.Series, rows: Sequence[str], below: pd.Series, columns: Sequence[str]
) -> np.ndarray:
    """(rows, columns) whether an edge joins them."""
    of_above, of_below = pd.Index(rows).get_indexer(above), pd.Index(columns).get_indexer(below)
    joined = np.zeros((len(rows), len(columns)), dtype=bool)
    # Features that are constant on train are in the ontology, and in no matrix.
    known = of_below >= 0
    joined[of_above[known], of_below[known]] = True
    return joined


def bend(heads: Heads, mask: torch.Tensor, shared: Mapping[str, Scalar]) -> Heads:
    """Means above zero, where latents shall not be negative; zero where a run has fewer latents."""
    if not shared["nonnegative_latents"]:
        return heads
    return {**heads, "mean": torch.nn.functional.softplus(heads["mean"]) * mask}


def plain(run: Mapping[str, Any]) -> dict[str, Any]:
    """Whether means are above zero."""
    return {"nonnegative": bool(run["nonnegative_latents"])}


ONTIX = Architecture(
    name="ontix",
    heads=VARIX.heads,
    sample=VARIX.sample,
    loss=VARIX.loss,
    weights=VARIX.weights,
    training={"ontology_levels": 1, "keep_uncovered": 0, "nonnegative_latents": 0},
    sizes=("ontology_levels", "keep_uncovered", "nonnegative_latents"),
    overcomplete=True,
    decoder=decoder,
    bend=bend,
    plain=plain,
)
