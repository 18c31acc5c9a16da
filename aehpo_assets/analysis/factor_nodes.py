"""Which nodes of an ontology the strongest features of a factor belong to, more than by chance.

The over-representation analysis that is usual after MOFA: of the features of a modality that the
ontology knows, those with the largest weights of a factor are held against each node
(hypergeometric distribution). What a factor is read from belongs to ``shared_factors``.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from aehpo_assets.analysis.associations import LEVEL
from aehpo_assets.noise.verdict import holm

COLUMNS = [
    *("task", "factor", "modality", "node", "features", "strongest", "found", "expected"),
    *("p_value", "supported"),
]

STRONGEST = 0.1
"""Share of the features of a modality that count as those of a factor, by the size of weights."""

FEWEST = 5
"""Features of a node in a modality below which it is left out."""


def factor_nodes(
    task: str, weights: Mapping[str, pd.DataFrame], ontology: pd.DataFrame
) -> pd.DataFrame:
    """Hold the strongest features of every factor against every node.

    Parameters
    ----------
    task
        The joint task.
    weights
        (features, factors) of each modality, factors numbered from 1.
    ontology
        Table of ``feature_ontology``: ``feature`` and ``node``, empty where a feature has none.

    Returns
    -------
    pandas.DataFrame
        One row a factor, modality and node: ``features`` of the node, ``strongest`` features of the
        factor, how many of these were ``found`` in the node and are ``expected`` there,
        ``p_value`` of as many or more, and ``supported``, whether they are more than by chance at a
        level of 5 % for all rows together, by Holm's method.
    """
    from scipy.stats import hypergeom

    edges = ontology[ontology["node"] != ""].drop_duplicates(["feature", "node"])
    rows = []
    for modality, own in weights.items():
        known = own[own.index.isin(edges["feature"])]
        members = edges[edges["feature"].isin(known.index)].groupby("node")["feature"].agg(set)
        members = members[members.map(len) >= FEWEST]
        drawn = max(1, round(STRONGEST * len(known)))
        for factor, column in known.items():
            if column.abs().max() == 0:
                continue
            order = np.argsort(-column.abs().to_numpy(), kind="stable")
            strongest = set(known.index[order[:drawn]])
            for node, features in members.items():
                count, found = len(features), len(features & strongest)
                expected = drawn * count / len(known)
                p_value = float(hypergeom.sf(found - 1, len(known), count, drawn))
                numbers = (count, drawn, found, expected, p_value, False)
                rows.append((task, factor, modality, node, *numbers))
    table = pd.DataFrame(rows, columns=COLUMNS)
    if len(table):
        table["supported"] = np.array(holm(table["p_value"])) <= LEVEL
    return table


def factor_nodes_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the nodes of each factor and modality, a row each; those told from chance first.

    Parameters
    ----------
    table
        Rows of :func:`factor_nodes`, of one joint task.
    """
    shown = []
    for (factor, modality), own in table.groupby(["factor", "modality"], sort=True):
        best = own.sort_values("p_value", kind="stable")
        told = best[best["supported"]]
        first = best.iloc[0]
        shown.append(
            {
                "factor": str(factor),
                "modality": str(modality),
                "nodes told from chance": ", ".join(told["node"].head(3)) or "none",
                "further": str(max(0, len(told) - 3)),
                "of the first": f"{first['found']} of {first['strongest']} strongest, "
                f"{first['expected']:.1f} by chance",
            }
        )
    return pd.DataFrame(shown)
