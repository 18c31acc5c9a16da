"""The demo's data sets: a simulated multi-omics cohort, and the real single cells scanpy ships.

The cohort has what real cohorts have: biological programmes shared by the modalities, clinical
labels that depend on them, a rare class, missing labels, zero inflation, a constant feature, and
modalities that were not measured in everybody. The same seed gives the same bytes.

Its modalities differ in what there is to gain beyond linear components. ``rna`` and ``dna`` follow
the programmes along straight lines, ``meth`` along curves. How much that is was measured on the
programmes themselves before any autoencoder was trained on them: ``benchmarks/cohort_truth.py``.
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
PROGRAMMES = 5
FEATURES = {"rna": 320, "meth": 260, "dna": 256}
MEASURED_SHARE = {"rna": 0.95, "meth": 0.9, "dna": 0.92}

BY_SEX = 24
"""Features that differ between the sexes."""

NOISE = 0.6
"""Deviation of what is added to every feature's activity, whose own is about 1."""

PACE = (1.5, 3.0)
"""Turns of a wave in a programme, in radians a standard deviation."""

_NAMES = [f"programme_{number}" for number in range(PROGRAMMES)]

COHORT_YAML = """\
name: cohort
title: A simulated multi-omics cohort
source: simulated by aehpo
licence: CC0-1.0
modalities:
  rna: {file: rna.parquet, kind: counts, transform: normalize_log1p, ontology: ontology.tsv}
  meth: {file: meth.parquet, ontology: ontology.tsv}
  dna: {file: dna.parquet, kind: binary, ontology: ontology.tsv}
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
source: Zheng et al. 2017, doi:10.1038/ncomms14049; 700 cells and 765 genes of them, in scanpy
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
    ontology(seed).to_csv(folder / "ontology.tsv", sep="\t", index=False)
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
    hidden = hidden_programmes(seed)
    ids, programmes, sex = hidden.index, hidden[_NAMES].to_numpy(), hidden["sex"].to_numpy()
    makers = {"rna": (_lines, _counts), "meth": (_waves, _betas), "dna": (_lines, _mutations)}
    modalities = {}
    for name, (follow, measure) in makers.items():
        stream = _stream(seed, name)
        activity = _activity(follow(programmes, FEATURES[name], stream), sex, stream)
        columns = [f"{name}_{i}" for i in range(FEATURES[name])]
        matrix = pd.DataFrame(measure(activity, stream), index=ids, columns=columns)
        modalities[name] = matrix[stream.random(SAMPLES) < MEASURED_SHARE[name]]
    return modalities, _clinical(ids, programmes, sex, _stream(seed, "clinical"))


def hidden_programmes(seed: int = 0) -> pd.DataFrame:
    """Return the truth behind a cohort, which no data set shows.

    Parameters
    ----------
    seed
        That of the cohort.

    Returns
    -------
    pandas.DataFrame
        (samples, programmes and ``sex``): the programmes are standard normal, sex is 0 or 1. Labels
        depend on linear functions of them alone.
    """
    ids = pd.Index([f"P{i:04d}" for i in range(SAMPLES)], name="sample_id")
    programmes = _stream(seed, "programmes").normal(size=(SAMPLES, PROGRAMMES))
    sex = _stream(seed, "sex").integers(0, 2, SAMPLES)
    return pd.DataFrame(programmes, index=ids, columns=_NAMES).assign(sex=sex)


def ontology(seed: int = 0) -> pd.DataFrame:
    """Return which programmes each feature of a cohort follows, up or down.

    Returns
    -------
    pandas.DataFrame
        ``feature`` and ``node``, the programme; a feature of several has as many rows.
    """
    parts = []
    for name, features in FEATURES.items():
        if name == "meth":
            follows = np.arange(PROGRAMMES)[:, None] == _turns(features)
        else:
            # The first that the modality's own stream is asked for.
            follows = _loadings(features, _stream(seed, name)) != 0
        of, node = np.nonzero(follows.T)
        names = {"feature": [f"{name}_{i}" for i in of], "node": [_NAMES[i] for i in node]}
        parts.append(pd.DataFrame(names))
    return pd.concat(parts, ignore_index=True)


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _lines(programmes: np.ndarray, features: int, stream: np.random.Generator) -> np.ndarray:
    """Features that rise and fall with the programmes: what these say lies in as many directions.

    Parameters
    ----------
    programmes
        (samples, programmes).
    features
        How many.
    stream
        Source of the loadings, of which about a third is not 0.

    Returns
    -------
    numpy.ndarray
        (samples, features).
    """
    return programmes @ _loadings(features, stream)


def _loadings(features: int, stream: np.random.Generator) -> np.ndarray:
    return stream.normal(size=(PROGRAMMES, features)) * (
        stream.random((PROGRAMMES, features)) < 0.35
    )


def _turns(features: int) -> np.ndarray:
    """Programme of each feature that follows one."""
    return np.arange(features) % PROGRAMMES


def _waves(programmes: np.ndarray, features: int, stream: np.random.Generator) -> np.ndarray:
    """Features that open and close again as a programme goes on, each at a pace of its own.

    A programme bends them along a curve that turns through many directions, and no linear one goes
    along with it; who follows the curve has one number.

    Parameters
    ----------
    programmes, features
        As for :func:`_lines`. Features take the programmes in turns.
    stream
        Source of pace and phase.
    """
    of_feature = programmes[:, _turns(features)]
    pace = stream.uniform(*PACE, features)
    phase = stream.uniform(0, 2 * np.pi, features)
    return np.sqrt(2) * np.sin(pace * of_feature + phase)


def _activity(followed: np.ndarray, sex: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Add what the sex does to some features, and what nobody knows of."""
    by_sex = stream.choice(followed.shape[1], BY_SEX, replace=False)
    followed[:, by_sex] += 1.5 * (sex[:, None] - 0.5)
    return followed + NOISE * stream.normal(size=followed.shape)


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
    ids: pd.Index, programmes: np.ndarray, sex: np.ndarray, stream: np.random.Generator
) -> pd.DataFrame:
    """Labels that depend on the programmes, with noise; each is missing for some, all for a few."""
    noise = stream.normal(size=(len(ids), 8))
    one, two, three, four, five = programmes.T
    # The last class is rare.
    pull = np.stack([0 * one, 1.5 * one, 1.5 * two, 1.5 * three - 2.2], axis=1)
    subtype = (pull + 0.7 * noise[:, :4]).argmax(axis=1)
    grade = np.digitize(three + 0.6 * noise[:, 4], [-0.5, 0.7])
    severity = four + 0.6 * noise[:, 5]
    stage = np.digitize(severity, [-0.6, 0.3, 1.2])
    risk = 0.8 * severity + 0.8 * five + 0.6 * noise[:, 6]
    months = stream.exponential(60 * np.exp(-0.8 * risk))
    censored = stream.uniform(10, 120, len(ids))
    table = pd.DataFrame(
        {
            "subtype": np.array(["luminal", "basal", "mesenchymal", "rare"])[subtype],
            "grade": np.array(["G1", "G2", "G3"])[grade],
            "sex": np.array(["female", "male"])[sex],
            "stage": np.array(["I", "II", "III", "IV"])[stage],
            "status": np.where(months <= censored, "deceased", "alive"),
            "months": np.minimum(months, censored).round(1),
            "age": (60 + 6 * five + 5 * noise[:, 7]).round().astype(int),
        },
        index=ids,
    )
    for column in ("grade", "stage", "status", "age"):
        gone = stream.random(len(ids)) < 0.08
        table[column] = table[column].astype(object).where(~gone)
    return table[stream.random(len(ids)) < 0.97]
