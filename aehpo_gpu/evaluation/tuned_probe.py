"""A probe whose strength of regularisation is tuned: how much the fixed one holds back.

Latents are scored by a logistic regression with C = 1, the same for all (``downstream``). Here C is
chosen by cross-validation on the train latents of a run, label by label, as scikit-learn's
``GridSearchCV`` does; samples outside train take no part in the choice (nested in the study's
split). What the probe minimises belongs to ``logistic``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch

from aehpo_assets.datasets.labels import DownstreamTargets
from aehpo_assets.store.provenance import named_seed
from aehpo_gpu.evaluation.auc import auc_one_vs_one
from aehpo_gpu.evaluation.logistic import fit_logistic_regression, predict_probabilities

FIXED = 1.0
"""C of the probe that runs are scored by."""

COLUMNS = ("label", "folds", "C", "cv_auc", "cv_auc_fixed")


def tuned_probe(
    latents: np.ndarray,
    split: np.ndarray,
    targets: DownstreamTargets,
    values: Sequence[float],
    folds: int = 5,
    parts: Sequence[str] = ("valid",),
) -> pd.DataFrame:
    """Choose C of each classification label by cross-validation, and score what was chosen.

    Parameters
    ----------
    latents
        (samples, latents) finite, in the order of the split.
    split
        (samples,) ``train``, ``valid`` or ``test``.
    targets
        Labels of the task.
    values
        Values of C to choose from, ascending; of equally good ones the first is taken.
    folds
        Stratified folds of the train samples; fewer where a class has fewer samples there.
    parts
        Parts that the probe of all train samples is scored on.

    Returns
    -------
    pandas.DataFrame
        One row a label: ``label``, ``folds``, ``C``; ``cv_auc``, the mean AUC (one-vs-one, macro)
        over the folds with it, and ``cv_auc_fixed``, that with a C of 1; and for each part
        ``auc_<part>`` and ``auc_<part>_fixed``.
    """
    every = torch.from_numpy(np.asarray(latents, dtype=np.float64))
    # The probe with C on X is the probe with 1 on sqrt(C) X.
    tried = torch.tensor([*values, FIXED], dtype=torch.float64).sqrt()[:, None, None]
    rows = []
    for target in targets.classification:
        known = target.codes >= 0
        rows_of = {part: np.flatnonzero(known & (split == part)) for part in ("train", *parts)}
        train = rows_of["train"]
        codes = target.codes[train]
        number = min(folds, int(np.bincount(codes, minlength=len(target.classes)).min()))
        found = []
        for fitted, held_out in fold_rows(codes, number, target.label):
            of_fold = _auc(every, tried, target.codes, train[fitted], [train[held_out]])
            found.append(of_fold[0])
        means = np.mean(found, axis=0)
        best = int(np.argmax(means[:-1]))
        row = {
            "label": target.label,
            "folds": number,
            "C": float(values[best]),
            "cv_auc": means[best],
            "cv_auc_fixed": means[-1],
        }
        chosen = tried[[best, -1]]
        scored = _auc(every, chosen, target.codes, train, [rows_of[part] for part in parts])
        for part, (tuned, fixed) in zip(parts, scored, strict=True):
            row |= {f"auc_{part}": tuned, f"auc_{part}_fixed": fixed}
        rows.append(row)
    scores = [name for part in parts for name in (f"auc_{part}", f"auc_{part}_fixed")]
    return pd.DataFrame(rows, columns=[*COLUMNS, *scores])


def fold_rows(codes: np.ndarray, folds: int, label: str) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows that are fitted and held out in each stratified fold of a label."""
    from sklearn.model_selection import StratifiedKFold

    drawn = StratifiedKFold(folds, shuffle=True, random_state=named_seed(0, "probe", label))
    return list(drawn.split(np.zeros(len(codes)), codes))


def _auc(
    latents: torch.Tensor,
    scales: torch.Tensor,
    codes: np.ndarray,
    fitted: np.ndarray,
    scored: Sequence[np.ndarray],
) -> list[np.ndarray]:
    """AUC on some rows of probes fitted on others, (scales,) each."""
    known = torch.from_numpy(codes)
    classes = int(codes.max()) + 1
    coefficients = fit_logistic_regression(scales * latents[fitted], known[fitted], classes)
    found = []
    for rows in scored:
        probabilities = predict_probabilities(scales * latents[rows], coefficients)
        found.append(auc_one_vs_one(probabilities, known[rows], classes).cpu().numpy())
    return found
