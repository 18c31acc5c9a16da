"""What is shared is on the page of a study of joint tasks alone, and of an older home as well."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from aehpo_assets.analysis.factor_labels import factor_labels
from aehpo_assets.analysis.factor_nodes import factor_nodes
from aehpo_assets.analysis.shared_factors import factor_rows
from aehpo_assets.report.blocks import Table
from aehpo_assets.report.integration import integration_blocks
from aehpo_assets.store.store import Record, Store

TASK = "a_rna+cna"
KINDS = ("factor-labels", "factor-nodes")
NAMES = [f"rna:g{i}" for i in range(40)]


def write_factors(store: Store, *, all_of_it: bool) -> None:
    explained = pd.DataFrame({"rna": [0.3, 0.1], "cna": [0.2, 0.0]}, [1, 2])
    rows = factor_rows(TASK, "MOFA", explained, pd.Series([0.9, 0.2], [1, 2]))
    values = pd.DataFrame({1: range(40), 2: [3.0, 1.0] * 20}, [f"s{i}" for i in range(40)])
    labels = pd.DataFrame({"sex": ["f"] * 20 + ["m"] * 20}, values.index)
    labels.attrs = {"objective": {"sex": ["sex"]}}
    weights = pd.DataFrame({1: range(40), 2: range(40, 0, -1)}, NAMES).astype(float)
    edges = pd.DataFrame({"feature": NAMES, "node": ["low"] * 20 + ["high"] * 20})
    tables = {"explained": rows}
    if all_of_it:
        tables["labels"] = factor_labels(TASK, "MOFA", values, labels)
        tables["nodes"] = factor_nodes(TASK, {"rna": weights}, edges)
    else:
        tables["explained"] = rows.drop(columns="reproduced")

    def fill(folder: Path) -> None:
        for name, table in tables.items():
            table.to_parquet(folder / f"{name}.parquet", index=False)

    store.write_folder("shared_factors", (), fill, Record("1"))


def tables_of(store: Store) -> dict[str, pd.DataFrame | None]:
    reports = {"varix": {"verdicts": pd.DataFrame({"task": [TASK, "a_rna"], "verdict": ["", ""]})}}
    blocks = integration_blocks(store, reports)
    return {block.name: block.shown for block in blocks if isinstance(block, Table)}


def test_factors_of_joint_tasks_alone_are_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    assert tables_of(store) == {}
    write_factors(store, all_of_it=True)
    found = tables_of(store)
    assert list(found) == [f"{one}-a_rna-cna" for one in ("shared-factors", *KINDS)]
    first, labels, nodes = found.values()
    assert first is not None
    assert (first["shared"][0], first["in every fit"][0]) == ("1", "1")
    assert labels is not None
    assert labels["factor"].tolist() == ["1"]
    assert nodes is not None
    assert nodes["of the first"].tolist() == ["4 of 4 strongest, 2.0 by chance"] * 2


def test_what_an_older_home_has_is_shown(tmp_path: Path) -> None:
    store = Store(tmp_path)
    write_factors(store, all_of_it=False)
    (shown,) = tables_of(store).values()
    assert shown is not None
    assert shown["in every fit"].tolist() == [""]
