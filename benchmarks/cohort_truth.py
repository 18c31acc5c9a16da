"""What an autoencoder could gain on the simulated cohort, told without one.

The simulator's own programmes are the best representation that there is: labels depend on nothing
else. For every modality and label the probe of the platform (a balanced logistic regression on
train, scored by AUC) is fitted on the programmes, on these with their squares and products, and on
principal components of the observed matrix, whose number the valid samples choose. The difference
of programmes and components, on test, is what a perfect representation gains. The simulator's
parameters were chosen by this table. Run as ``python -m benchmarks.cohort_truth [SEEDS]``.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import PolynomialFeatures

from aehpo_assets.datasets.dataset import Dataset, read_dataset
from aehpo_assets.datasets.labels import ClassificationTarget, downstream_targets
from aehpo_assets.datasets.read_labels import read_labels
from aehpo_assets.datasets.read_matrix import read_matrix
from aehpo_assets.datasets.simulate import hidden_programmes, write_cohort
from aehpo_assets.datasets.split import draw_split, restrict_split
from aehpo_assets.omics.preprocess import preprocess
from aehpo_assets.study.data import Preprocessing, Split

MODALITIES = ("rna", "meth", "dna")
COMPONENTS = (2, 4, 8, 16, 32, 64)
"""Those that studies try."""

SEEDS = 10


def truth(seed: int) -> pd.DataFrame:
    """Score programmes and components of one simulated cohort.

    Parameters
    ----------
    seed
        Of the cohort; the split is that of every study.

    Returns
    -------
    pandas.DataFrame
        One row a modality and label: ``seed, modality, label, weight`` in the objective,
        ``programmes``, ``with_products`` and ``pca`` (AUC on test), ``components`` chosen.
    """
    with tempfile.TemporaryDirectory() as folder:
        write_cohort(Path(folder), seed)
        dataset = read_dataset(Path(folder))
        parts = [pd.DataFrame(_modality(dataset, name, seed)) for name in MODALITIES]
    return pd.concat(parts, ignore_index=True).assign(seed=seed)


def _modality(dataset: Dataset, modality: str, seed: int) -> Iterator[dict[str, object]]:
    matrix = read_matrix(dataset, modality)
    split = restrict_split(draw_split(dataset, Split()), matrix.index)
    values = preprocess(matrix, split, Preprocessing()).to_numpy(dtype=np.float64)
    part = split.to_numpy(dtype=str)
    hidden = hidden_programmes(seed).loc[matrix.index].to_numpy(dtype=np.float64)
    products = PolynomialFeatures(2, include_bias=False).fit_transform(hidden)
    components = PCA(max(COMPONENTS), svd_solver="full").fit(values[part == "train"])
    coordinates = components.transform(values)
    targets = downstream_targets(read_labels(dataset, matrix.index), split)
    for target in targets.classification:
        found = {n: _auc(coordinates[:, :n], target, part) for n in COMPONENTS}
        best = max(found, key=lambda n: found[n]["valid"])
        yield {
            "modality": modality,
            "label": target.label,
            "weight": target.weight,
            "programmes": _auc(hidden, target, part)["test"],
            "with_products": _auc(products, target, part)["test"],
            "pca": found[best]["test"],
            "components": best,
        }


def _auc(latents: np.ndarray, target: ClassificationTarget, part: np.ndarray) -> dict[str, float]:
    """AUC on valid and test of the probe fitted on train."""
    known = target.codes >= 0
    train = known & (part == "train")
    probe = LogisticRegression(class_weight="balanced", max_iter=5000)
    probe.fit(latents[train], target.codes[train])
    scores = {}
    for name in ("valid", "test"):
        rows = known & (part == name)
        chances = probe.predict_proba(latents[rows])
        if len(target.classes) == 2:
            chances = chances[:, 1]
        scores[name] = float(roc_auc_score(target.codes[rows], chances, multi_class="ovo"))
    return scores


def weighted(table: pd.DataFrame) -> pd.DataFrame:
    """Return the objective of each cohort and modality: the labels' scores, weighted.

    Parameters
    ----------
    table
        Output of :func:`truth`, of any number of seeds.

    Returns
    -------
    pandas.DataFrame
        One row a modality and seed: ``programmes``, ``with_products``, ``pca``, and ``to_gain``,
        programmes less components.
    """
    scores = ["programmes", "with_products", "pca"]
    objective = table[scores].mul(table["weight"], axis=0)
    keys = [table["modality"], table["seed"]]
    found = objective.groupby(keys, sort=False).sum().reset_index()
    return found.assign(to_gain=found["programmes"] - found["pca"])


def main(seeds: int = SEEDS) -> None:
    """Print what there is to gain, by modality and label, over some cohorts."""
    table = pd.concat([truth(seed) for seed in range(seeds)], ignore_index=True)
    shown = ["programmes", "with_products", "pca", "components"]
    by_label = table.groupby(["modality", "label"], sort=False)[shown].mean()
    print(f"Mean AUC on test over {seeds} cohorts; PCA with the components that valid chose")
    print(by_label.round(3).to_string(), end="\n\n")
    objective = weighted(table).groupby("modality", sort=False)
    print("The objective: all labels, weighted as a study weights them")
    means = objective[["programmes", "with_products", "pca", "to_gain"]].mean()
    spread = objective["to_gain"].agg(lowest="min", highest="max")
    print(means.join(spread).round(3).to_string())


if __name__ == "__main__":
    main(*(int(number) for number in sys.argv[1:2]))
