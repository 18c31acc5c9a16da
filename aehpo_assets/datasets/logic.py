"""The truth table of an AND gate as a data set: two inputs and what follows from them.

Its covariance has the eigenvalues .398, .25 and .039: two linear components reconstruct it with an
error of .01308 a value, and what bends needs none. The label is no feature in other words: whether
exactly one of the inputs is on.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.dataset import DATASET_FILE
from aehpo_assets.store.files import atomic_folder, write_text
from aehpo_assets.store.provenance import named_seed

SAMPLES = 600

AND_YAML = """\
name: and_gate
title: The truth table of an AND gate, drawn at random
modalities:
  table: {file: table.parquet, kind: binary}
labels:
  file: exclusive.csv
  objective:
    exclusive: [xor]
"""


def and_gate(seed: int = 0) -> pd.DataFrame:
    """Draw rows of the truth table, (samples, ``x1``, ``x2``, ``x3 = x1 AND x2``), 0 or 1."""
    inputs = np.random.default_rng(named_seed(seed, "and gate")).integers(0, 2, (SAMPLES, 2))
    ids = pd.Index([f"R{row:04d}" for row in range(SAMPLES)], name="sample_id")
    table = pd.DataFrame(inputs, index=ids, columns=["x1", "x2"])
    return table.assign(x3=table["x1"] * table["x2"]).astype("int8")


def write_and_gate(root: Path, seed: int = 0) -> Path:
    """Write the data set below a folder, unless it is there already; returns its folder."""
    folder = root / "and_gate"
    if not (folder / DATASET_FILE).exists():
        table = and_gate(seed)
        words = {0: "off", 1: "on"}
        with atomic_folder(folder) as temporary:
            table.to_parquet(temporary / "table.parquet")
            exclusive = (table["x1"] != table["x2"]).astype(int).map(words)
            exclusive.rename("xor").to_csv(temporary / "exclusive.csv")
            write_text(temporary / DATASET_FILE, AND_YAML)
    return folder
