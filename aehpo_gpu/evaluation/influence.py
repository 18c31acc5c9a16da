"""What each sample adds to the area under the ROC curve of a run: how other samples would score.

The score of a model on some samples is an estimate of its score on all such samples. What single
samples add to it says how far it may lie from that, and, of two models on the same samples, how far
their difference may: an interval for new patients, by the method of DeLong, DeLong & Clarke-Pearson
(Biometrics 44, 1988), here for the average over pairs of classes.
"""

from __future__ import annotations

import torch
from torch import Tensor

from aehpo_gpu.evaluation.auc import mean_over_ties


def auc_influence(scores: Tensor, codes: Tensor, n_classes: int) -> Tensor:
    """Return what each sample adds to the one-vs-one AUC of each run, less the mean of its class.

    The number of samples of each class is taken as given. For two classes, the sum of the squares
    over the samples is DeLong's variance of the AUC, and that of the difference of two runs
    DeLong's variance of the difference of their AUCs.

    Parameters
    ----------
    scores, codes, n_classes
        As for :func:`aehpo_gpu.evaluation.auc.auc_one_vs_one`.

    Returns
    -------
    Tensor
        (runs, samples) float64. The sum over the samples of a class is zero; so is the influence
        of the only sample of one, of which nothing can be said.
    """
    codes = codes.to(scores.device)
    counts = torch.bincount(codes, minlength=n_classes).to(torch.float64)
    columns = torch.arange(n_classes, device=scores.device)
    if n_classes == 2:
        columns = columns[1:]
    ranked, order = scores[:, :, columns].transpose(1, 2).contiguous().sort(dim=-1)
    ranked_codes = codes[order]
    is_own = ranked_codes == columns[:, None]
    own = is_own.to(torch.float64)
    # A sample of the column's class wins against those of others below it, each class for one;
    # one of another class lets those of the column's class win that lie above it.
    weights = torch.where(is_own, 0.0, 1 / counts[ranked_codes])
    won = mean_over_ties(ranked, weights.cumsum(-1))
    let = 1 - mean_over_ties(ranked, own.cumsum(-1)) / counts[columns][:, None]
    placed = torch.where(is_own, won, let)
    by_column = torch.empty_like(placed).scatter_(-1, order, placed)
    pairs = 1 if n_classes == 2 else n_classes * (n_classes - 1)
    placements = by_column.sum(1) / pairs
    sums = placements.new_zeros(len(placements), n_classes)
    sums.scatter_add_(-1, codes.expand_as(placements), placements)
    centred = placements - (sums / counts)[:, codes]
    # Squares of n deviations from their own mean are n - 1 free ones.
    free = torch.where(counts > 1, 1 / (counts * (counts - 1)).clamp_min(1).sqrt(), 0.0)
    return centred * free[codes]
