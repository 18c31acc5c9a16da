"""Downstream scores of 64 runs (16 latents, 500 samples, 5 labels), against sklearn one by one."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from aehpo_assets.datasets.labels import ClassificationTarget, DownstreamTargets
from aehpo_gpu.evaluation.downstream import score_latents
from benchmarks.case import Case, seconds, side_by_side, threads

RUNS, LATENTS, SAMPLES = 64, 16, 500
CLASSES = (2, 2, 3, 5, 8)
LARGEST_DIFFERENCE = 0.005


def run(quick: bool) -> list[Case]:
    """Measure, and make sure that the scores agree."""
    latents, split, targets = _problem()
    stacked = torch.from_numpy(latents)
    table: dict[str, np.ndarray] = {}
    some = list(range(0, RUNS, 8 if quick else 1))

    def ours() -> float:
        def work() -> None:
            scores = score_latents(stacked, split, targets)
            table["ours"] = scores[[f"auc_{t.label}_test" for t in targets.classification]]

        return seconds(work)

    def theirs() -> float:
        def work() -> None:
            table["sklearn"] = np.array(
                [
                    [_sklearn_score(latents[r], split, t) for t in targets.classification]
                    for r in some
                ]
            )

        return seconds(work) * RUNS / len(some)

    with threads(1):
        ours()
        sides = side_by_side([(ours, theirs)], 3)
    difference = float(np.abs(np.asarray(table["ours"])[some] - table["sklearn"]).max())
    if difference > LARGEST_DIFFERENCE:
        raise AssertionError(f"an AUC differs from sklearn's by {difference}")
    return [
        Case.of(
            "downstream scores of 64 runs, 5 labels",
            "sklearn's LogisticRegression and roc_auc_score, one by one",
            5.0,
            sides.ratios,
            cpu_ratio=sides.cpu_ratio,
            seconds=sides.ours,
            seconds_of_sklearn=sides.theirs,
            largest_difference_of_auc=difference,
        )
    ]


def _problem() -> tuple[np.ndarray, np.ndarray, DownstreamTargets]:
    source = np.random.default_rng(0)
    truth = source.normal(size=(SAMPLES, LATENTS))
    mixing = source.normal(size=(RUNS, LATENTS, LATENTS)) / 4
    latents = truth @ mixing + 0.5 * source.normal(size=(RUNS, SAMPLES, LATENTS))
    split = source.permutation(["train"] * 350 + ["valid"] * 50 + ["test"] * 100)
    targets = []
    for number, count in enumerate(CLASSES):
        logits = truth @ source.normal(size=(LATENTS, count)) + source.gumbel(size=(SAMPLES, count))
        names = tuple(f"class {i}" for i in range(count))
        codes = logits.argmax(1)
        targets.append(ClassificationTarget(f"label {number}", names, codes, 1 / len(CLASSES)))
    return latents.astype(np.float32), split, DownstreamTargets(tuple(targets), (), {})


def _sklearn_score(latents: np.ndarray, split: np.ndarray, target: ClassificationTarget) -> float:
    train, test = split == "train", split == "test"
    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    model.fit(latents[train], target.codes[train])
    probabilities = model.predict_proba(latents[test])
    if len(target.classes) == 2:
        return float(roc_auc_score(target.codes[test], probabilities[:, 1]))
    return float(roc_auc_score(target.codes[test], probabilities, multi_class="ovo"))
