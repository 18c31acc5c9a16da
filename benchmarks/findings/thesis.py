"""Items 20, 26 and 27: what the reference study says of its hyperparameters and architectures."""

from __future__ import annotations

import time
from functools import partial

import numpy as np
import pandas as pd

from aehpo_assets.space import sample_configurations, search_space
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.training.prices import SHIPPED_CPU
from aehpo_gpu.training.shard import train_shard
from aehpo_gpu.training.task import TrainingSettings
from benchmarks.findings.cohorts import TWIN, Given
from benchmarks.findings.trainings import grid
from benchmarks.findings.verdict import BELOW, Finding, bootstrapped, paired

COUNT, EPOCHS = 32, 10
TIMINGS = 6
IRRELEVANT = (-0.2, 0.2)
"""Rank correlation with the score that counts as none."""

SIGNS = {
    "lr_fixed": (-1.0, 0.0),
    "n_layers": (-1.0, 0.0),
    "latent_dim_fixed": (0.0, 1.0),
    "k_filter": (0.0, 1.0),
    "drop_p": (-1.0, 0.0),
    "enc_factor": IRRELEVANT,
    "batch_size": IRRELEVANT,
}
"""Hyperparameter to where its rank correlation with the score lies by the claim."""


def findings(given: Given) -> list[Finding]:
    """Train drawn configurations on both data sets and hold items 20 and 27 against them."""
    scores: dict[tuple[str, str], pd.Series] = {}
    drawn = pd.DataFrame()
    for architecture in ("vanillix", "varix"):
        space = search_space(architecture, {"k_filter": [128, 256, 512, 1024]})
        drawn = sample_configurations(space, COUNT, 42)
        for name, cohort in (("tcga", given.tcga), ("pbmc_cite", given.cells)):
            runs = given.trainer.runs("thesis", cohort, architecture, drawn, [0], EPOCHS)
            scores[architecture, name] = runs["auc"].fillna(0.5).reset_index(drop=True)
    run = (
        f"{COUNT} drawn configurations (k_filter to 1,024), vanillix and varix on tcga_rna and "
        f"pbmc_cite_rna, {EPOCHS} epochs, the same draws, one seed"
    )
    ranks = {key: score.rank().to_numpy() for key, score in scores.items()}

    def correlation(name: str, rows: np.ndarray) -> float:
        values = drawn[name].to_numpy(dtype=float)[rows]
        return float(np.mean([_spearman(values, rank[rows]) for rank in ranks.values()]))

    def difference(name: str, rows: np.ndarray) -> float:
        apart = scores["varix", name] - scores["vanillix", name]
        return float(apart.to_numpy()[rows].mean())

    found = [
        Finding(
            f"20{letter}",
            claim,
            "000 5.2",
            run if letter == "a" else "as 20a",
            tuple(
                bootstrapped(
                    f"rank correlation of {name} with AUC",
                    partial(correlation, name),
                    COUNT,
                    SIGNS[name],
                    named_seed(0, "findings", name),
                )
                for name in names
            ),
        )
        for letter, names, claim in (
            ("a", ("lr_fixed",), "smaller learning rates are better"),
            ("b", ("n_layers",), "fewer layers are better"),
            ("c", ("latent_dim_fixed",), "more latents (to 64) are better"),
            ("d", ("k_filter",), "more features are better"),
            ("e", ("drop_p",), "less dropout is better"),
            ("f", ("enc_factor", "batch_size"), "encoding factor and batch size do not matter"),
        )
    ]
    less = [
        bootstrapped(
            f"AUC of varix less vanillix, {name}",
            partial(difference, name),
            COUNT,
            BELOW,
            named_seed(0, "findings", "varix", name),
        )
        for name in ("tcga", "pbmc_cite")
    ]
    claim = "varix scores below vanillix"
    return [*found, Finding("27", claim, "000 5.3", "as 20a, in pairs", tuple(less))]


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    from scipy.stats import rankdata

    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def batch_sizes(given: Given) -> list[Finding]:
    """Item 26: how much longer a run of batches of 32 takes than one of 256."""
    data = given.tcga.data(0)
    settings = TrainingSettings(epochs=4, device="cpu")
    ratios = []
    for timing in range(TIMINGS):
        taken = {}
        for size in (32, 256) if timing % 2 else (256, 32):
            fixed = TWIN | {"batch_size": size, "latent_dim_fixed": 16, "lr_fixed": 0.001}
            runs = grid(fixed, seed=[0])
            started = time.process_time()
            trained = train_shard(data, "vanillix", runs, [[0]], settings, SHIPPED_CPU).runs
            scored = float(trained["evaluation_runtime"].sum())
            taken[size] = time.process_time() - started - scored
        ratios.append(taken[32] / taken[256])
    runs = grid(TWIN | {"latent_dim_fixed": 16, "lr_fixed": 0.001}, seed=[0])
    priced = [
        SHIPPED_CPU.training_runtime(
            "vanillix", runs.assign(batch_size=size), data.n_features, data.n_train, 1
        )[0]
        for size in (32, 256)
    ]
    return [
        Finding(
            "26",
            "batches of 32 take about 6 times as long as those of 256",
            "000 5.2",
            f"vanillix alone, 512-128-16, 4 epochs, processor time on one core, {TIMINGS} timings",
            (
                paired("time of 32 by that of 256", ratios, (3, 8)),
                paired("the same by the shipped prices", [priced[0] / priced[1]], None),
            ),
        )
    ]
