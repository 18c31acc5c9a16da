"""Downstream scores: what the latents of runs tell about the labels of a task.

Here belongs the order of work and the table; classifier, AUC and regression have their own files.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.hpo.columns import INFLUENCE, TEST_SCORE, VALID_SCORE
from aehpo_gpu.evaluation.auc import auc_one_vs_one
from aehpo_gpu.evaluation.influence import auc_influence
from aehpo_gpu.evaluation.logistic import fit_logistic_regression, predict_probabilities
from aehpo_gpu.evaluation.regression import fit_ridge, r2_of_ridge
from aehpo_gpu.evaluation.threads import threads_for

SCORES = {"valid": VALID_SCORE, "test": TEST_SCORE}

COLLAPSED_VARIANCE = 1e-12
"""Share of a column's mean square, above the rounding of float32, that counts as variance."""

SMALLEST_VARIANCE = 1e-30

CHUNK_BYTES = 2**25
"""Size of the class probabilities of the runs that are scored together."""


def score_latents(
    latents: Tensor, split: np.ndarray, targets: DownstreamTargets, *, influence: bool = False
) -> pd.DataFrame:
    """Score the latents of many runs on the labels of a task.

    A balanced logistic regression is fitted on the train latents for each classification label
    and scored by AUC (one-vs-one, macro) on valid and test; a ridge regression for each regression
    label, scored by R2. Samples without a label are left out for that label. A run whose latents
    are collapsed or not finite is scored as if its latents were all zero: its AUC is 0.5.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim), all samples of the task in the order of the matrix. Columns of
        zeros, behind runs with fewer latent dimensions, change nothing.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels of the task; their codes and values are in the order of the matrix.
    influence
        Whether to say what each test sample adds to the test score.

    Returns
    -------
    pd.DataFrame
        One row a run: ``auc_<label>_valid`` and ``auc_<label>_test`` of each classification label,
        ``r2_<label>_valid`` and ``r2_<label>_test`` of each regression label, the two averages
        weighted by ``targets`` (NaN without classification labels), and ``latent_status``: ``ok``,
        ``collapsed`` (no column varies on train) or ``non-finite``. With ``influence``,
        ``test_influence``: (test samples,) of each run
        (:func:`aehpo_gpu.evaluation.influence.auc_influence`), weighted like the labels.

    Raises
    ------
    ValueError
        The latents and the split have different numbers of samples.
    """
    _, n_samples, _ = latents.shape
    if split.shape != (n_samples,):
        raise ValueError(f"latents of {n_samples} samples and a split of {split.shape}")
    status = latent_status(latents, split)
    usable = torch.from_numpy(status == "ok").to(latents.device)
    latents = torch.where(usable[:, None, None], latents, 0.0)
    widest = max((len(target.classes) for target in targets.classification), default=1)
    chunk = max(1, CHUNK_BYTES // (8 * n_samples * widest))
    # The classifiers' steps are made of many small products.
    with threads_for(latents.numel()):
        parts = [_scores(part, split, targets, influence) for part in latents.split(chunk)]
    return pd.concat(parts, ignore_index=True).assign(latent_status=status)


def _scores(
    latents: Tensor, split: np.ndarray, targets: DownstreamTargets, influence: bool
) -> pd.DataFrame:
    averages = {part: np.zeros(len(latents)) for part in SCORES}
    added = np.zeros((len(latents), len(split)))
    columns: dict[str, np.ndarray] = {}
    for target in targets.classification:
        n_classes = len(target.classes)
        known = target.codes >= 0
        X, codes = _part(latents, target.codes, known & (split == "train"))
        coefficients = fit_logistic_regression(X, codes, n_classes)
        for part, average in averages.items():
            X, codes = _part(latents, target.codes, known & (split == part))
            probabilities = predict_probabilities(X, coefficients)
            auc = auc_one_vs_one(probabilities, codes, n_classes).cpu().numpy()
            columns[f"auc_{target.label}_{part}"] = auc
            average += target.weight * auc
            if influence and part == "test":
                of_samples = auc_influence(probabilities, codes, n_classes).cpu().numpy()
                added[:, known & (split == part)] += target.weight * of_samples
    for number in targets.regression:
        known = np.isfinite(number.values)
        ridge = fit_ridge(*_part(latents, number.values, known & (split == "train")))
        for part in SCORES:
            X, values = _part(latents, number.values, known & (split == part))
            columns[f"r2_{number.label}_{part}"] = r2_of_ridge(X, ridge, values).cpu().numpy()
    for part, name in SCORES.items():
        columns[name] = averages[part] if targets.classification else np.full(len(latents), np.nan)
    table = pd.DataFrame(columns, index=pd.RangeIndex(len(latents)))
    return table.assign(**{INFLUENCE: list(added[:, split == "test"])}) if influence else table


def latent_status(latents: Tensor, split: np.ndarray) -> np.ndarray:
    """State of each run's latents.

    Parameters
    ----------
    latents
        (runs, samples, latent_dim).
    split
        (samples,) ``train``, ``valid`` or ``test``.

    Returns
    -------
    np.ndarray
        (runs,) text: ``non-finite`` with a NaN or infinity in any sample; ``collapsed`` with no
        column whose variance on train is above ``COLLAPSED_VARIANCE`` of its mean square, and
        above ``SMALLEST_VARIANCE``; else ``ok``.
    """
    finite = torch.isfinite(latents).all(-1).all(-1)
    X = latents[:, torch.from_numpy(split == "train").to(latents.device)].to(torch.float64)
    variance = X.var(1, correction=0)
    smallest = (COLLAPSED_VARIANCE * X.square().mean(1)).clamp_min(SMALLEST_VARIANCE)
    varies = (variance > smallest).any(-1)
    return np.where(
        ~finite.cpu().numpy(), "non-finite", np.where(varies.cpu().numpy(), "ok", "collapsed")
    )


def _part(latents: Tensor, labels: np.ndarray, rows: np.ndarray) -> tuple[Tensor, Tensor]:
    chosen = torch.from_numpy(np.flatnonzero(rows)).to(latents.device)
    return latents[:, chosen], torch.from_numpy(labels[rows]).to(latents.device)
