"""A small data set folder that tests bend in one place each."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

SETTINGS: dict[str, Any] = {
    "name": "tiny",
    "title": "A tiny data set",
    "modalities": {"rna": {"file": "rna.csv"}},
    "labels": {"file": "clinical.csv", "objective": {"type": ["kind"]}, "regression": ["age"]},
}

MakeDataset = Callable[..., Path]


def matrix(samples: int = 12, features: int = 5, seed: int = 0) -> pd.DataFrame:
    values = np.random.default_rng(seed).normal(size=(samples, features)).round(3)
    ids = pd.Index([f"s{i}" for i in range(samples)], name="id")
    return pd.DataFrame(values, index=ids, columns=[f"g{i}" for i in range(features)])


def clinical(samples: int = 12) -> pd.DataFrame:
    ids = pd.Index([f"s{i}" for i in range(samples)], name="id")
    return pd.DataFrame(
        {"kind": np.resize(["a", "b"], samples), "age": np.arange(samples)}, index=ids
    )


@pytest.fixture
def make_dataset(tmp_path: Path) -> MakeDataset:
    """Write a data set folder; the settings and the files may be replaced."""

    def make(
        settings: dict[str, Any] | None = None,
        modality: dict[str, Any] | None = None,
        labels: dict[str, Any] | None = None,
        files: dict[str, str] | None = None,
        name: str = "tiny",
    ) -> Path:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        content = copy.deepcopy(SETTINGS) | {"name": name} | (settings or {})
        content["modalities"].get("rna", {}).update(modality or {})
        content["labels"].update(labels or {})
        (folder / "dataset.yaml").write_text(yaml.safe_dump(content, sort_keys=False))
        matrix().to_csv(folder / "rna.csv")
        clinical().to_csv(folder / "clinical.csv")
        for file, text in (files or {}).items():
            (folder / file).write_text(text)
        return folder

    return make


@pytest.fixture
def tiny_matrix() -> pd.DataFrame:
    """What the file of :func:`make_dataset` holds, samples x features."""
    return matrix()
