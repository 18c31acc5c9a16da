"""AUC one-vs-one of 33 classes and 1,000 samples, against sklearn's ``roc_auc_score``."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from aehpo_gpu.evaluation.auc import auc_one_vs_one
from benchmarks.case import Case, seconds, side_by_side, threads

CLASSES, SAMPLES = 33, 1000


def run(quick: bool) -> list[Case]:
    """Measure, and make sure that the values agree."""
    source = np.random.default_rng(0)
    codes = source.integers(0, CLASSES, SAMPLES)
    scores = source.normal(size=(SAMPLES, CLASSES))
    scores[np.arange(SAMPLES), codes] += 1
    probabilities = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    stacked = torch.from_numpy(probabilities)[None]
    labels = torch.from_numpy(codes)
    values: dict[str, float] = {}
    calls = 20

    def ours() -> float:
        def work() -> None:
            for _ in range(calls):
                values["ours"] = float(auc_one_vs_one(stacked, labels, CLASSES)[0])

        return seconds(work) / calls

    def theirs() -> float:
        def work() -> None:
            values["sklearn"] = roc_auc_score(codes, probabilities, multi_class="ovo")

        return seconds(work)

    with threads(1):
        ours()
        sides = side_by_side([(ours, theirs)], 3 if quick else 7)
    difference = abs(values["ours"] - values["sklearn"])
    if difference > 1e-9:
        raise AssertionError(f"the AUC differs from sklearn's by {difference}")
    return [
        Case.of(
            "AUC one-vs-one, 33 classes, 1,000 samples",
            "sklearn's roc_auc_score",
            100.0,
            sides.ratios,
            cpu_ratio=sides.cpu_ratio,
            milliseconds=1e3 * sides.ours,
            milliseconds_of_sklearn=1e3 * sides.theirs,
            difference=difference,
        )
    ]
