"""Class probabilities of several representations, averaged and scored: fusion of decisions.

Each representation has a probe of its own, as ``downstream`` fits it; here their probabilities are
averaged before they are scored.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.hpo.columns import INFLUENCE
from aehpo_gpu.evaluation.auc import auc_one_vs_one
from aehpo_gpu.evaluation.downstream import SCORES, latent_status
from aehpo_gpu.evaluation.influence import auc_influence
from aehpo_gpu.evaluation.logistic import fit_logistic_regression, predict_probabilities


def score_averaged(
    latents: Sequence[Tensor], split: np.ndarray, targets: DownstreamTargets
) -> pd.DataFrame:
    """Score the mean of the class probabilities that several representations give.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim) of each representation, the same runs and samples in all. Those
        that are collapsed or not finite count as zeros, as ``downstream.score_latents`` has it.
    split
        (samples,) ``train``, ``valid`` or ``test``; others belong to no part.
    targets
        Labels of the task, in the order of the samples.

    Returns
    -------
    pandas.DataFrame
        One row a run: ``auc_<label>_valid`` and ``auc_<label>_test``, the two averages weighted by
        ``targets`` (NaN without classification labels) and ``test_influence``, as
        ``downstream.score_latents`` returns them.
    """
    usable = [
        torch.where(torch.from_numpy(latent_status(own, split) == "ok")[:, None, None], own, 0.0)
        for own in latents
    ]
    runs = len(usable[0])
    averages = {part: np.zeros(runs) for part in SCORES}
    added = np.zeros((runs, len(split)))
    columns: dict[str, object] = {}
    for target in targets.classification:
        n_classes = len(target.classes)
        known = {part: (target.codes >= 0) & (split == part) for part in ("train", *SCORES)}
        codes = {part: torch.from_numpy(target.codes[rows]) for part, rows in known.items()}
        probes = [
            fit_logistic_regression(_rows(own, known["train"]), codes["train"], n_classes)
            for own in usable
        ]
        for part, average in averages.items():
            each = [
                predict_probabilities(_rows(own, known[part]), probe)
                for own, probe in zip(usable, probes, strict=True)
            ]
            mean = torch.stack(each).mean(0)
            auc = auc_one_vs_one(mean, codes[part], n_classes).numpy()
            columns[f"auc_{target.label}_{part}"] = auc
            average += target.weight * auc
            if part == "test":
                of_samples = auc_influence(mean, codes[part], n_classes).numpy()
                added[:, known[part]] += target.weight * of_samples
    for part, name in SCORES.items():
        columns[name] = averages[part] if targets.classification else np.full(runs, np.nan)
    table = pd.DataFrame(columns, index=pd.RangeIndex(runs))
    return table.assign(**{INFLUENCE: list(added[:, split == "test"])})


def _rows(latents: Tensor, rows: np.ndarray) -> Tensor:
    return latents[:, torch.from_numpy(np.flatnonzero(rows))]
