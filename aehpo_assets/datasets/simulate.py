"""The demo's data sets: a simulated multi-omics cohort, and the real single cells scanpy ships.

The cohort has what real cohorts have: biological programmes shared by the modalities, clinical
labels that depend on them nonlinearly, a rare class, missing labels, zero inflation, a constant
feature, and modalities that were not measured in everybody. The same seed gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np
import pandas as pd

from aehpo_assets.datasets.dataset import DATASET_FILE
from aehpo_assets.store.files import atomic_folder, write_text

SAMPLES = 700
PROGRAMMES = 8
FEATURES = {"rna": 320, "meth": 260, "dna": 256}
MEASURED_SHARE = {"rna": 0.95, "meth": 0.9, "dna": 0.92}

COHORT_YAML = """\
name: cohort
title: A simulated multi-omics cohort
modalities:
  rna: {file: rna.parquet, kind: counts, transform: normalize_log1p}
  meth: {file: meth.parquet}
  dna: {file: dna.parquet, kind: binary}
labels:
  file: clinical.csv
  objective:
    histology: [subtype, grade]
    sex: [sex]
    stage: [stage]
    survival: [status]
  regression: [age]
  survival: {time: months, event: status, event_value: deceased, covariates: [age, sex]}
"""

PBMC_YAML = """\
name: pbmc68k
title: 10x PBMC 68k, reduced, as scanpy ships it
modalities:
  rna: {file: pbmc68k_reduced.h5ad}
labels:
  file: pbmc68k_reduced.h5ad
  objective:
    cell_type: [bulk_labels]
    cell_cycle: [phase]
"""


def write_demo_data(root: Path, seed: int = 0) -> list[Path]:
    """Write both data sets of the demo below a folder, unless they are there already.

    Parameters
    ----------
    root
        Folder to write into.
    seed
        Seed of the cohort.

    Returns
    -------
    list of pathlib.Path
        The two data set folders.
    """
    writers: dict[str, Callable[[Path], None]] = {
        "cohort": lambda folder: write_cohort(folder, seed),
        "pbmc68k": write_pbmc68k,
    }
    for name, write in writers.items():
        if not (root / name / DATASET_FILE).exists():
            with atomic_folder(root / name) as temporary:
                write(temporary)
    return [root / name for name in writers]


def write_cohort(folder: Path, seed: int = 0) -> None:
    """Write the simulated cohort as a data set folder."""
    modalities, clinical = simulate_cohort(seed)
    for name, matrix in modalities.items():
        matrix.to_parquet(folder / f"{name}.parquet")
    clinical.to_csv(folder / "clinical.csv")
    write_text(folder / DATASET_FILE, COHORT_YAML)


def write_pbmc68k(folder: Path) -> None:
    """Write the 700 reduced PBMC cells that scanpy carries in its package as a data set folder.

    765 genes, scaled, with ten bulk labels and the phase of the cell cycle (10x Genomics, Zheng
    et al. 2017). The file is scanpy's own, ``scanpy/datasets/10x_pbmc68k_reduced.h5ad``.
    """
    shipped = files("scanpy.datasets") / "10x_pbmc68k_reduced.h5ad"
    (folder / "pbmc68k_reduced.h5ad").write_bytes(shipped.read_bytes())
    write_text(folder / DATASET_FILE, PBMC_YAML)


def simulate_cohort(seed: int = 0) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    """Simulate a cohort.

    Parameters
    ----------
    seed
        Each part draws from a stream of its own, named after it.

    Returns
    -------
    modalities : dict of str to pandas.DataFrame
        ``rna`` (counts), ``meth`` (beta values) and ``dna`` (0 or 1), samples x features, each
        with the samples in which it was measured.
    clinical : pandas.DataFrame
        Labels of most samples.
    """
    ids = pd.Index([f"P{i:04d}" for i in range(SAMPLES)], name="sample_id")
    programmes = _stream(seed, "programmes").normal(size=(SAMPLES, PROGRAMMES))
    sex = _stream(seed, "sex").integers(0, 2, SAMPLES)
    subtype = _subtypes(programmes)
    # Subtypes bend the programmes, so that what tells them apart is not one linear direction.
    signal = (
        programmes + 0.8 * np.sin(2.0 * np.roll(programmes, 1, axis=1)) * (subtype > 0)[:, None]
    )
    makers = {"rna": _counts, "meth": _betas, "dna": _mutations}
    modalities = {}
    for name, make in makers.items():
        stream = _stream(seed, name)
        hidden = _activity(signal, sex, FEATURES[name], stream)
        matrix = pd.DataFrame(
            make(hidden, stream), index=ids, columns=[f"{name}_{i}" for i in range(FEATURES[name])]
        )
        measured = stream.random(SAMPLES) < MEASURED_SHARE[name]
        modalities[name] = matrix[measured]
    return modalities, _clinical(ids, programmes, subtype, sex, _stream(seed, "clinical"))


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _subtypes(programmes: np.ndarray) -> np.ndarray:
    """Four classes by bent borders between programmes, the last one rare."""
    first = (programmes[:, 0] + 0.5 * programmes[:, 1] ** 2 > 0.5).astype(int)
    second = (programmes[:, 2] + 0.5 * np.sin(2 * programmes[:, 0]) > 0.2).astype(int)
    subtype = first + 2 * second
    return np.where((subtype == 3) & (programmes[:, 3] < 0.6), 1, subtype)


def _activity(
    signal: np.ndarray, sex: np.ndarray, features: int, stream: np.random.Generator
) -> np.ndarray:
    """Activity of every feature: sparse loadings on the programmes, a few features on the sex."""
    loadings = stream.normal(size=(PROGRAMMES, features)) * (
        stream.random((PROGRAMMES, features)) < 0.35
    )
    activity = np.tanh(signal) @ loadings
    by_sex = stream.choice(features, 8, replace=False)
    activity[:, by_sex] += 0.9 * (sex[:, None] - 0.5)
    return activity + 0.6 * stream.normal(size=activity.shape)


def _counts(activity: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Negative binomial counts with sample depth, dropout of low values and a constant gene."""
    level = stream.normal(1.5, 1.0, activity.shape[1])
    depth = stream.lognormal(0, 0.3, (len(activity), 1))
    mean = depth * np.exp(np.clip(level + activity, -4, 7))
    counts = stream.poisson(stream.gamma(4.0, mean / 4.0))
    lost = stream.random(counts.shape) < 0.5 * np.exp(-mean / 2)
    counts = np.where(lost, 0, counts)
    counts[:, -1] = 0
    return counts.astype(np.int32)


