"""How fine a score can be told: the step of the weighted average with few valid samples.

Here belongs the size of that step, which is printed beside every verdict on scores.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np

from aehpo_assets.datasets.labels import DownstreamTargets


def valid_granularity(targets: DownstreamTargets, split: np.ndarray) -> float:
    """Largest change of the weighted valid AUC when two valid samples swap their places.

    Two samples of the classes a and b that are neighbours in the order of the scores change
    AUC(a, b) by 1 / (n_a n_b) when they swap, and a label's AUC by that over its number of class
    pairs. Largest is the change by the pair of smallest classes in each label at once, so the sum
    over labels of ``weight / (pairs * smallest n_a n_b)``. Differences between configurations
    below it are one swap of two samples, not a finding.

    Parameters
    ----------
    targets
        Labels of the task.
    split
        (samples,) ``train``, ``valid`` or ``test``.

    Returns
    -------
    float
        In units of the AUC; NaN without classification labels.
    """
    if not targets.classification:
        return float("nan")
    step = 0.0
    for target in targets.classification:
        codes = target.codes[(split == "valid") & (target.codes >= 0)]
        counts = np.bincount(codes, minlength=len(target.classes))
        products = [int(a) * int(b) for a, b in combinations(counts, 2)]
        step += target.weight / len(products) / min(products)
    return step
