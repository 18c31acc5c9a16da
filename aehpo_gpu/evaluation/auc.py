"""Area under the ROC curve of many runs at once, one-vs-one for several classes.

Here belongs the ranking arithmetic; which classifier made the scores does not.
"""

from __future__ import annotations

import torch
from torch import Tensor


def auc_one_vs_one(scores: Tensor, codes: Tensor, n_classes: int) -> Tensor:
    """Area under the ROC curve of each run; the macro average over class pairs beyond two classes.

    The value is that of ``sklearn.metrics.roc_auc_score``: for two classes with the score of the
    second, for more with ``multi_class="ovo", average="macro"`` (Hand & Till 2001), which averages
    over every ordered pair (a, b) the AUC of a against b by the score of a. A pair's AUC is its
    Mann-Whitney U over n_a n_b; tied scores count one half, exactly.

    Each score column a is sorted once. The number of class-a samples above a sample, summed over
    the samples of class b, is U(a, b), so that the work grows with samples times classes and not
    with the pairs of classes.

    Parameters
    ----------
    scores
        (runs, samples, classes) finite class probabilities.
    codes
        (samples,) integer classes in [0, n_classes), shared by all runs.
    n_classes
        At least two.

    Returns
    -------
    Tensor
        (runs,) float64, between 0 and 1.

    Raises
    ------
    ValueError
        The shapes do not fit, or a class has no sample.
    """
    n_runs, n_samples, width = scores.shape
    if width != n_classes or n_classes < 2 or codes.shape != (n_samples,):
        raise ValueError(
            f"scores {tuple(scores.shape)} do not fit codes {tuple(codes.shape)} "
            f"of {n_classes} classes"
        )
    codes = codes.to(scores.device)
    counts = torch.bincount(codes, minlength=n_classes).to(torch.float64)
    if bool((counts == 0).any()):
        raise ValueError("every class needs a sample")
    columns = torch.arange(n_classes, device=scores.device)
    if n_classes == 2:
        columns = columns[1:]
    ranked, order = scores[:, :, columns].transpose(1, 2).contiguous().sort(dim=-1)
    ranked_codes = codes[order]
    own = (ranked_codes == columns[:, None]).to(torch.float64)
    above = counts[columns][:, None] - mean_over_ties(ranked, own.cumsum(-1))
    # Sums of halves are exact in any order, so that scattering them is deterministic.
    wins = above.new_zeros(n_runs, len(columns), n_classes).scatter_add_(-1, ranked_codes, above)
    auc = wins / (counts[columns][:, None] * counts)
    if n_classes == 2:
        return auc[:, 0, 0]
    pairs = n_classes * (n_classes - 1)
    return (auc.sum((-2, -1)) - auc.diagonal(dim1=-2, dim2=-1).sum(-1)) / pairs


def mean_over_ties(ranked: Tensor, cumulative: Tensor) -> Tensor:
    """Class counts below a score and up to it, averaged: half of the tied samples are below it."""
    position = torch.arange(ranked.shape[-1], device=ranked.device).expand(ranked.shape)
    changes = ranked[..., 1:] != ranked[..., :-1]
    edge = torch.ones_like(ranked[..., :1], dtype=torch.bool)
    first = torch.where(torch.cat([edge, changes], -1), position, 0).cummax(-1).values
    last_marked = torch.where(torch.cat([changes, edge], -1), position, ranked.shape[-1] - 1)
    last = last_marked.flip(-1).cummin(-1).values.flip(-1)
    padded = torch.cat([torch.zeros_like(cumulative[..., :1]), cumulative], -1)
    return (padded.gather(-1, first) + padded.gather(-1, last + 1)) / 2