def _betas(activity: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Methylation shares between 0 and 1, most sites near one end."""
    level = np.where(stream.random(activity.shape[1]) < 0.5, -1.2, 1.2)
    return (1 / (1 + np.exp(-(level + activity)))).astype(np.float32)


def _mutations(activity: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Sparse zeros and ones whose chance follows the activity."""
    rarity = stream.normal(-0.8, 0.5, activity.shape[1])
    chance = 1 / (1 + np.exp(-(rarity + 1.8 * activity)))
    return (stream.random(activity.shape) < chance).astype(np.int8)


def _clinical(
    ids: pd.Index,
    programmes: np.ndarray,
    subtype: np.ndarray,
    sex: np.ndarray,
    stream: np.random.Generator,
) -> pd.DataFrame:
    """Labels that depend on the programmes, with noise; each is missing for some, all for a few."""
    noise = stream.normal(size=(len(ids), 4))
    severity = programmes[:, 4] + 0.4 * programmes[:, 5] ** 2 + 0.4 * noise[:, 0]
    grade = np.digitize(programmes[:, 6] + 0.4 * noise[:, 1], [-0.4, 0.7])
    stage = np.digitize(severity, [-0.4, 0.4, 1.3])
    risk = 0.8 * severity + 0.6 * (subtype == 2) + 0.6 * noise[:, 2]
    months = stream.exponential(60 * np.exp(-0.6 * risk))
    censored = stream.uniform(10, 120, len(ids))
    table = pd.DataFrame(
        {
            "subtype": np.array(["luminal", "basal", "mesenchymal", "rare"])[subtype],
            "grade": np.array(["G1", "G2", "G3"])[grade],
            "sex": np.array(["female", "male"])[sex],
            "stage": np.array(["I", "II", "III", "IV"])[stage],
            "status": np.where(months <= censored, "deceased", "alive"),
            "months": np.minimum(months, censored).round(1),
            "age": (60 + 6 * programmes[:, 7] + 5 * noise[:, 3]).round().astype(int),
        },
        index=ids,
    )
    for column in ("grade", "stage", "status", "age"):
        gone = stream.random(len(ids)) < 0.08
        table[column] = table[column].astype(object).where(~gone)
    return table[stream.random(len(ids)) < 0.97]
