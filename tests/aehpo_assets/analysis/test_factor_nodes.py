"""Nodes of a factor: counted by hand, told from chance, and nothing where nothing is known."""

from __future__ import annotations

from math import comb

import numpy as np
import pandas as pd
import pytest

from aehpo_assets.analysis.factor_nodes import COLUMNS, factor_nodes, factor_nodes_text

SOURCE = np.random.default_rng(0)
NAMES = [f"rna:g{i}" for i in range(120)]
EDGES = pd.DataFrame(
    {
        "feature": [*NAMES[:100], *NAMES[:20], "rna:g3", "cna:x"],
        "node": [*(f"n{i // 20}" for i in range(100)), *["wide"] * 20, "small", "n0"],
    }
)


def weights() -> pd.DataFrame:
    """The strongest of the first factor are of the first node; of the second, of any."""
    values = SOURCE.normal(size=(120, 3))
    values[:9, 0] = [9, -8, 7, -6, 9, 8, 7, -9, 6]
    # No node knows these, however strong they are.
    values[100:, :2] = 50
    values[:, 2] = 0
    return pd.DataFrame(values, NAMES, [1, 2, 3])


def test_the_strongest_features_are_counted() -> None:
    found = factor_nodes("a_rna+cna", {"rna": weights()}, EDGES)
    assert list(found) == COLUMNS
    of = found.set_index(["factor", "node"])
    # A tenth of the hundred features that are known; a node of one feature is left out, and so is
    # a factor that weighs nothing.
    assert set(of.index.get_level_values("factor")) == {1, 2}
    assert set(of.index.get_level_values("node")) == {"n0", "n1", "n2", "n3", "n4", "wide"}
    row = of.loc[(1, "n0")]
    assert (row["features"], row["strongest"], row["expected"]) == (20, 10, 2.0)
    assert row["found"] >= 9
    chance = sum(comb(20, k) * comb(80, 10 - k) / comb(100, 10) for k in range(row["found"], 11))
    assert row["p_value"] == pytest.approx(chance)
    told = found[found["supported"]]
    assert set(zip(told["factor"], told["node"], strict=True)) == {(1, "n0"), (1, "wide")}


def test_people_read_one_row_a_factor() -> None:
    text = factor_nodes_text(factor_nodes("t", {"rna": weights()}, EDGES))
    assert text["factor"].tolist() == ["1", "2"]
    assert text["nodes told from chance"].tolist() == ["n0, wide", "none"]
    assert text["of the first"][0].endswith("of 10 strongest, 2.0 by chance")


def test_without_an_ontology_there_is_nothing_to_say() -> None:
    nothing = pd.DataFrame({"feature": [], "node": []}, dtype="str")
    for edges in (nothing, EDGES.assign(node=""), EDGES.assign(feature="other")):
        found = factor_nodes("t", {"rna": weights()}, edges)
        assert found.empty
        assert list(found) == COLUMNS
